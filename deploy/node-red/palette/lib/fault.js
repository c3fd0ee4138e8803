// What goes wrong, typed: {type, title, detail, next}. A flow decides by `type`; a person reads the rest.

"use strict";

const TITLES = {
  "agent-error": "The agent has trouble of its own",
  "agent-unreachable": "The agent does not answer",
  "already-answered": "The request has its answer already",
  busy: "The agent is busy",
  cancelled: "Nobody waits for the answer any more",
  contract: "The contract does not allow it",
  "flow-error": "The flow ended with an error",
  "no-contracts": "There are no contracts to check against",
  "no-request": "The message belongs to no request",
  "no-secret": "There is no such secret",
  "not-json": "The data cannot be written as JSON",
  "not-rows": "The data have another shape",
  "nothing-to-check": "There is nothing to check",
  refused: "The agent does not take it",
  settings: "The node is not set up",
  "spool-full": "The agent's disk queue is full",
  timeout: "The flow did not answer in time",
  token: "The agent does not know this token",
  "too-fast": "The rows come faster than they are taken",
  "too-large": "The data are too large",
  "too-late": "The answer came too late",
  "too-many": "Too much at once",
  "unknown-dataset": "There is no such dataset",
};

class Fault extends Error {
  constructor(type, detail, next) {
    super(detail);
    this.name = "Fault";
    this.type = type;
    this.title = TITLES[type];
    this.detail = detail;
    this.next = next;
  }

  toJSON() {
    const { type, title, detail, next } = this;
    return { type, title, detail, next };
  }

  // What Node-RED's log and debug sidebar show.
  toString() {
    return `${this.title}: ${this.detail}. Next: ${this.next}`;
  }
}

/** Puts a fault where the flow can see it: on the second output, or where nothing is wired there, before Catch nodes. */
function tell(node, fault, msg, send, done) {
  node.status({ fill: "red", shape: "dot", text: fault.title });
  const wired = Boolean(node.wires && node.wires[1] && node.wires[1].length > 0);
  if (wired) {
    msg.error = fault.toJSON();
    send([null, msg]);
    done();
  } else {
    done(fault);
  }
}

/** Any error as a fault. */
function asFault(error) {
  return error instanceof Fault
    ? error
    : new Fault("flow-error", String((error && error.message) || error), "look at Node-RED's log");
}

module.exports = { Fault, asFault, tell };
