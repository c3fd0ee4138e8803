"use strict";

const { palette } = require("../lib/palette.js");

module.exports = function (RED) {
  const { guard } = palette(RED);

  function SpokegateAgent(config) {
    RED.nodes.createNode(this, config);
    const { pushToken, agentToken } = this.credentials || {};
    /** Where the agent is; what is empty comes from the environment. */
    this.connection = () => ({ url: config.url, pushToken });
    if (agentToken) {
      guard.allow(this.id, agentToken);
    }
    this.on("close", () => guard.forget(this.id));
  }

  RED.nodes.registerType("spokegate-agent", SpokegateAgent, {
    credentials: { pushToken: { type: "password" }, agentToken: { type: "password" } },
  });
};
