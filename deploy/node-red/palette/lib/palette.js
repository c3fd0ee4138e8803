// What the nodes of one Node-RED share.

"use strict";

const { AgentClient } = require("./agent-client.js");
const { Desk } = require("./desk.js");
const { Guard } = require("./guard.js");
const editor = require("./editor.js");
const routes = require("./routes.js");

const desk = new Desk();
const guard = new Guard();
const served = new WeakSet();

/** The palette at work in a Node-RED; adds its addresses the first time. */
function palette(RED) {
  const clientOf = (id) => {
    const config = id ? RED.nodes.getNode(id) : undefined;
    return new AgentClient(config && config.connection());
  };
  const shared = { desk, guard, clientOf };
  if (!served.has(RED.httpNode)) {
    served.add(RED.httpNode);
    routes.serve(RED.httpNode, desk, guard);
    editor.serve(RED, shared);
  }
  return shared;
}

module.exports = { palette };
