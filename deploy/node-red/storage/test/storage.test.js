// The storage through Node-RED's own `storage`, as its runtime calls it: which one, PALETTE_NODE_RED says (a folder whose
// node_modules has it).

"use strict";

const assert = require("node:assert/strict");
const { createCipheriv, createHash, randomBytes } = require("node:crypto");
const fs = require("node:fs");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { afterEach, beforeEach, describe, it } = require("node:test");

const { create } = require("../plugin.js");

const DEPLOY = path.join(__dirname, "../..");
const NODE_RED = process.env.PALETTE_NODE_RED || DEPLOY;
const runtimeStorage = require(path.join(NODE_RED, "node_modules/@node-red/runtime/lib/storage"));

const FLOWS = [{ id: "tab", type: "tab", label: "one" }];
const OTHER = [{ id: "tab", type: "tab", label: "two" }];

let folder;
let told;

const at = (...names) => path.join(folder, "storage", ...names);
const write = (file, value) => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
};
const read = (file) => JSON.parse(fs.readFileSync(file, "utf8"));
const heard = (words) => assert.ok(told.some((line) => line.includes(words)), `${words}\n${told.join("\n")}`);
const silent = () => assert.deepEqual(told.filter((line) => !line.startsWith("info ")), []);

/** What Node-RED has after a start. */
async function started(settings = {}) {
  const log = Object.fromEntries(["info", "warn", "error"].map((level) => [level, (line) => told.push(`${level} ${line}`)]));
  await runtimeStorage.init({ settings: { userDir: folder, storageModule: create(), ...settings }, log });
  return runtimeStorage;
}

/** A deploy as Node-RED saves it. */
const deploy = (storage, flows, credentials) => storage.saveFlows({ flows, credentials, credentialsDirty: credentials !== undefined });

/** As Node-RED encrypts. */
function encrypted(credentials, key) {
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-ctr", createHash("sha256").update(key).digest(), iv);
  return { $: iv.toString("hex") + cipher.update(JSON.stringify(credentials), "utf8", "base64") + cipher.final("base64") };
}

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), "storage-"));
  told = [];
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe("what Node-RED asks of a storage", () => {
  it("is a plain object with settings and sessions", () => {
    const storage = require("../../storage.js");
    assert.equal(Object.getPrototypeOf(storage), Object.prototype);
    for (const name of ["getSettings", "saveSettings", "getSessions", "saveSessions"]) {
      assert.ok(Object.hasOwn(storage, name), name);
    }
  });

  it("starts empty where nothing was", async () => {
    const storage = await started();
    const { flows, credentials, rev } = await storage.getFlows();
    assert.deepEqual([flows, credentials], [[], {}]);
    assert.equal(rev, createHash("sha256").update("[]").digest("hex"));
    assert.deepEqual(await storage.getSettings(), {});
    assert.deepEqual(await storage.getSessions(), {});
    assert.deepEqual(await storage.getLibraryEntry("flows", "/"), []);
    assert.deepEqual(await storage.getLibraryEntry("functions", ""), []);
    silent();
  });

  it("finds everything again after a start", async () => {
    let storage = await started();
    await storage.saveSettings({ _credentialSecret: "key", nodes: { a: 1 } });
    await storage.saveSessions({ token: { user: "bob" } });
    const credentials = encrypted({ n: { password: "p" } }, "key");
    const rev = await deploy(storage, FLOWS, credentials);
    storage = await started();
    assert.deepEqual(await storage.getSettings(), { _credentialSecret: "key", nodes: { a: 1 } });
    assert.deepEqual(await storage.getSessions(), { token: { user: "bob" } });
    assert.deepEqual(await storage.getFlows(), { flows: FLOWS, credentials, rev });
    silent();
  });

  it("keeps what it writes from other users, and leaves nothing half written", async () => {
    const storage = await started();
    await storage.saveSettings({ _credentialSecret: "key" });
    await deploy(storage, FLOWS, encrypted({}, "key"));
    await storage.saveLibraryEntry("functions", "net/ping.js", {}, "x");
    const modes = (where) =>
      fs.readdirSync(where, { withFileTypes: true }).flatMap((entry) => {
        const place = path.join(where, entry.name);
        const mode = fs.statSync(place).mode & 0o777;
        return entry.isDirectory() ? [mode.toString(8), ...modes(place)] : [mode.toString(8)];
      });
    assert.deepEqual([...new Set(modes(at()))].sort(), ["600", "700"]);
    assert.deepEqual(fs.readdirSync(at()).filter((name) => name.endsWith(".tmp") || name === "deploying.json"), []);
  });

  it("saves what comes at the same moment one after another", async () => {
    const storage = await started();
    const all = Array.from({ length: 30 }, (_, n) => [{ id: "tab", type: "tab", label: String(n) }]);
    await Promise.all(all.map((flows) => deploy(storage, flows)));
    assert.deepEqual(read(at("flows.json")), all[29]);
    assert.deepEqual(read(at("flows.json.previous")), all[28]);
  });

  it("writes nothing where settings say readOnly", async () => {
    const storage = await started({ readOnly: true });
    await storage.saveSettings({ a: 1 });
    await deploy(storage, FLOWS, {});
    await storage.saveLibraryEntry("flows", "a", {}, "[]");
    assert.deepEqual(fs.readdirSync(folder), []);
    assert.deepEqual((await storage.getFlows()).flows, []);
  });
});

