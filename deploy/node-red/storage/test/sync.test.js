// What of the storage reaches the agent, and when. The agent here is a listener that notes what came.

"use strict";

const assert = require("node:assert/strict");
const { createCipheriv, createHash, randomBytes } = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { afterEach, beforeEach, describe, it } = require("node:test");

const { create } = require("../plugin.js");
const { compose, pushes } = require("../snapshot.js");

const PUSH_TOKEN = "push-token-canary-81";
const AGENT_TOKEN = "agent-token-canary-82";
const PATIENCE_MS = 20_000;

const tab = (label, more = {}) => [{ id: "tab", type: "tab", label, ...more }];
const nothing = { library: [], settings: {}, credentialed: [] };

/** The items of a snapshot, put together again as the centre does. */
function assembled(rows) {
  const texts = {};
  for (const row of [...rows].sort((a, b) => a.row - b.row)) {
    texts[`${row.item}:${row.path}`] = (texts[`${row.item}:${row.path}`] || "") + row.text;
  }
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, JSON.parse(text)]));
}

describe("a snapshot", () => {
  const of = (flows, secrets = [], more = {}) => compose({ ...nothing, flows, ...more }, secrets);

  it("is the whole in printable ASCII, under the SHA-256 of its items", () => {
    const flows = tab("Grüße 😀 \u202e\u0000 \\ \" \n");
    const { id, rows } = of(flows, [], { library: [{ names: ["functions", "ä b", "x.js"], text: "// name: é\nreturn" }] });
    assert.ok(rows.every((row) => /^[ -~]+$/.test(row.text) && row.snapshot === id && row.rows === rows.length));
    assert.deepEqual(assembled(rows), {
      "flows:": flows,
      "credentials:": { nodes: [] },
      "settings:": { modules: {}, disabled: [] },
      "library:functions/%C3%A4%20b/x.js": "// name: é\nreturn",
    });
    const text = rows.map((row) => `${row.item}\n${row.path}\n${row.text.length}\n${row.text}`).join("");
    assert.equal(id, createHash("sha256").update(text).digest("hex"));
    assert.notEqual(of(tab("other")).id, id);
    assert.equal(of(flows).id, of(flows).id);
  });

  it("goes in pieces that the wire takes", () => {
    const flows = Array.from({ length: 400 }, (_, n) => ({ id: `n${n}`, type: "comment", info: "ü".repeat(200) }));
    const { rows } = of(flows);
    const all = pushes(rows);
    assert.ok(all.length > 4 && all.flat().length === rows.length);
    assert.ok(all.every((push) => Buffer.byteLength(push.map((row) => row.text + row.path + "x".repeat(400)).join("")) < 125_952));
    assert.deepEqual(assembled(all.flat())["flows:"], flows);
  });

  it("is refused where the centre would not take it", () => {
    assert.throws(() => of(tab("x".repeat(4_194_304))), /reach the centre/);
    const library = Array.from({ length: 2_000 }, (_, n) => ({ names: ["functions", String(n)], text: "" }));
    assert.throws(() => of([], [], { library }), /reach the centre/);
    let deep = {};
    for (let n = 0; n < 200; n += 1) {
      deep = { deep };
    }
    assert.throws(() => of([deep]), /nests deeper/);
  });

  it("has names where secrets stand, the longest first, and leaves short ones inside a text", () => {
    const secrets = [["${SHORT}", "pass"], ["${LONG}", "password-long"], ["${PART}", "password"]];
    const flows = tab("pass", { info: "a password-long and a password, compass", "password-long": 1 });
    assert.deepEqual(assembled(of(flows, secrets).rows)["flows:"], [
      { id: "tab", type: "tab", label: "${SHORT}", info: "a ${LONG} and a ${PART}, compass", "${LONG}": 1 },
    ]);
  });

  it("has no credentials, whoever left them in a node", () => {
    const env = [{ name: "A", type: "cred", value: "canary" }, { name: "B", type: "str", value: "kept" }];
    const flows = [{ id: "n", type: "unknown", credentials: { password: "canary" }, env }, null, 5];
    const { rows } = of(flows, [], { credentialed: ["n"] });
    assert.ok(!JSON.stringify(rows).includes("canary"));
    assert.deepEqual(assembled(rows)["flows:"], [{ id: "n", type: "unknown", env: [{ ...env[0], value: "" }, env[1]] }, null, 5]);
    assert.deepEqual(assembled(rows)["credentials:"], { nodes: ["n"] });
  });
});

