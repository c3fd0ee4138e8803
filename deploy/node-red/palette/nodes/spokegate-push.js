"use strict";

const { Fault, asFault, tell } = require("../lib/fault.js");
const { palette } = require("../lib/palette.js");
const { Queue } = require("../lib/queue.js");
const { isObject, toJson } = require("../lib/request.js");

/** Rows that one push may have. */
const ROWS_MAX = 2_000;
const SAMPLE_BYTES = 65_536;
/** How long a node that is closed waits for what it has begun. */
const CLOSE_MS = 5_000;

module.exports = function (RED) {
  const { clientOf } = palette(RED);

  function Push(config) {
    RED.nodes.createNode(this, config);
    const node = this;
    const { dataset } = config;
    const version = Number(config.version || 1);
    const batchRows = Math.min(Number(config.batchRows) || 1, ROWS_MAX);
    const batchMs = Math.max(Number(config.batchSeconds) || 1, 0.1) * 1_000;
    const queue = new Queue();
    let batch = [];
    let timer;
    node.sample = undefined;

    async function push(payload) {
      if (!dataset) {
        throw new Fault("settings", "no dataset is chosen", "open the node and choose one");
      }
      const json = toJson(payload);
      node.sample = json.length <= SAMPLE_BYTES ? json : node.sample;
      const client = clientOf(config.agent);
      return queue.add(json.length, async () => {
        node.status({ fill: "blue", shape: "dot", text: queue.waiting > 1 ? `${queue.waiting} wait` : "sending" });
        if (config.check) {
          await allowed(client, json);
        }
        return client.push(dataset, version, json);
      });
    }

    async function allowed(client, json) {
      let verdict;
      try {
        verdict = await client.check(dataset, version, "push", json);
      } catch (error) {
        if (error.type === "no-contracts") {
          return; // The sanitizer checks in any case.
        }
        throw error;
      }
      if (!verdict.valid) {
        const [{ where, what, allowed: may }] = verdict.faults;
        const more = verdict.faults.length > 1 ? ` and ${verdict.faults.length - 1} more` : "";
        const fault = new Fault("contract", `${where || "the whole"}: ${what}${more}`, `allowed is: ${may}`);
        fault.faults = verdict.faults;
        throw fault;
      }
    }

    async function deliver(payload, { msg, send, done }) {
      try {
        const receipt = await push(payload);
        node.status({ fill: "green", shape: "dot", text: `${rowsOf(payload)} taken` });
        msg.payload = payload;
        msg.spokegate = { ...msg.spokegate, dataset, version, ...receipt };
        send([msg, null]);
        done();
      } catch (error) {
        const fault = asFault(error);
        msg.payload = payload;
        if (fault.faults) {
          msg.faults = fault.faults;
        }
        tell(node, fault, msg, send, done);
      }
    }

    /** One push of all that has come; the last message stands for all of them. */
    function flush() {
      clearTimeout(timer);
      timer = undefined;
      if (batch.length === 0) {
        return Promise.resolve();
      }
      const rows = batch.flatMap((one) => one.rows);
      const last = batch[batch.length - 1];
      for (const one of batch.slice(0, -1)) {
        one.done();
      }
      batch = [];
      return deliver(rows, last);
    }

    node.on("input", async (msg, send, done) => {
      if (batchRows <= 1) {
        await deliver(msg.payload, { msg, send, done });
        return;
      }
      const rows = Array.isArray(msg.payload) ? msg.payload : [msg.payload];
      if (!rows.every(isObject)) {
        tell(node, new Fault("not-rows", "msg.payload is neither a row nor an array of rows", "send objects"), msg, send, done);
        return;
      }
      const held = batch.reduce((sum, one) => sum + one.rows.length, 0);
      const full = held + rows.length > batchRows ? flush() : undefined;
      batch.push({ rows, msg, send, done });
      node.status({ fill: "blue", shape: "ring", text: `${rows.length + (full ? 0 : held)} rows wait` });
      if (rows.length + (full ? 0 : held) >= batchRows) {
        await flush();
      } else if (!timer) {
        timer = setTimeout(flush, batchMs);
      }
    });

    node.on("close", async (done) => {
      const end = new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([flush().then(() => queue.drained()), end]);
      node.status({});
      done();
    });
  }

  RED.nodes.registerType("spokegate-push", Push);
};

function rowsOf(payload) {
  return Array.isArray(payload) ? `${payload.length} rows` : "1 document";
}
