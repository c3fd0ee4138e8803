// Brings the storage to the centre, like any data: through the agent's push endpoint, its spool, broker and sanitizer. In
// the background: Node-RED never waits for it. Saves that come close together make one snapshot; only the newest counts.
// What the agent has taken is noted on disk, so that a start goes on where the last one ended.

"use strict";

const { AgentClient } = require("../palette/lib/agent-client.js");
const { TooLarge, pushes } = require("./snapshot.js");

const DATASET = "node-red-storage";
const VERSION = 1;
/** Saves of one deploy come one after another. */
const CALM_MS = 1_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
/** What was taken is sent once more after this time: a spool can be lost, and the centre keeps the same content once. */
const AGAIN_MS = 86_400_000;

class Sync {
  #compose;
  #mark;
  #log;
  #client;
  #timer;
  #retryMs = RETRY_MS_MIN;
  #running = false;
  #changed = false;
  #told;

  /** `compose(secrets)` gives the snapshot, or undefined when there is nothing yet; `mark` is the file of what was taken. */
  constructor({ compose, mark, log, environment }) {
    this.#compose = compose;
    this.#mark = mark;
    this.#log = log;
    try {
      this.#client = new AgentClient(undefined, environment);
    } catch (error) {
      log.warn(`storage: flows do not reach the centre: ${error.message}; hint: ${error.hint}`);
    }
  }

  /** Something was saved, or Node-RED begins. */
  changed() {
    this.#changed = true;
    this.#in(CALM_MS);
  }

  #in(delayMs) {
    if (this.#client && !this.#running) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#run(), delayMs).unref();
    }
  }

  async #run() {
    this.#running = true;
    this.#changed = false;
    let next = AGAIN_MS;
    try {
      await this.#send();
      this.#retryMs = RETRY_MS_MIN;
      this.#tell(undefined);
    } catch (error) {
      next = this.#retryMs * (0.5 + Math.random() / 2);
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
      this.#tell(error);
    }
    this.#running = false;
    this.#in(this.#changed ? Math.min(next, CALM_MS) : next);
  }

  async #send() {
    const { secrets } = await this.#client.secrets();
    const snapshot = await this.#compose(Object.entries(secrets || {}).map(([name, value]) => [`\${${name}}`, value]));
    const taken = (await this.#mark.read()) || {};
    const fresh = Date.now() - taken.at_ms < AGAIN_MS && taken.at_ms <= Date.now();
    if (!snapshot || (taken.snapshot === snapshot.id && fresh)) {
      return;
    }
    for (const rows of pushes(snapshot.rows)) {
      await this.#client.push(DATASET, VERSION, JSON.stringify(rows));
    }
    await this.#mark.write({ snapshot: snapshot.id, at_ms: Date.now() }, false);
    this.#log.info(`storage: the agent has taken flows and library for the centre (${snapshot.id.slice(0, 12)})`);
  }

  /** Once when it begins to fail, and for each other reason. */
  #tell(error) {
    const words = error && (error instanceof TooLarge ? error.message : `${error.message}; hint: ${error.hint || "look at the agent's log"}`);
    if (words && words !== this.#told) {
      this.#log.warn(`storage: flows wait to reach the centre, and go on here: ${words}`);
    }
    this.#told = words;
  }
}

module.exports = { Sync };
