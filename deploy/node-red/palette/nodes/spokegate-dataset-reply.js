"use strict";

const { Fault, asFault, tell } = require("../lib/fault.js");
const { palette } = require("../lib/palette.js");

module.exports = function (RED) {
  const { desk } = palette(RED);

  function DatasetReply(config) {
    RED.nodes.createNode(this, config);
    const node = this;
    const inParts = config.mode === "parts";

    node.on("input", async (msg, send, done) => {
      let request;
      try {
        request = desk.find(msg);
        if (msg.error) {
          const fault = new Fault("flow-error", textOf(msg.error), "look at the node that failed");
          request.fail("flow-error", fault);
          node.status({ fill: "red", shape: "dot", text: "told the agent of an error" });
          done();
          return;
        }
        if (inParts && !msg.complete) {
          node.status({ fill: "blue", shape: "dot", text: `${request.rows} rows so far` });
          await request.add(msg.payload);
        } else {
          await request.finish(inParts && isEmpty(msg.payload) ? undefined : msg.payload);
          node.status({ fill: "green", shape: "dot", text: `${request.rows} rows` });
        }
        msg.spokegate = { ...msg.spokegate, rows: request.rows };
        send([msg, null]);
        done();
      } catch (error) {
        const fault = asFault(error);
        // What cannot be written ends the request: the agent shall not wait for it.
        if (request && !request.ended && fault.type !== "already-answered") {
          request.fail("flow-error", fault);
        }
        tell(node, fault, msg, send, done);
      }
    });
  }

  RED.nodes.registerType("spokegate-dataset-reply", DatasetReply);
};

// The last message of several may have nothing but its sign of the end.
function isEmpty(payload) {
  return payload === undefined || payload === null || payload === "";
}

function textOf(error) {
  return String(error.message || error.detail || error);
}