describe("files that cannot be read", () => {
  for (const [what, torn] of [["torn", '[{"id":"t'], ["empty", ""], ["of another shape", '{"a":1}'], ["no text", "\u0000\u0000"]]) {
    it(`flows that are ${what}: the generation before, told, and a deploy mends it`, async () => {
      let storage = await started();
      await deploy(storage, FLOWS);
      await deploy(storage, OTHER);
      write(at("flows.json"), torn);
      storage = await started();
      assert.deepEqual((await storage.getFlows()).flows, FLOWS);
      heard("error storage: the generation before is used");
      assert.equal(fs.readFileSync(at("flows.json.damaged"), "utf8"), torn);
      await deploy(storage, OTHER);
      assert.deepEqual(read(at("flows.json")), OTHER);
      assert.deepEqual(read(at("flows.json.previous")), FLOWS, "what was torn is never a generation");
    });
  }

  it("a file that is gone", async () => {
    let storage = await started();
    await deploy(storage, FLOWS);
    await deploy(storage, OTHER);
    fs.rmSync(at("flows.json"));
    storage = await started();
    assert.deepEqual((await storage.getFlows()).flows, FLOWS);
    fs.rmSync(at("flows.json.previous"));
    assert.deepEqual((await (await started()).getFlows()).flows, []);
  });

  it("reads never reject, nor does the start", async () => {
    for (const name of ["flows", "credentials", "settings", "sessions", "taken", "deploying"]) {
      fs.mkdirSync(at(`${name}.json`), { recursive: true });
    }
    const storage = await started();
    assert.deepEqual((await storage.getFlows()).flows, []);
    assert.deepEqual(await storage.getSettings(), {});
    assert.deepEqual(await storage.getSessions(), {});
    heard("cannot be read (EISDIR)");
  });

  it("a folder that cannot be written: settings and sessions do not reject, a deploy does", async () => {
    write(path.join(folder, "storage"), "in the way");
    const storage = await started();
    heard("error storage: its folder cannot be made ready");
    await storage.saveSettings({ a: 1 });
    await storage.saveSessions({ a: 1 });
    heard("error storage: settings are not on disk");
    await assert.rejects(deploy(storage, FLOWS));
    await assert.rejects(deploy(storage, FLOWS, {}));
    fs.rmSync(path.join(folder, "storage"));
    await deploy(storage, FLOWS, {});
    assert.deepEqual(read(at("settings.json")), { a: 1 }, "the key is on disk before what it encrypts");
  });

  it("what a killed process left half written goes", async () => {
    write(at(".flows.json.1-1.tmp"), "[");
    await started();
    assert.ok(!fs.existsSync(at(".flows.json.1-1.tmp")));
  });
});

