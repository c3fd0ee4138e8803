// The agent's local API, as the nodes use it. Where it is and its token come from the environment that the agent or the
// supervisor gives Node-RED; a config node may say otherwise. Neither is ever in an exported flow.

"use strict";

const http = require("node:http");
const { Fault } = require("./fault.js");
const { readToken } = require("./guard.js");

const TIMEOUT_MS = 35_000;
const ANSWER_BYTES_MAX = 4_194_304;
const SOCKETS_MAX = 8;

const sockets = new http.Agent({ keepAlive: true, maxSockets: SOCKETS_MAX, timeout: 4_000 });

// The agent's classes of refusals, as types of faults.
const TYPES = {
  token: "token",
  "too-large": "too-large",
  invalid: "not-rows",
  "spool-full": "spool-full",
  storage: "agent-error",
  busy: "busy",
  "no-contracts": "no-contracts",
  "no-secret": "no-secret",
};

class AgentClient {
  #base;
  #authorization;

  /** `settings` are those of the config node, or undefined for the agent of this machine. */
  constructor(settings, environment = process.env) {
    const url = (settings && settings.url) || environment.SPOKEGATE_PUSH_URL;
    const token = (settings && settings.pushToken) || tokenOf(environment);
    if (!url || !token) {
      const missing = url ? "the token of its local API" : "its address";
      throw new Fault(
        "settings",
        `the agent's connection is not known: ${missing} is missing`,
        "start Node-RED with SPOKEGATE_PUSH_URL and SPOKEGATE_PUSH_TOKEN_FILE, or add a Spokegate agent to this node",
      );
    }
    this.#base = local(url);
    this.#authorization = `Bearer ${token}`;
  }

  /** Which datasets there are. */
  datasets() {
    return this.#ask("GET", "/datasets");
  }

  /** What the contract says of some JSON text; nothing is sent on. */
  check(dataset, version, kind, json) {
    return this.#ask("POST", `/check/${encodeURIComponent(dataset)}/${version}?kind=${kind}`, json);
  }

  /** Hands a push over; returns once it is on the agent's disk. */
  push(dataset, version, json) {
    return this.#ask("POST", `/push/${encodeURIComponent(dataset)}?version=${version}`, json);
  }

  status() {
    return this.#ask("GET", "/status");
  }

  /** Every secret that the agent keeps. */
  secrets() {
    return this.#ask("GET", "/secrets");
  }

  async secret(name) {
    return (await this.#ask("GET", `/secrets/${encodeURIComponent(name)}`)).value;
  }

  async #ask(method, path, json) {
    const { status, body } = await exchange(method, new URL(this.#base + path), this.#authorization, json);
    if (status >= 200 && status < 300) {
      return body;
    }
    throw refusal(status, body);
  }
}

function tokenOf(environment) {
  const header = environment.SPOKEGATE_PUSH_AUTHORIZATION;
  if (header && header.startsWith("Bearer ")) {
    return header.slice("Bearer ".length);
  }
  return environment.SPOKEGATE_PUSH_TOKEN_FILE ? readToken(environment.SPOKEGATE_PUSH_TOKEN_FILE) : undefined;
}

/** The address of the API, made of that of the push endpoint. The token never leaves this machine. */
function local(text) {
  const fault = (why) => new Fault("settings", `the agent's address ${why}`, "write http://127.0.0.1:8021/v1/push");
  let url;
  try {
    url = new URL(text);
  } catch {
    throw fault("is no URL");
  }
  const { protocol, hostname } = url;
  if (protocol !== "http:" || !(hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname))) {
    throw fault("leads to another machine");
  }
  const path = url.pathname.replace(/\/+$/, "").replace(/\/push$/, "");
  return url.origin + (path || "/v1");
}

function exchange(method, url, authorization, json) {
  return new Promise((resolve, reject) => {
    const unreachable = (detail) =>
      reject(new Fault("agent-unreachable", `${url.origin}: ${detail}`, "is spokegate-agent running? `systemctl status spokegate-agent`; keep the message and send it again"));
    const headers = { authorization, accept: "application/json" };
    const body = json === undefined ? undefined : Buffer.from(json);
    if (body) {
      headers["content-type"] = "application/json";
      headers["content-length"] = body.length;
    }
    const request = http.request(url, { method, headers, agent: sockets }, (response) => {
      const chunks = [];
      let bytes = 0;
      response.on("data", (chunk) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) {
          request.destroy(new Error("its answer is over-long"));
        } else {
          chunks.push(chunk);
        }
      });
      response.on("error", (error) => unreachable(error.message));
      response.on("end", () => {
        clearTimeout(timer);
        try {
          resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString("utf8")) });
        } catch {
          unreachable(`status ${response.statusCode} without JSON; something else listens there`);
        }
      });
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
    request.on("error", (error) => {
      clearTimeout(timer);
      unreachable(error.code || error.message);
    });
    request.end(body);
  });
}

/** What the agent says, as a fault: its hint is the next step. */
function refusal(status, body) {
  const { class: kind, detail = `status ${status}` } = (body && body.error) || {};
  const [what, hint] = String(detail).split("; hint: ");
  const type = kind === "refused" && status === 404 ? "unknown-dataset" : TYPES[kind] || "refused";
  return new Fault(type, what, hint || "look at the agent's log");
}

module.exports = { AgentClient };
