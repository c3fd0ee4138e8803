// Pushes of one node, one after the other, so that the newest is the last to arrive. Bounded: what does not fit is the
// flow's to keep.

"use strict";

const { Fault } = require("./fault.js");

const WAITING_MAX = 100;
const WAITING_BYTES_MAX = 16_777_216;

class Queue {
  #tail = Promise.resolve();
  #bytes = 0;
  waiting = 0;

  /** Does `work` when its turn has come, for which `bytes` are held till then. */
  async add(bytes, work) {
    if (this.waiting >= WAITING_MAX || this.#bytes + bytes > WAITING_BYTES_MAX) {
      throw new Fault("too-many", `${this.waiting} pushes wait already for the agent`, "send less often, or larger arrays");
    }
    this.waiting += 1;
    this.#bytes += bytes;
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => {});
    try {
      return await done;
    } finally {
      this.waiting -= 1;
      this.#bytes -= bytes;
    }
  }

  /** Returns when nothing waits. */
  drained() {
    return this.#tail;
  }
}

module.exports = { Queue, WAITING_MAX };