describe("credentials", () => {
  const one = () => encrypted({ n: { password: "one" } }, "key");
  const two = () => encrypted({ n: { password: "two" } }, "key");

  it("belong to the flows, also where a process ends between the two", async () => {
    let storage = await started();
    await storage.saveSettings({ _credentialSecret: "key" });
    const [before, after] = [one(), two()];
    await deploy(storage, FLOWS, before);
    await storage.saveCredentials(after);
    assert.deepEqual(read(at("credentials.json")), after);
    storage = await started();
    assert.deepEqual((await storage.getFlows()).credentials, before);
    heard("a deploy was not finished");
    await deploy(storage, OTHER, after);
    assert.deepEqual((await (await started()).getFlows()).credentials, after, "a finished one stays");
  });

  it("are not taken back further where the process ended before it wrote any", async () => {
    const storage = await started();
    await storage.saveSettings({ _credentialSecret: "key" });
    await deploy(storage, FLOWS, one());
    const after = two();
    await deploy(storage, OTHER, after);
    const digest = (name) => createHash("sha256").update(fs.readFileSync(at(name))).digest("hex");
    write(at("deploying.json"), { flows: digest("flows.json"), credentials: digest("credentials.json") });
    assert.deepEqual((await (await started()).getFlows()).credentials, after);
  });

  it("of a deploy whose flows could not be saved do not outlive the process, however often it is tried", async () => {
    let storage = await started();
    await storage.saveSettings({ _credentialSecret: "key" });
    const before = one();
    await deploy(storage, FLOWS, before);
    await storage.saveCredentials(two());
    await storage.saveCredentials(two());
    storage = await started();
    assert.deepEqual((await storage.getFlows()).credentials, before);
  });

  it("stay as they are where somebody put other flows in place meanwhile", async () => {
    const storage = await started();
    await storage.saveSettings({ _credentialSecret: "key" });
    await deploy(storage, FLOWS, one());
    const after = two();
    await storage.saveCredentials(after);
    write(at("flows.json"), OTHER);
    const { flows, credentials } = await (await started()).getFlows();
    assert.deepEqual([flows, credentials], [OTHER, after]);
  });

  it("are not lost to a wrong key, and are back with the right one", async () => {
    let storage = await started({ credentialSecret: "right" });
    const good = encrypted({ n: { password: "p" } }, "right");
    await deploy(storage, FLOWS, good);
    storage = await started({ credentialSecret: "wrong" });
    assert.deepEqual((await storage.getFlows()).credentials, good);
    heard("the key in force does not open credentials.json");
    await deploy(storage, FLOWS, encrypted({}, "wrong"));
    await deploy(storage, OTHER, encrypted({}, "wrong"));
    heard("credentials that another key had encrypted are kept as");
    storage = await started({ credentialSecret: "right" });
    assert.deepEqual((await storage.getFlows()).credentials, good);
    await deploy(storage, OTHER, encrypted({ n: { password: "q" } }, "right"));
    told = [];
    await (await started({ credentialSecret: "right" })).getFlows();
    silent();
  });

  it("are kept of the eight last keys", async () => {
    const storage = await started({ credentialSecret: "none" });
    for (let n = 0; n < 12; n += 1) {
      await deploy(storage, FLOWS, encrypted({ n: { n } }, `key ${n}`));
    }
    assert.equal(fs.readdirSync(at()).filter((name) => name.startsWith("credentials.other-key-")).length, 8);
  });
});

describe("what Node-RED's own storage left", () => {
  const own = (name) => path.join(folder, name);

  it("is taken over at the first start, and stays", async () => {
    const credentials = encrypted({ n: { password: "p" } }, "key");
    write(own("flows.json"), FLOWS);
    write(own("flows_cred.json"), credentials);
    write(own(".config.runtime.json"), { _credentialSecret: "key", instanceId: "i" });
    write(own(".config.nodes.json"), { "node-red": {} });
    write(own(".config.users.json"), {});
    write(own(".sessions.json"), { s: 1 });
    write(own("lib/functions/a/b.js"), "// name: b\nreturn msg;");
    const storage = await started();
    assert.deepEqual(await storage.getSettings(), { _credentialSecret: "key", instanceId: "i", nodes: { "node-red": {} } });
    const found = await storage.getFlows();
    assert.deepEqual([found.flows, found.credentials], [FLOWS, credentials]);
    assert.deepEqual(await storage.getSessions(), { s: 1 });
    assert.equal(await storage.getLibraryEntry("functions", "a/b.js"), "return msg;");
    assert.ok(fs.existsSync(own("flows.json")) && fs.existsSync(own("lib/functions/a/b.js")));
    silent();
  });

  it("flows.json is taken once, and again when there is something else in it", async () => {
    write(own("flows.json"), FLOWS);
    let storage = await started();
    await deploy(storage, []);
    storage = await started();
    assert.deepEqual((await storage.getFlows()).flows, [], "what was deployed since stands");
    write(own("flows.json"), OTHER);
    storage = await started();
    assert.deepEqual((await storage.getFlows()).flows, OTHER);
    write(own("flows.json"), "[torn");
    storage = await started();
    assert.deepEqual((await storage.getFlows()).flows, OTHER, "what cannot be read is not taken");
  });

  it("does not take the place of flows that were put into the storage before the first start", async () => {
    write(own("flows.json"), FLOWS);
    write(at("flows.json"), OTHER);
    assert.deepEqual((await (await started()).getFlows()).flows, OTHER);
    assert.deepEqual((await (await started()).getFlows()).flows, OTHER);
  });

  it("credentials of another key do not take the place of those there", async () => {
    let storage = await started({ credentialSecret: "key" });
    const good = encrypted({ n: { password: "p" } }, "key");
    await deploy(storage, FLOWS, good);
    write(own("flows_cred.json"), encrypted({ n: { password: "x" } }, "stranger"));
    storage = await started({ credentialSecret: "key" });
    assert.deepEqual((await storage.getFlows()).credentials, good);
    heard("was left alone: another key has encrypted it");
    const better = encrypted({ n: { password: "y" } }, "key");
    write(own("flows_cred.json"), better);
    storage = await started({ credentialSecret: "key" });
    assert.deepEqual((await storage.getFlows()).credentials, better);
  });

  it("settings of before 1.2 and a backup where the file is torn", async () => {
    write(own(".config.json"), { _credentialSecret: "old" });
    write(own("flows.json"), "");
    write(own(".flows.json.backup"), FLOWS);
    const storage = await started();
    assert.deepEqual(await storage.getSettings(), { _credentialSecret: "old" });
    assert.deepEqual((await storage.getFlows()).flows, FLOWS);
  });
});

