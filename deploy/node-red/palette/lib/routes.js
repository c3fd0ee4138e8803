// The palette's addresses for the agent, below Node-RED's root for data: who shows the agent's token may pull.

"use strict";

const { Fault } = require("./fault.js");

const ROOT = "/spokegate/palette/v1";
const PARAMS_BYTES_MAX = 65_536;
const TIMEOUT_MS = { least: 100, usual: 30_000, most: 3_600_000 };

/** Adds the routes to `app` (RED.httpNode). */
function serve(app, desk, guard) {
  const guarded = (handle) => (request, response) => {
    if (!guard.admits(request.headers.authorization)) {
      response.status(401).type("text/plain").send("for this segment's satellite agent only\n");
      return;
    }
    handle(request, response);
  };
  app.get(`${ROOT}/datasets`, guarded((_request, response) => response.json({ datasets: desk.datasets() })));
  app.post(`${ROOT}/pull/:dataset/:version`, guarded((request, response) => pull(desk, request, response)));
}

async function pull(desk, request, response) {
  const { dataset, version } = request.params;
  let params;
  try {
    params = await readParams(request);
  } catch (error) {
    const body = { type: "flow-error", title: "The parameters are not readable", status: 400, detail: error.message };
    response.status(400).type("application/problem+json").send(JSON.stringify(body));
    return;
  }
  const shape = request.headers["spokegate-shape"] === "document" ? "document" : "rows";
  const timeoutMs = timeoutOf(request.headers["spokegate-timeout-ms"]);
  desk.open({ dataset, version: Number(version), shape, params, response, timeoutMs });
}

async function readParams(request) {
  // Some other middleware may have read it already.
  const params = request.body !== undefined && typeof request.body === "object" ? request.body : JSON.parse((await readBody(request, PARAMS_BYTES_MAX)) || "{}");
  if (typeof params !== "object" || params === null || Array.isArray(params)) {
    throw new Fault("flow-error", "they are no JSON object", "send an object");
  }
  return params;
}

/** The whole body as text, up to `most` bytes. */
async function readBody(request, most) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > most) {
      throw new Fault("too-large", `more than ${most} bytes`, "send less");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function timeoutOf(header) {
  const asked = Number(header);
  if (!header || !Number.isInteger(asked)) {
    return TIMEOUT_MS.usual;
  }
  return Math.min(Math.max(asked, TIMEOUT_MS.least), TIMEOUT_MS.most);
}

module.exports = { ROOT, serve };
