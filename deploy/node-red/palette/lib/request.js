// One pull under way: its HTTP answer, its end, and the time it has. Rows are written as they come, at the agent's pace.

"use strict";

const { Fault } = require("./fault.js");

/** Parts that may wait for the agent to take them; one more ends the request. */
const PARTS_MAX = 64;
/** Bytes of JSON written at once. */
const SLICE_BYTES = 65_536;
/** Rows and bytes that the test button remembers of the last answer. */
const SAMPLE_ROWS = 50;
const SAMPLE_BYTES = 65_536;

const STATUS = { "unknown-dataset": 404, timeout: 504, "too-many": 503 };

class Request {
  #response;
  #timer;
  #timeoutMs;
  #tail = Promise.resolve();
  #parts = 0;
  #wroteRow = false;
  #end;

  /** `onEnd(how, fault)` is called once: answered, failed, timeout or cancelled. */
  constructor({ id, dataset, version, shape, params, response, timeoutMs, onEnd }) {
    Object.assign(this, { id, dataset, version, shape, params });
    this.rows = 0;
    this.closing = false;
    this.ended = undefined;
    this.sample = undefined;
    this.#response = response;
    this.#timeoutMs = timeoutMs;
    this.#end = onEnd;
    response.on("close", () => this.#finish("cancelled", cancelled(this)));
    this.#await();
  }

  /** Takes rows, a row or the document. Returns when the agent has taken them. */
  async add(payload) {
    this.#check();
    const pieces = this.#pieces(payload);
    if (this.#parts >= PARTS_MAX) {
      const detail = `${PARTS_MAX} parts wait already for the agent to take them`;
      const fault = new Fault("too-fast", detail, "send the next part when the reply's first output says that it took the last");
      this.fail("flow-error", fault);
      throw fault;
    }
    clearTimeout(this.#timer);
    this.#parts += 1;
    const written = this.#tail.then(() => this.#write(pieces));
    this.#tail = written.catch(() => {});
    try {
      await written;
    } finally {
      this.#parts -= 1;
      this.#await();
    }
  }

  /** Takes the last part and ends the answer. Returns when the agent has all of it. */
  async finish(payload) {
    this.#check();
    const added = payload === undefined ? this.#tail : this.add(payload);
    this.closing = true;
    await added;
    this.#check({ last: true });
    if (this.shape === "document" && this.rows === 0) {
      const fault = new Fault("not-rows", "there is no document in msg.payload", "send one object");
      this.fail("flow-error", fault);
      throw fault;
    }
    this.#head();
    const text = this.shape === "document" ? "" : this.#wroteRow ? "]" : "[]";
    await new Promise((resolve) => {
      this.#response.on("close", resolve);
      this.#response.end(text, () => {
        this.#finish("answered");
        resolve();
      });
    });
    if (this.ended !== "answered") {
      throw late(this);
    }
  }

  /** Ends the request with a problem: as the answer, or behind the rows that are written already. */
  fail(type, fault) {
    if (this.ended) {
      return;
    }
    const response = this.#response;
    this.#finish(type === "timeout" ? "timeout" : "failed", fault);
    if (response.headersSent) {
      response.addTrailers({ "spokegate-problem": type });
      response.end();
      return;
    }
    const { title, detail, next } = fault;
    response.statusCode = STATUS[type] || 500;
    response.setHeader("content-type", "application/problem+json");
    response.end(JSON.stringify({ type, title, status: response.statusCode, detail: detail.slice(0, 500), next }));
  }

  /** What is worth remembering of it: enough to tell a late answer why it is late. */
  forget() {
    const { ended, dataset, rows } = this;
    return new Ended({ ended, dataset, rows });
  }

