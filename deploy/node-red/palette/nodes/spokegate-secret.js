"use strict";

const { Fault, asFault, tell } = require("../lib/fault.js");
const { palette } = require("../lib/palette.js");

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

module.exports = function (RED) {
  const { clientOf } = palette(RED);

  function Secret(config) {
    RED.nodes.createNode(this, config);
    const node = this;
    const property = config.property || "secret";

    async function value() {
      if (!NAME.test(config.secret || "")) {
        throw new Fault("settings", "the secret's name is missing", "open the node and write it");
      }
      // What Node-RED was started with needs no question.
      const own = RED.util.evaluateNodeProperty(config.secret, "env", node);
      return own === undefined || own === "" ? clientOf(config.agent).secret(config.secret) : own;
    }

    node.on("input", async (msg, send, done) => {
      try {
        RED.util.setMessageProperty(msg, property, await value(), true);
        node.status({ fill: "green", shape: "dot", text: config.secret });
        send([msg, null]);
        done();
      } catch (error) {
        tell(node, asFault(error), msg, send, done);
      }
    });
  }

  RED.nodes.registerType("spokegate-secret", Secret);
};
