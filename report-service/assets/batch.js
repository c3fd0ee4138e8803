// A batch's page while the batch goes on: its part of the page is fetched anew whenever a count changes.
"use strict";

const batch = document.getElementById("batch");

async function follow() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("batch");
  const shown = document.getElementById("batch");
  if (fresh && shown) shown.replaceWith(fresh);
}

if (batch && batch.dataset.over === "false") {
  const events = new EventSource(`/batches/${batch.dataset.batch}/events`);
  events.addEventListener("tally", (event) => {
    const tally = JSON.parse(event.data);
    follow();
    if (tally.queued === 0 && tally.running === 0) events.close();
  });
}