  #check({ last = false } = {}) {
    if (this.ended) {
      throw late(this);
    }
    if (this.closing && !last) {
      throw answered(this);
    }
  }

  #pieces(payload) {
    if (this.shape === "document") {
      if (!isObject(payload) || this.rows > 0) {
        throw new Fault("not-rows", `a document is one object, and msg.payload is ${kindOf(payload)}`, "send one object in msg.payload");
      }
      return [payload];
    }
    const rows = Array.isArray(payload) ? payload : [payload];
    const wrong = rows.findIndex((row) => !isObject(row));
    if (wrong >= 0) {
      const what = Array.isArray(payload) ? `row ${wrong + 1}` : "msg.payload";
      throw new Fault("not-rows", `${what} is ${kindOf(rows[wrong])}, not an object`, "send an array of objects, one for each row");
    }
    return rows;
  }

  async #write(rows) {
    let text = "";
    const sample = [];
    for (const row of rows) {
      const json = toJson(row);
      if (sample.length < SAMPLE_ROWS) {
        sample.push(json);
      }
      if (this.shape !== "document") {
        text += this.#wroteRow ? "," : "[";
      }
      text += json;
      this.#wroteRow = true;
      this.rows += 1;
      if (text.length >= SLICE_BYTES) {
        await this.#send(text);
        text = "";
      }
    }
    await this.#send(text);
    if (this.sample === undefined && sample.length > 0) {
      const joined = this.shape === "document" ? sample[0] : `[${sample.join(",")}]`;
      this.sample = joined.length <= SAMPLE_BYTES ? joined : undefined;
    }
  }

  async #send(text) {
    if (this.ended) {
      throw late(this);
    }
    if (text === "") {
      return;
    }
    this.#head();
    if (this.#response.write(text)) {
      return;
    }
    await new Promise((resolve) => {
      const go = () => {
        this.#response.off("drain", go);
        this.#response.off("close", go);
        resolve();
      };
      this.#response.on("drain", go);
      this.#response.on("close", go);
    });
  }

  #head() {
    if (!this.#response.headersSent) {
      this.#response.statusCode = 200;
      this.#response.setHeader("content-type", "application/json");
      this.#response.setHeader("trailer", "spokegate-problem");
    }
  }

  /** Waits for the flow; not while the agent is what we wait for. */
  #await() {
    clearTimeout(this.#timer);
    if (this.ended || this.#parts > 0) {
      return;
    }
    this.#timer = setTimeout(() => {
      const detail = `no message reached a dataset reply within ${this.#timeoutMs} ms`;
      this.fail("timeout", new Fault("timeout", detail, "let every path of the flow end in a dataset reply, or raise timeout_ms at the agent"));
    }, this.#timeoutMs);
  }

  #finish(how, fault) {
    if (this.ended) {
      return;
    }
    this.ended = how;
    clearTimeout(this.#timer);
    this.#end(how, fault);
  }
}

/** A request that is over: whoever still answers it is told so. */
class Ended {
  constructor(what) {
    Object.assign(this, what);
  }

  async add() {
    throw late(this);
  }

  async finish() {
    throw late(this);
  }

  fail() {
    throw late(this);
  }
}

function answered({ dataset, rows }) {
  const next = 'let one message only reach a dataset reply, or use its mode "in parts"';
  return new Fault("already-answered", `${dataset} was answered with ${rows} rows`, next);
}

function late(request) {
  if (request.ended === "answered") {
    return answered(request);
  }
  const { ended, dataset } = request;
  const why = { timeout: "its time was over", cancelled: "the agent no longer waits", failed: "it had ended with an error" };
  return new Fault("too-late", `the request for ${dataset} is gone: ${why[ended] || "it has ended"}`, "answer sooner, or raise timeout_ms at the agent");
}

function cancelled(request) {
  return new Fault("cancelled", `the agent ended its request for ${request.dataset}: its deadline is over, or it was cancelled`, "nothing, or answer sooner");
}

function toJson(value) {
  try {
    const text = JSON.stringify(value);
    if (text !== undefined) {
      return text;
    }
  } catch (error) {
    throw new Fault("not-json", String(error.message).split("\n")[0], "send plain objects, without circles and BigInt");
  }
  throw new Fault("not-json", "a value has no JSON", "send plain objects");
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

function kindOf(value) {
  if (value === null || value === undefined) {
    return String(value);
  }
  if (Array.isArray(value)) {
    return "an array";
  }
  if (Buffer.isBuffer(value)) {
    return "a buffer";
  }
  return { string: "a text", number: "a number", boolean: "true or false", object: "an object" }[typeof value] || `a ${typeof value}`;
}

module.exports = { PARTS_MAX, Request, isObject, kindOf, toJson };
