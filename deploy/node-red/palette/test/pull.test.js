// Datasets: requests of the agent through real flows.

"use strict";

const assert = require("node:assert/strict");
const { after, before, test } = require("node:test");
const { NodeRed, PULL, PUSH_TOKEN, code, note, reply, request, tab } = require("./node-red.js");

let nodeRed;
before(async () => {
  nodeRed = await NodeRed.start();
});
after(() => nodeRed.stop());

const ROWS = "msg.payload = Array.from({ length: msg.payload.limit || 3 }, (_, n) => ({ n, tag: msg.payload.tag }));";
const deploy = (...nodes) => nodeRed.deploy([tab("tab"), ...nodes]);
const fresh = () => code("fresh", "", []);

test("three nodes answer, each request its own", async () => {
  await deploy(
    request("ask", "devices", [["rows"], []]),
    code("rows", `${ROWS} setTimeout(() => node.send(msg), Math.random() * 300);`, [["answer"]]),
    reply("answer"),
  );
  const asked = Array.from({ length: 40 }, (_, tag) => nodeRed.pull("devices", { params: { tag } }));
  const answers = await Promise.all(asked);
  answers.forEach((answer, tag) => {
    assert.equal(answer.status, 200);
    assert.match(answer.head["content-type"], /^application\/json/);
    assert.deepEqual(answer.json(), [{ n: 0, tag }, { n: 1, tag }, { n: 2, tag }]);
  });
  const many = await nodeRed.pull("devices", { params: { limit: 100_000 } });
  assert.equal(many.json().length, 100_000);
  const { text } = await nodeRed.ask("GET", `${PULL}/datasets`);
  assert.deepEqual(JSON.parse(text), { datasets: [{ dataset: "devices", version: 1 }] });
});

test("who has no token learns nothing", async () => {
  for (const token of ["", "wrong", PUSH_TOKEN]) {
    assert.equal((await nodeRed.pull("devices", { token })).status, 401);
    assert.equal((await nodeRed.pull("nothing", { token })).status, 401);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await nodeRed.ask("GET", `${PULL}/datasets`, { headers })).status, 401);
  }
  assert.equal((await nodeRed.pull("devices")).status, 200, "the twin with the token");
});

test("what nobody answers and what is no object is a problem", async () => {
  for (const [dataset, version] of [["printers", 1], ["devices", 2], ["constructor", 1], ["__proto__", 1]]) {
    const answer = await nodeRed.pull(dataset, { version });
    assert.deepEqual([answer.status, answer.json().type], [404, "unknown-dataset"]);
    assert.equal(answer.head["content-type"], "application/problem+json");
    assert.match(answer.json().detail, /there are: devices v1/);
  }
  for (const body of ["[1]", "{", "null", '"x"', `{"x":"${"y".repeat(70_000)}"}`]) {
    const answer = await nodeRed.pull("devices", { body });
    assert.deepEqual([answer.status, answer.json().type], [400, "flow-error"], body.slice(0, 20));
  }
});

test("a flow that never answers ends with timeout, and its late answer is told so", async () => {
  await deploy(
    request("ask", "devices", [["wait"], ["unanswered"]]),
    code("wait", "setTimeout(() => node.send({ ...msg, payload: [] }), 1500);", [["answer"]]),
    reply("answer", [[], ["late"]]),
    note("unanswered"), note("late"),
  );
  const answer = await nodeRed.pull("devices", { timeoutMs: 300 });
  assert.deepEqual([answer.status, answer.json().type], [504, "timeout"]);
  const notes = await nodeRed.notes(2);
  assert.deepEqual(notes.map(({ at, error }) => [at, error.type]), [["unanswered", "timeout"], ["late", "too-late"]]);
  assert.ok(notes.every(({ error }) => error.title && error.detail && error.next));
});

test("a second answer and a message of nowhere are refused, the first answer stands", async () => {
  await deploy(
    request("ask", "devices", [["twice"], []]),
    code("twice", 'node.send({ ...msg, payload: [{ n: 1 }] }); node.send({ ...msg, payload: [{ n: 2 }] }); node.send({ payload: [] }); node.send({ payload: [], spokegate: { request: "x" } });', [["answer"]]),
    reply("answer", [["taken"], ["refused"]]),
    note("taken"), note("refused"),
  );
  const answer = await nodeRed.pull("devices");
  assert.deepEqual(answer.json(), [{ n: 1 }]);
  const notes = await nodeRed.notes(4);
  const types = notes.map(({ at, error }) => (error ? error.type : at)).sort();
  assert.deepEqual(types, ["already-answered", "no-request", "no-request", "taken"]);
});

