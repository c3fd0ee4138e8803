// What the editor asks: which datasets there are, and what a contract says of data before anything is sent. The token
// stays here; the browser never sees it.

"use strict";

const { Fault, asFault } = require("./fault.js");

/** Adds the addresses to the editor's API, for who may see and who may change flows. */
function serve(RED, { clientOf }) {
  const may = (what) => RED.auth.needsPermission(what);
  RED.httpAdmin.get("/spokegate/palette/datasets", may("flows.read"), (request, response) =>
    answer(response, async () => clientOf(request.query.agent).datasets()),
  );
  RED.httpAdmin.post("/spokegate/palette/check/:dataset/:version", may("flows.write"), (request, response) => {
    // A page of somebody else's can send a form without being asked, but not this type.
    if (!request.is("application/json")) {
      response.status(415).json(new Fault("refused", "the request is no JSON", "use the button in the editor"));
      return;
    }
    answer(response, async () => {
      const { dataset, version } = request.params;
      const kind = request.query.kind === "push" ? "push" : "pull";
      const text = dataOf(RED, request.body || {});
      return clientOf(request.query.agent).check(dataset, version, kind, text);
    });
  });
}

/** The text from the editor, or what the node last saw. */
function dataOf(RED, { text, node }) {
  if (typeof text === "string" && text.trim() !== "") {
    return text;
  }
  const seen = node ? RED.nodes.getNode(node) : undefined;
  if (seen && seen.sample) {
    return seen.sample;
  }
  throw new Fault("nothing-to-check", "the box is empty, and the node has seen no data since it was deployed", "paste some rows as JSON, or deploy and run the flow once");
}

async function answer(response, work) {
  try {
    response.json({ answer: await work() });
  } catch (error) {
    response.json({ fault: asFault(error) });
  }
}

module.exports = { serve };