describe("the way to the agent", () => {
  let folder;
  let agent;
  let told;

  const noted = () => fs.existsSync(path.join(folder, "storage/sent.json"));
  const save = (storage, flows) => storage.saveFlows(flows);

  async function started() {
    // Storages of earlier tests go on trying.
    const own = told;
    const log = Object.fromEntries(["info", "warn", "error"].map((level) => [level, (line) => own.push(line)]));
    const storage = create();
    await storage.init({ userDir: folder }, { log });
    await storage.getFlows();
    return storage;
  }

  beforeEach(async () => {
    folder = fs.mkdtempSync(path.join(tmpdir(), "storage-"));
    told = [];
    agent = await Agent.start();
    fs.writeFileSync(path.join(folder, "agent.token"), AGENT_TOKEN);
    process.env.SPOKEGATE_PUSH_URL = agent.url;
    process.env.SPOKEGATE_PUSH_AUTHORIZATION = `Bearer ${PUSH_TOKEN}`;
    process.env.SPOKEGATE_AGENT_TOKEN_FILE = path.join(folder, "agent.token");
  });
  afterEach(async () => {
    await agent.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it("brings each change, and after a start nothing that was taken", async () => {
    let storage = await started();
    await save(storage, tab("one"));
    await until(() => agent.latest("one") && noted());
    storage = await started();
    await pause(2_500);
    assert.equal(agent.taken.length, 1);
    await save(storage, tab("two"));
    await until(() => agent.latest("two"));
    assert.equal(agent.taken.length, 2);
    assert.equal(agent.tokens.size, 1);
  });

  it("brings it again after a day, and where the note says a time to come", async () => {
    const storage = await started();
    await save(storage, tab("one"));
    await until(() => agent.latest("one"));
    const note = path.join(folder, "storage/sent.json");
    for (const at of [-86_400_001, 5_000_000]) {
      await until(noted);
      const { snapshot } = JSON.parse(fs.readFileSync(note, "utf8"));
      fs.writeFileSync(note, JSON.stringify({ snapshot, at_ms: Date.now() + at }));
      agent.taken = [];
      await started();
      await until(() => agent.latest("one"));
      await pause(100);
    }
  });

  it("goes on once the agent is back, with the newest alone; saves never wait", async () => {
    agent.status = 507;
    const storage = await started();
    const begun = Date.now();
    for (let n = 0; n < 20; n += 1) {
      await save(storage, tab(`number ${n}`));
    }
    assert.ok(Date.now() - begun < 2_000);
    await until(() => told.some((line) => line.includes("flows wait to reach the centre")));
    agent.hang = true;
    const again = Date.now();
    await save(storage, tab("last"));
    assert.ok(Date.now() - again < 500);
    agent.hang = false;
    agent.status = 202;
    agent.drop();
    await until(() => agent.latest("last"));
    assert.deepEqual(agent.taken.map((rows) => assembled(rows)["flows:"][0].label), ["last"]);
  });

  it("does not begin before there is anything", async () => {
    await started();
    await pause(1_500);
    assert.equal(agent.taken.length, 0);
    assert.deepEqual(told, []);
  });

  it("carries no key, token, session, user, credential or secret", async () => {
    const key = "key-canary-83";
    const storage = await started();
    agent.secrets = { MAIL_PASSWORD: "secret-canary-84" };
    await storage.saveSettings({
      _credentialSecret: key,
      users: { _: { password: "hash-canary-85" } },
      instanceId: "instance-canary-86",
      nodes: { "node-red-x": { version: "1.2.3", token: "canary-87", nodes: { a: { enabled: false, file: "canary-88" } } } },
    });
    await storage.saveSessions({ "session-canary-89": { user: "user-canary-90" } });
    await storage.saveCredentials(encrypted({ n: { password: "credential-canary-91" } }, key));
    const info = `secret-canary-84 ${PUSH_TOKEN} ${AGENT_TOKEN} ${key}`;
    await storage.saveLibraryEntry("functions", "a.js", {}, `send("secret-canary-84")`);
    await save(storage, [{ id: "n", type: "x", info, credentials: { password: "left-canary-92" } }]);
    await until(() => agent.taken.length > 0);
    const items = assembled(agent.taken.flat());
    assert.deepEqual(items, {
      "flows:": [{ id: "n", type: "x", info: "${MAIL_PASSWORD} *** *** ***" }],
      "credentials:": { nodes: ["n"] },
      "settings:": { modules: { "node-red-x": "1.2.3" }, disabled: ["node-red-x/a"] },
      "library:functions/a.js": 'send("${MAIL_PASSWORD}")',
    });
    assert.ok(!JSON.stringify([items, told]).includes("canary"));
  });
});

function encrypted(credentials, key) {
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-ctr", createHash("sha256").update(key).digest(), iv);
  return { $: iv.toString("hex") + cipher.update(JSON.stringify(credentials), "utf8", "base64") + cipher.final("base64") };
}

class Agent {
  taken = [];
  tokens = new Set();
  secrets = {};
  status = 202;
  hang = false;

  static async start() {
    const it = new Agent();
    it.server = http.createServer((request, response) => it.answer(request, response));
    await new Promise((resolve) => it.server.listen(0, "127.0.0.1", resolve));
    it.url = `http://127.0.0.1:${it.server.address().port}/v1/push`;
    return it;
  }

  answer(request, response) {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      if (this.hang) {
        return;
      }
      this.tokens.add(request.headers.authorization);
      const pushed = request.method === "POST" && request.url === "/v1/push/node-red-storage?version=1";
      const status = pushed ? this.status : 200;
      if (pushed && status === 202) {
        this.taken.push(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      }
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(pushed ? {} : { secrets: this.secrets }));
    });
  }

  /** Whether the newest flows have this label. */
  latest(label) {
    const rows = this.taken[this.taken.length - 1];
    return rows && assembled(rows)["flows:"][0].label === label;
  }

  drop() {
    this.server.closeAllConnections();
  }

  async stop() {
    this.drop();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds) {
  const end = Date.now() + PATIENCE_MS;
  while (!holds()) {
    assert.ok(Date.now() < end, "waited in vain");
    await pause(20);
  }
}
