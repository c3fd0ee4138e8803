"use strict";

const { Fault } = require("../lib/fault.js");
const { palette } = require("../lib/palette.js");

const NAME = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

module.exports = function (RED) {
  const { desk } = palette(RED);

  function DatasetRequest(config) {
    RED.nodes.createNode(this, config);
    const node = this;
    const dataset = String(config.dataset || "").trim();
    const version = Number(config.version || 1);
    node.sample = undefined;
    let answered = 0;

    if (!NAME.test(dataset) || !Number.isInteger(version) || version < 1) {
      node.status({ fill: "red", shape: "ring", text: "no dataset" });
      node.error(new Fault("settings", "the dataset or its version is missing", "open the node and choose one"));
      return;
    }

    const rest = () => {
      const open = desk.openOf(node);
      if (open > 0) {
        node.status({ fill: "blue", shape: "dot", text: `${open} open` });
      } else {
        node.status({ fill: "green", shape: answered ? "dot" : "ring", text: answered ? `${answered} answered` : "ready" });
      }
    };

    node.requestOpened = (request) => {
      rest();
      const { id, shape, params } = request;
      node.send([{ topic: dataset, payload: params, spokegate: { request: id, dataset, version, shape } }, null]);
    };

    node.requestEnded = (request, how, fault) => {
      if (how === "answered") {
        answered += 1;
        node.sample = request.sample || node.sample;
      }
      rest();
      if (fault) {
        node.status({ fill: how === "cancelled" ? "yellow" : "red", shape: "dot", text: fault.title });
        const { id, params } = request;
        const msg = { topic: dataset, payload: params, spokegate: { request: id, dataset, version }, error: fault.toJSON() };
        const wired = Boolean(node.wires && node.wires[1] && node.wires[1].length > 0);
        if (wired) {
          node.send([null, msg]);
        } else {
          node.error(fault, msg);
        }
      }
    };

    node.takeOver = rest;

    if (desk.register(node, dataset, version)) {
      rest();
    } else {
      node.status({ fill: "red", shape: "ring", text: "another node answers it" });
      node.error(new Fault("settings", `another dataset request answers ${dataset} v${version} already`, "remove one of the two"));
    }
    node.on("close", () => {
      desk.unregister(node, dataset, version);
      node.status({});
    });
  }

  RED.nodes.registerType("spokegate-dataset-request", DatasetRequest);
};
