// A run's page while the run goes on: the table follows, and the page is loaded anew at the end.
"use strict";

const run = document.getElementById("run");
const underWay = () => ["queued", "running"].includes(run.dataset.state);

function draw(progress) {
  const rows = progress.needs.map((need) => {
    const row = document.createElement("tr");
    const dataset = need.required ? need.dataset : `${need.dataset} (optional)`;
    for (const text of [need.tenant, dataset, need.state, String(need.rows), need.note]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return row;
  });
  document.getElementById("needs").replaceChildren(...rows);
  const state = document.getElementById("run-state");
  if (state) state.textContent = progress.state;
}

if (run && underWay()) {
  const events = new EventSource(`/runs/${run.dataset.run}/events`);
  events.addEventListener("progress", (event) => {
    const progress = JSON.parse(event.data);
    run.dataset.state = progress.state;
    draw(progress);
    if (!underWay()) {
      events.close();
      location.reload();
    }
  });
}
