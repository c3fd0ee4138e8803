// The palette's own look at the agent's token, behind whatever stands in front of Node-RED's data endpoints.

"use strict";

const { createHash, timingSafeEqual } = require("node:crypto");
const { readFileSync } = require("node:fs");

const TOKEN_LENGTH_MIN = 16;

// Of equal length whatever is shown, so that the comparison takes the same time for every caller.
const digest = (text) => createHash("sha256").update(text).digest();

/** The token in `file`, or undefined when there is none that could be one. */
function readToken(file) {
  try {
    const token = readFileSync(file, "utf8").trim();
    return token.length < TOKEN_LENGTH_MIN ? undefined : token;
  } catch {
    return undefined;
  }
}

class Guard {
  #byNode = new Map();

  /** Lets in who shows this token, as long as the node lives. */
  allow(nodeId, token) {
    this.#byNode.set(nodeId, digest(`Bearer ${token}`));
  }

  forget(nodeId) {
    this.#byNode.delete(nodeId);
  }

  admits(authorization, environment = process.env) {
    const shown = digest(authorization || "");
    const known = [...this.#byNode.values()];
    const file = environment.SPOKEGATE_AGENT_TOKEN_FILE;
    const token = file ? readToken(file) : undefined;
    if (token) {
      known.push(digest(`Bearer ${token}`));
    }
    // All are looked at, so that the time does not tell which one it was.
    return known.reduce((admitted, one) => timingSafeEqual(shown, one) || admitted, false);
  }
}

module.exports = { Guard, readToken };
