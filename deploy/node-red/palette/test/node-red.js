// A real Node-RED with the tenant's own settings, for the tests: which one, PALETTE_NODE_RED says (a folder whose
// node_modules has it), and PALETTE_NODE which Node.js runs it.

"use strict";

const { spawn } = require("node:child_process");
const { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const http = require("node:http");
const { createServer } = require("node:net");
const { tmpdir } = require("node:os");
const path = require("node:path");

const DEPLOY = path.join(__dirname, "../..");
const FOLDER = process.env.PALETTE_NODE_RED || DEPLOY;
const NODE = process.env.PALETTE_NODE || process.execPath;
const AGENT_TOKEN = "agent-token-of-the-test";
const PUSH_TOKEN = "push-token-of-the-test";
const PATIENCE_MS = 90_000;
const PULL = "/spokegate/spokegate/palette/v1";

class NodeRed {
  /** Starts it with these variables on top, and waits until it runs; with flows that are there from the beginning, if any. */
  static async start(environment = {}, flows = undefined) {
    const it = new NodeRed();
    it.folder = mkdtempSync(path.join(tmpdir(), "palette-"));
    const file = (name, text) => {
      writeFileSync(path.join(it.folder, name), text, { mode: 0o600 });
      return path.join(it.folder, name);
    };
    if (flows) {
      file("flows.json", JSON.stringify(flows));
    }
    it.port = await freePort();
    it.log = path.join(it.folder, "node-red.log");
    it.child = spawn(NODE, [path.join(FOLDER, "node_modules/node-red/red.js"), "--settings", path.join(DEPLOY, "settings.js")], {
      cwd: it.folder,
      env: {
        PATH: process.env.PATH,
        HOME: it.folder,
        SPOKEGATE_NODE_RED_DATA: it.folder,
        SPOKEGATE_NODE_RED_PORT: String(it.port),
        SPOKEGATE_NODE_RED_EDITOR: "on",
        SPOKEGATE_AGENT_TOKEN_FILE: file("agent.token", AGENT_TOKEN),
        SPOKEGATE_PUSH_TOKEN_FILE: file("push.token", PUSH_TOKEN),
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const log = createWriteStream(it.log);
    it.child.stdout.pipe(log);
    it.child.stderr.pipe(log);
    const ready = flows ? () => it.ask("GET", `${PULL}/datasets`) : () => it.admin("GET", "/flows");
    await it.until(async () => (await ready()).status === 200);
    return it;
  }

  /** Deploys flows; returns once the datasets in them are answered. */
  async deploy(given, kind = "full") {
    const flows = [...given, ...NOTES];
    const headers = { "content-type": "application/json", "node-red-deployment-type": kind };
    const { status, text } = await this.admin("POST", "/flows", { headers, body: JSON.stringify(flows) });
    if (status !== 204) {
      throw new Error(`deploy: ${status} ${text}`);
    }
    const wanted = flows.filter((node) => node.type === "spokegate-dataset-request").map((node) => node.dataset);
    await this.until(async () => {
      const { text: told } = await this.ask("GET", `${PULL}/datasets`);
      const { status: noted } = await this.ask("GET", "/spokegate/notes?clear=1");
      return noted === 200 && wanted.every((name) => told.includes(`"${name}"`));
    });
  }

  admin(method, where, options) {
    return this.ask(method, `/editor${where}`, options);
  }

  /** What flows noted down: see `note`. */
  async notes(count = 1) {
    let found = [];
    await this.until(async () => {
      found = (await this.ask("GET", "/spokegate/notes")).json();
      return found.length >= count;
    });
    return found;
  }

  /** Pulls as the agent does. */
  pull(dataset, { params = {}, version = 1, token = AGENT_TOKEN, shape = "rows", timeoutMs = 20_000, ...rest } = {}) {
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "spokegate-shape": shape,
      "spokegate-timeout-ms": String(timeoutMs),
    };
    return this.ask("POST", `${PULL}/pull/${dataset}/${version}`, { headers, body: JSON.stringify(params), ...rest });
  }

  ask(method, where, { headers = {}, body, signal, onHead } = {}) {
    return new Promise((resolve, reject) => {
      const all = { authorization: `Bearer ${AGENT_TOKEN}`, ...headers };
      const request = http.request({ host: "127.0.0.1", port: this.port, method, path: where, headers: all, signal }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece) => (text += piece));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status, headers: head, trailers } = response;
          const json = () => JSON.parse(text);
          resolve({ status, head, trailers, text, json });
        });
        if (onHead) {
          onHead(response);
        }
      });
      request.on("error", reject);
      request.end(body);
    });
  }

  async until(holds) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      if (await holds().catch(() => false)) {
        return;
      }
      if (Date.now() > end || this.child.exitCode !== null) {
        throw new Error(`Node-RED: waited in vain\n${readFileSync(this.log, "utf8").slice(-3000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// Flows in few words.
const tab = (id) => ({ id, type: "tab", label: id, disabled: false, info: "", env: [] });
const node = (type, id, wires, rest = {}) => ({ id, type, z: "tab", name: id, x: 100, y: 100, wires, ...rest });
const code = (id, func, wires) =>
  node("function", id, wires, { func, outputs: wires.length, timeout: 0, noerr: 0, initialize: "", finalize: "", libs: [] });
const request = (id, dataset, wires, rest = {}) => node("spokegate-dataset-request", id, wires, { dataset, version: "1", agent: "", ...rest });
const reply = (id, wires = [[], []], mode = "whole") => node("spokegate-dataset-reply", id, wires, { mode });
/** Keeps what comes for `notes`. */
const note = (id) =>
  code(id, `const { error, payload, spokegate, faults, secret } = msg; const all = global.get("notes") || []; all.push({ at: "${id}", error, spokegate, faults, secret, payload: ${id === "big" ? "undefined" : "payload"} }); global.set("notes", all);`, []);
const NOTES = [
  { id: "notes-tab", type: "tab", label: "notes", disabled: false, info: "", env: [] },
  { id: "notes-in", type: "http in", z: "notes-tab", name: "", url: "/notes", method: "get", upload: false, swaggerDoc: "", x: 1, y: 1, wires: [["notes-all"]] },
  { ...code("notes-all", 'if (msg.req.query.clear) global.set("notes", []); msg.payload = global.get("notes") || []; return msg;', [["notes-out"]]), z: "notes-tab" },
  { id: "notes-out", type: "http response", z: "notes-tab", name: "", statusCode: "", headers: {}, x: 1, y: 1, wires: [] },
];

module.exports = { AGENT_TOKEN, PULL, PUSH_TOKEN, NodeRed, code, freePort, node, note, reply, request, tab };
