// Helps on a report's form; it works without them.
"use strict";

// Days of one's own show only where they are asked for.
for (const period of document.querySelectorAll("select[data-period]")) {
  const days = document.getElementById(`${period.id}-days`);
  const follow = () => { days.hidden = period.value !== "own"; };
  period.addEventListener("change", follow);
  follow();
}

// The list of customers follows the search while it is typed.
const search = document.getElementById("find-tenant");
if (search) {
  const found = document.getElementById("find-tenant-found");
  const labels = [...document.querySelectorAll("#customer-list label")];
  search.addEventListener("input", () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    for (const label of labels) {
      const box = label.querySelector("input");
      const fits = `${label.textContent} ${box.value}`.toLowerCase().includes(wanted);
      label.hidden = !fits && !box.checked;
      if (!label.hidden) shown += 1;
    }
    found.textContent = wanted ? `${shown} of ${labels.length} customers are listed.` : "";
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}

// Whoever searches a list does not start the report.
for (const search of document.querySelectorAll("input[id^=seek-]")) {
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}

// All customers leave nothing to choose.
const all = document.getElementById("for-all");
if (all) {
  const list = document.getElementById("customer-list");
  const follow = () => { list.hidden = all.checked; };
  all.addEventListener("change", follow);
  follow();
}
