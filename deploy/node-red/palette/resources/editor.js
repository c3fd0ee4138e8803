// What the palette's edit dialogs share: the list of datasets, and the button that asks the contract.
(function () {
  "use strict";

  const API = "spokegate/palette";

  /** "/1/result" as people count: row 2, result. */
  function place(pointer) {
    if (!pointer) {
      return "the whole";
    }
    const steps = pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const row = /^\d+$/.test(steps[0]) ? `row ${Number(steps.shift()) + 1}` : "";
    return [row, steps.join(" › ")].filter(Boolean).join(", ");
  }

  function agentOf() {
    const chosen = $("#node-input-agent").val();
    return chosen && chosen !== "_ADD_" ? chosen : "";
  }

  function line(kind, text) {
    return $("<div>").addClass(`spokegate-verdict-${kind}`).text(text);
  }

  function show(box, { answer, fault }) {
    box.empty().show();
    if (fault) {
      box.append(line("bad", `${fault.title}: ${fault.detail}`), line("next", `Next: ${fault.next}`));
      return;
    }
    if (answer.valid) {
      box.append(line("good", `The contract takes it (${answer.checked} checked). Nothing was sent.`));
      return;
    }
    box.append(line("bad", `The contract does not take it. Nothing was sent.`));
    const table = $("<table>").append($("<tr>").append(["where", "rule", "allowed"].map((head) => $("<th>").text(head))));
    for (const { where, what, allowed } of answer.faults) {
      const cells = [place(where), what, allowed].map((text) => $("<td>").text(text));
      cells[0].attr("title", where);
      table.append($("<tr>").append(cells));
    }
    box.append(table);
  }

  function ask(kind, node) {
    const box = $("#spokegate-verdict");
    const dataset = $("#node-input-dataset").val().trim();
    const version = $("#node-input-version").val() || "1";
    box.empty().show().append(line("next", "asking the contract …"));
    $.ajax({
      type: "POST",
      url: `${API}/check/${encodeURIComponent(dataset)}/${encodeURIComponent(version)}?${$.param({ kind, agent: agentOf() })}`,
      contentType: "application/json",
      data: JSON.stringify({ text: $("#spokegate-sample").val(), node: node.id }),
    }).then(
      (told) => show(box, told),
      (failed) => show(box, { fault: { title: "The editor could not ask", detail: `status ${failed.status}`, next: "are you signed in with the right to change flows?" } }),
    );
  }

  /** Fills the list of datasets of one direction, and tells of the chosen one. */
  function datasets(direction) {
    const list = $("#spokegate-datasets");
    const about = $("#spokegate-about");
    let known = [];
    const tell = () => {
      const name = $("#node-input-dataset").val().trim();
      const version = Number($("#node-input-version").val() || 1);
      const found = known.find((one) => one.dataset === name && one.version === version);
      about.text(found ? [found.title, found.description].filter(Boolean).join(": ") : "");
    };
    $.getJSON(`${API}/datasets?${$.param({ agent: agentOf() })}`).then(({ answer, fault }) => {
      if (fault) {
        about.text(`${fault.title}: ${fault.detail}. ${fault.next}`);
        return;
      }
      known = answer.datasets.filter((one) => one.directions.includes(direction));
      list.empty();
      for (const name of new Set(known.map((one) => one.dataset))) {
        const first = known.find((one) => one.dataset === name);
        list.append($("<option>").attr("value", name).text(first.title));
      }
      tell();
    });
    $("#node-input-dataset, #node-input-version").on("change input", tell);
  }

  /** Sets the dialog of a node with a dataset up. `kind`: pull or push. */
  function prepare(node, kind) {
    datasets(kind);
    $("#spokegate-check").on("click", (event) => {
      event.preventDefault();
      ask(kind, node);
    });
  }

  window.spokegatePalette = {
    prepare,
    validName: (value) => /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(value || ""),
    validVersion: (value) => /^[1-9]\d{0,4}$/.test(String(value)),
  };

  $("<style>").text(`
    .spokegate-test { border-top: 1px solid var(--red-ui-secondary-border-color); margin-top: 14px; padding-top: 12px; }
    .spokegate-test textarea { width: 100%; height: 110px; font-family: monospace; resize: vertical; box-sizing: border-box; }
    .spokegate-tip { margin-bottom: 12px; }
    #spokegate-about { color: var(--red-ui-tertiary-text-color); margin: -4px 0 12px 105px; }
    #spokegate-verdict { display: none; margin-top: 10px; padding: 8px 10px; border: 1px solid var(--red-ui-secondary-border-color); border-radius: 4px; }
    #spokegate-verdict table { width: 100%; margin-top: 6px; border-collapse: collapse; }
    #spokegate-verdict th, #spokegate-verdict td { text-align: left; vertical-align: top; padding: 3px 6px; border-top: 1px solid var(--red-ui-secondary-border-color); overflow-wrap: break-word; }
    .spokegate-verdict-good { color: var(--red-ui-text-color-success, #2b8a3e); font-weight: bold; }
    .spokegate-verdict-bad { color: var(--red-ui-text-color-error, #ad1625); font-weight: bold; }
    .spokegate-verdict-next { margin-top: 4px; }
  `).appendTo(document.head);
})();
