// Where requests of the agent meet the nodes that answer them. One for the whole of a Node-RED.

"use strict";

const { randomUUID } = require("node:crypto");
const { Fault } = require("./fault.js");
const { Request } = require("./request.js");

/** Requests open at the same time; one more is refused. */
const OPEN_MAX = 256;
/** Requests that ended and are remembered, so that a late answer is told why. */
const ENDED_MAX = 2_000;

class Desk {
  #nodes = new Map();
  #open = new Map();
  #ended = new Map();

  /** Has a node answer a dataset; false while another one does. */
  register(node, dataset, version) {
    const key = `${dataset}/${version}`;
    const nodes = this.#nodes.get(key) || [];
    this.#nodes.set(key, [...nodes, node]);
    return nodes.length === 0;
  }

  /** Takes a node away; what it has open ends at once. */
  unregister(node, dataset, version) {
    const key = `${dataset}/${version}`;
    const rest = (this.#nodes.get(key) || []).filter((other) => other !== node);
    if (rest.length > 0) {
      this.#nodes.set(key, rest);
      rest[0].takeOver();
    } else {
      this.#nodes.delete(key);
    }
    for (const { request, owner } of [...this.#open.values()]) {
      if (owner === node) {
        const detail = `the node for ${dataset} was deployed anew or removed while a request was open`;
        request.fail("flow-error", new Fault("flow-error", detail, "ask again"));
      }
    }
  }

  /** What is answered here. */
  datasets() {
    return [...this.#nodes.keys()].sort().map((key) => {
      const [dataset, version] = key.split("/");
      return { dataset, version: Number(version) };
    });
  }

  /** How many requests a node has open. */
  openOf(node) {
    return [...this.#open.values()].filter(({ owner }) => owner === node).length;
  }

  /** Opens a request and hands it to its node. The response has a problem when there is none to hand it to. */
  open({ dataset, version, shape, params, response, timeoutMs }) {
    const [owner] = this.#nodes.get(`${dataset}/${version}`) || [];
    const id = randomUUID();
    const onEnd = (how, fault) => {
      this.#open.delete(id);
      this.#remember(id, request);
      if (owner) {
        owner.requestEnded(request, how, fault);
      }
    };
    const request = new Request({ id, dataset, version, shape, params, response, timeoutMs, onEnd });
    if (!owner) {
      const known = this.datasets().map((one) => `${one.dataset} v${one.version}`).join(", ") || "none";
      const fault = new Fault("unknown-dataset", `no dataset request node answers ${dataset} v${version}; there are: ${known}`, "deploy one");
      request.fail("unknown-dataset", fault);
    } else if (this.#open.size >= OPEN_MAX) {
      request.fail("too-many", new Fault("too-many", `${OPEN_MAX} requests are open`, "ask again later"));
    } else {
      this.#open.set(id, { request, owner });
      owner.requestOpened(request);
    }
  }

  /** The request that a message answers. */
  find(msg) {
    const id = msg && msg.spokegate && msg.spokegate.request;
    const entry = this.#open.get(id);
    if (entry) {
      return entry.request;
    }
    const ended = this.#ended.get(id);
    if (ended) {
      return ended;
    }
    throw new Fault(
      "no-request",
      id === undefined ? "msg.spokegate.request is missing" : "msg.spokegate.request names no request of this Node-RED",
      "start the flow with a dataset request, and keep msg.spokegate on the way: change the message in place of making a new one",
    );
  }

  #remember(id, request) {
    this.#ended.set(id, request.forget());
    if (this.#ended.size > ENDED_MAX) {
      this.#ended.delete(this.#ended.keys().next().value);
    }
  }
}

module.exports = { Desk, OPEN_MAX };
