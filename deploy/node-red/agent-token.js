// The guard in front of a tenant's data endpoints: a caller must be on this machine and show the agent's token.
// Loopback alone is not enough, since other tenants' processes may share the machine.

"use strict";

const { createHash, timingSafeEqual } = require("node:crypto");
const { readFileSync } = require("node:fs");

const TOKEN_LENGTH_MIN = 16;

/** The token in `file`, without the line end. Throws when it is missing or too short to be one. */
function readToken(file) {
  const token = readFileSync(file, "utf8").trim();
  if (token.length < TOKEN_LENGTH_MIN) {
    throw new Error(`${file}: a token has at least ${TOKEN_LENGTH_MIN} characters`);
  }
  return token;
}

// Of equal length whatever is shown, so that the comparison takes the same time for every caller.
const digest = (text) => createHash("sha256").update(text).digest();

function isLoopback(address) {
  const plain = (address || "").replace(/^::ffff:/, "");
  return plain === "::1" || plain.startsWith("127.");
}

/** Lets through only requests from loopback with `Authorization: Bearer <token>`. */
function agentOnly(token) {
  const expected = digest(`Bearer ${token}`);
  const admits = (request) =>
    isLoopback(request.socket.remoteAddress) &&
    timingSafeEqual(digest(request.headers.authorization || ""), expected);

  return {
    middleware(request, response, next) {
      if (admits(request)) {
        next();
      } else {
        response.status(401).type("text/plain").send("for this segment's satellite agent only\n");
      }
    },
    verifyClient: (info) => admits(info.req),
  };
}

module.exports = { agentOnly, readToken };