test("a redeployed or removed node ends its requests at once", async () => {
  const flow = [request("ask", "devices", [["hole"], []]), code("hole", "", [[]])];
  for (const next of [[...flow, fresh()], [fresh()]]) {
    await deploy(...flow);
    const open = nodeRed.pull("devices", { timeoutMs: 80_000 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await deploy(...next);
    const answer = await open;
    assert.deepEqual([answer.status, answer.json().type], [500, "flow-error"]);
    assert.match(answer.json().detail, /deployed anew or removed/);
  }
  assert.equal((await nodeRed.pull("devices")).status, 404);
});

test("an agent that goes away is seen, and the answer to nobody is told", async () => {
  await deploy(
    request("ask", "devices", [["wait"], ["gone"]]),
    code("wait", 'setTimeout(() => node.send({ ...msg, payload: [] }), 800);', [["answer"]]),
    reply("answer", [[], ["late"]]),
    note("gone"), note("late"),
  );
  const abort = new AbortController();
  const open = nodeRed.pull("devices", { signal: abort.signal }).catch((error) => error.name);
  setTimeout(() => abort.abort(), 300);
  assert.equal(await open, "AbortError");
  const notes = await nodeRed.notes(2);
  assert.deepEqual(notes.map(({ at, error }) => [at, error.type]), [["gone", "cancelled"], ["late", "too-late"]]);
});

test("rows in parts, an empty table, a document", async () => {
  await deploy(
    request("ask", "devices", [["page"], []]),
    code("page", "msg.page = (msg.page || 0) + 1; msg.complete = msg.page === 5; msg.payload = msg.complete ? undefined : [{ page: msg.page }, { page: msg.page }]; return msg;", [["answer"]]),
    reply("answer", [["page"], []], "parts"),
    request("ask-none", "tickets", [["none"], []]),
    code("none", "msg.payload = []; return msg;", [["answer-none"]]),
    reply("answer-none"),
    request("ask-one", "summary", [["one"], []]),
    code("one", "msg.payload = { open: 3 }; return msg;", [["answer-one"]]),
    reply("answer-one"),
  );
  assert.deepEqual((await nodeRed.pull("devices")).json().map((row) => row.page), [1, 1, 2, 2, 3, 3, 4, 4]);
  assert.deepEqual((await nodeRed.pull("tickets")).json(), []);
  assert.deepEqual((await nodeRed.pull("summary", { shape: "document" })).json(), { open: 3 });
});

test("what is no table ends as an error of the flow, before and behind the first rows", async () => {
  await deploy(
    request("ask", "devices", [["bad"], []]),
    code("bad", "const bad = { number: 3, rows: [{}, 3], text: \"[]\", circle: (() => { const row = {}; row.row = row; return [row]; })(), big: [{ n: 1n }] }; if (msg.payload.how === \"throw\") throw new Error(\"MAIL_PASSWORD\"); msg.payload = bad[msg.payload.how]; return msg;", [["answer"]]),
    { ...code("x", "", []), id: "catch", type: "catch", scope: ["bad"], uncaught: false, wires: [["answer"]] },
    reply("answer", [[], ["refused"]]),
    request("ask-late", "tickets", [["first"], []]),
    code("first", "node.send({ ...msg, payload: [{ n: 1 }] }); setTimeout(() => node.send({ ...msg, error: { message: \"broke\" } }), 200);", [["answer-late"]]),
    reply("answer-late", [[], []], "parts"),
    note("refused"),
  );
  for (const how of ["number", "rows", "text", "circle", "big", "throw"]) {
    const answer = await nodeRed.pull("devices", { params: { how } });
    assert.deepEqual([answer.status, answer.json().type], [500, "flow-error"], how);
  }
  const late = await nodeRed.pull("tickets");
  assert.deepEqual([late.status, late.text, late.trailers["spokegate-problem"]], [200, '[{"n":1}', "flow-error"]);
});

test("parts that nobody takes are bounded", async () => {
  await deploy(
    request("ask", "devices", [["flood"], []]),
    code("flood", 'const row = { text: "x".repeat(400000) }; for (let n = 0; n < 200; n++) node.send({ ...msg, payload: [row] });', [["answer"]]),
    reply("answer", [[], ["big"]], "parts"),
    note("big"),
  );
  // Reads the head and then nothing, as an agent without credit does.
  const stopped = nodeRed.pull("devices", { onHead: (response) => response.pause() });
  const notes = await nodeRed.notes(1);
  assert.equal(notes[0].error.type, "too-fast");
  stopped.catch(() => {});
});

test("two nodes for one dataset: the first answers, and the second when the first is gone", async () => {
  const answering = (id, n) => [
    request(`ask-${id}`, "devices", [[`rows-${id}`], []]),
    code(`rows-${id}`, `msg.payload = [{ n: ${n} }]; return msg;`, [[`answer-${id}`]]),
    reply(`answer-${id}`),
  ];
  await deploy(...answering("a", 1), ...answering("b", 2));
  const [row] = (await nodeRed.pull("devices")).json();
  await nodeRed.deploy([tab("tab"), ...(row.n === 1 ? answering("b", 2) : answering("a", 1))], "nodes");
  const [other] = (await nodeRed.pull("devices")).json();
  assert.notEqual(row.n, other.n);
});

test("without an editor, as a customer's runs, the nodes answer and there is nothing to change", async () => {
  const flows = [tab("tab"), request("ask", "devices", [["rows"], []]), code("rows", "msg.payload = [{ n: 1 }]; return msg;", [["answer"]]), reply("answer")];
  const plain = await NodeRed.start({ SPOKEGATE_NODE_RED_EDITOR: "off" }, flows);
  try {
    await plain.until(async () => (await plain.pull("devices")).text === '[{"n":1}]');
    assert.equal((await plain.admin("GET", "/spokegate/palette/datasets")).status, 404);
    assert.equal((await plain.ask("GET", "/spokegate/palette/datasets")).status, 404);
  } finally {
    await plain.stop();
  }
});
