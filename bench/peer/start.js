// Starts the two instances and says when both answer: node start.js
//   PEER_TENANT_PORT   the tenant's Node-RED, serves rows      (0: a free one)
//   PEER_HUB_PORT      the centre's Node-RED, serves reports   (0: a free one)
// Prints one line of JSON, {"tenant": url, "hub": url, "pids": [...]}, and ends both when it is ended or its standard
// input is closed.
"use strict";

const { spawn } = require("node:child_process");
const { copyFileSync, mkdtempSync, rmSync } = require("node:fs");
const http = require("node:http");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");

const READY_MS = 60_000;
const children = [];
const folder = mkdtempSync(path.join(os.tmpdir(), "spokegate-peer-"));

function stop(code) {
  children.forEach((child) => child.kill("SIGKILL"));
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}

function freePort(wanted) {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(Number(wanted || 0), "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function start(name, port, extra) {
  const data = path.join(folder, name);
  require("node:fs").mkdirSync(data);
  copyFileSync(path.join(__dirname, "flows", `${name}.json`), path.join(data, "flows.json"));
  const program = path.join(__dirname, "node_modules/node-red/red.js");
  const child = spawn(process.execPath, [program, "--settings", path.join(__dirname, "settings.js")], {
    env: { ...process.env, ...extra, PEER_PORT: String(port), PEER_DATA: data },
    stdio: ["ignore", "inherit", "inherit"].map((how, fd) => (fd === 1 ? 2 : how)),
  });
  child.once("exit", (code) => {
    console.error(`peer: ${name} ended with ${code}`);
    stop(1);
  });
  children.push(child);
}

const answers = (url) =>
  new Promise((resolve) => {
    const request = http.get(url, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200));
    });
    request.once("error", () => resolve(false));
  });

async function main() {
  const tenantPort = await freePort(process.env.PEER_TENANT_PORT);
  const hubPort = await freePort(process.env.PEER_HUB_PORT);
  const tenant = `http://127.0.0.1:${tenantPort}/devices`;
  const hub = `http://127.0.0.1:${hubPort}/report`;
  start("tenant", tenantPort, {});
  start("hub", hubPort, { PEER_TENANT_URL: tenant });
  const end = Date.now() + READY_MS;
  while (!((await answers(`${tenant}?limit=1`)) && (await answers(`${hub}?limit=1`)))) {
    if (Date.now() > end) {
      console.error(`peer: not ready within ${READY_MS / 1000} s`);
      stop(1);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  console.log(JSON.stringify({ tenant, hub, pids: children.map((child) => child.pid) }));
}

process.on("SIGTERM", () => stop(0));
process.on("SIGINT", () => stop(0));
process.stdin.on("end", () => stop(0)).on("error", () => stop(0)).resume();
main().catch((error) => {
  console.error(`peer: ${error.message}`);
  stop(1);
});
