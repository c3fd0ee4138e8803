// The tenant's secrets, as the agent of this machine keeps them: read once, before Node-RED loads a flow, and put where
// `${NAME}` is looked up. They stand in no file of Node-RED's, in no flow and no export; and not in /proc/<pid>/environ,
// which shows what a process was started with and nothing that came later.
//
// Settings are read in one go, without waiting for anything, so a process of its own asks: what it needs comes over its
// standard input, what it learns goes over its standard output.

"use strict";

const { spawnSync } = require("node:child_process");
const http = require("node:http");

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
// The agent may start at the same moment; it answers without its link.
const PATIENCE_MS = 5_000;
const PAUSE_MS = 100;
const ANSWER_BYTES_MAX = 4_194_304;

/** Puts the agent's secrets into `environment`. What is there already stays. The names that were put. */
function takeSecrets(environment, pushUrl, token) {
  const asked = spawnSync(process.execPath, [__filename], {
    input: JSON.stringify({ url: new URL("/v1/secrets", pushUrl).href, token }),
    env: {},
    encoding: "utf8",
    maxBuffer: ANSWER_BYTES_MAX,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: 2 * PATIENCE_MS,
  });
  const secrets = asked.status === 0 ? listed(asked.stdout) : undefined;
  if (!secrets) {
    const why = (asked.stderr || "").trim() || "the agent's answer is none";
    console.error(`secrets: ${why}; flows begin without them. hint: once spokegate-agent runs, restart Node-RED`);
    return [];
  }
  const known = Object.entries(secrets).filter(([name, value]) => NAME.test(name) && typeof value === "string");
  const fresh = known.filter(([name]) => environment[name] === undefined);
  for (const [name, value] of fresh) {
    environment[name] = value;
  }
  return fresh.map(([name]) => name);
}

/** The secrets in an answer; undefined when it has none. Node-RED starts whatever the agent says. */
function listed(text) {
  try {
    const { secrets } = JSON.parse(text);
    return secrets !== null && typeof secrets === "object" ? secrets : undefined;
  } catch {
    return undefined;
  }
}

function ask({ url, token }) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const request = http.get(url, { headers, timeout: PATIENCE_MS }, (response) => {
      const chunks = [];
      let bytes = 0;
      response.on("data", (chunk) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX) {
          request.destroy(new Error("the agent's answer is too long"));
        }
        chunks.push(chunk);
      });
      response.on("end", () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString("utf8") }));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("the agent did not answer in time")));
    request.on("error", reject);
  });
}

async function main() {
  const chunks = [];
  for await (const chunk of process.stdin) {
    chunks.push(chunk);
  }
  const wanted = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const { status, body } = await ask(wanted);
      if (status !== 200) {
        throw Object.assign(new Error(`the agent answered with status ${status}`), { final: true });
      }
      process.stdout.write(body);
      return;
    } catch (error) {
      if (error.final || Date.now() > end) {
        process.stderr.write(error.code === "ECONNREFUSED" ? "the agent does not listen" : error.message);
        process.exitCode = 1;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

if (require.main === module) {
  main();
}

module.exports = { takeSecrets };