describe("the library", () => {
  it("lists folders, then entries with what their headers say", async () => {
    const storage = await started();
    await storage.saveLibraryEntry("functions", "net/ping.js", { name: "ping", outputs: 2, info: "a\\b\nc" }, "// comment\nreturn msg;\n");
    await storage.saveLibraryEntry("functions", "file.js", {}, "plain");
    assert.deepEqual(await storage.getLibraryEntry("functions", ""), ["net", { fn: "file.js" }]);
    assert.deepEqual(await storage.getLibraryEntry("functions", "net"), [{ fn: "ping.js", name: "ping", outputs: "2", info: "a\\b\nc" }]);
    assert.deepEqual(await storage.getLibraryEntry("functions", "net/"), [{ fn: "ping.js", name: "ping", outputs: "2", info: "a\\b\nc" }]);
    assert.equal(await storage.getLibraryEntry("functions", "net/ping.js"), "// comment\nreturn msg;\n");
    assert.equal(await storage.getLibraryEntry("functions", "/file.js"), "plain");
  });

  it("keeps types apart, and flows end in .json", async () => {
    const storage = await started();
    await storage.saveLibraryEntry("flows", "a/one", {}, "[1]");
    await storage.saveLibraryEntry("functions", "a/one", {}, "other");
    assert.equal(await storage.getLibraryEntry("flows", "a/one"), "[1]");
    assert.equal(await storage.getLibraryEntry("flows", "a/one.json"), "[1]");
    assert.equal(await storage.getLibraryEntry("functions", "a/one"), "other");
    assert.deepEqual(await storage.getAllFlows(), { d: { a: { f: ["one"] } } });
  });

  it("replaces an entry whole", async () => {
    const storage = await started();
    await storage.saveLibraryEntry("templates", "t", {}, "long text");
    await storage.saveLibraryEntry("templates", "t", {}, "short");
    assert.equal(await storage.getLibraryEntry("templates", "t"), "short");
  });

  it("says what it does not have", async () => {
    const storage = await started();
    await assert.rejects(storage.getLibraryEntry("functions", "no"), /Library Entry not found no/);
    assert.deepEqual(await storage.getLibraryEntry("functions", "no/"), []);
  });

  it("has no place outside", async () => {
    write(path.join(folder, "secret"), "secret");
    const storage = await started();
    fs.mkdirSync(at("library/functions"), { recursive: true });
    fs.symlinkSync(path.join(folder, "secret"), at("library/functions/link"));
    for (const [type, name] of [["..", "settings.json"], ["functions", ".."], ["functions/..", "x"], ["", "x"], ["functions", ".hidden"], ["functions", "a\0"]]) {
      await assert.rejects(storage.getLibraryEntry(type, name), { code: "forbidden" }, `${type}/${name}`);
      await assert.rejects(storage.saveLibraryEntry(type, name, {}, "x"), { code: "forbidden" }, `${type}/${name}`);
    }
    await assert.rejects(storage.getLibraryEntry("functions", "link"), /not found/);
    assert.deepEqual(await storage.getLibraryEntry("functions", ""), []);
  });
});
