// Pushes and secrets: what the nodes make of what an agent says. The agent here says what the test wants; the real one is
// in tests/tests/palette.rs.

"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");
const { after, before, test } = require("node:test");
const { AGENT_TOKEN, NodeRed, PUSH_TOKEN, code, node, note, tab } = require("./node-red.js");

const said = { push: [202, { epoch: 7, sequence: 1 }], check: [200, { valid: true, checked: 1, faults: [] }], secret: [200, { value: "from the agent" }], secrets: [200, { secrets: { MAIL_PASSWORD: "from the agent's list", LISTED: "from the list" } }] };
const heard = [];
let agent;
let nodeRed;

before(async () => {
  agent = http.createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const [, , kind] = request.url.split(/[/?]/);
    // The storage brings flows to the centre meanwhile; here the nodes are asked.
    const storage = request.url === "/v1/secrets" || request.url.startsWith("/v1/push/node-red-storage");
    if (!storage) {
      heard.push({ kind, url: request.url, body, authorization: request.headers.authorization });
    }
    const known = { push: said.push, check: said.check, secrets: said.secret, datasets: [200, { contracts: true, datasets: [] }] };
    const [status, answer] = request.url === "/v1/secrets" ? said.secrets : known[kind];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise((resolve) => agent.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${agent.address().port}/v1/push`;
  nodeRed = await NodeRed.start({ SPOKEGATE_PUSH_URL: url, MAIL_PASSWORD: "from the start" });
});
after(async () => {
  await nodeRed.stop();
  agent.close();
  agent.closeAllConnections();
});

const push = (id, wires, rest = {}) => node("spokegate-push", id, wires, { dataset: "alerts", version: "2", check: false, batchRows: "1", batchSeconds: "1", agent: "", ...rest });
const inject = (id, wires) => node("inject", id, wires, { props: [], repeat: "", crontab: "", once: false, onceDelay: 0.1, topic: "" });
const refusal = (status, kind, detail) => [status, { error: { class: kind, detail } }];

async function run(nodes, count) {
  heard.length = 0;
  await nodeRed.deploy([tab("tab"), inject("go", [["make"]]), ...nodes, note("taken"), note("refused")]);
  assert.equal((await nodeRed.admin("POST", "/inject/go")).status, 200);
  return nodeRed.notes(count);
}

const one = (rest) => [code("make", "msg.payload = [{ n: 1 }]; return msg;", [["push"]]), push("push", [["taken"], ["refused"]], rest)];

test("what the agent has taken goes on with its number", async () => {
  said.push = [202, { epoch: 7, sequence: 1 }];
  const [taken] = await run(one(), 1);
  assert.deepEqual([taken.at, taken.spokegate], ["taken", { dataset: "alerts", version: 2, epoch: 7, sequence: 1 }]);
  assert.deepEqual(heard.map(({ url, body, authorization }) => [url, body, authorization]), [
    ["/v1/push/alerts?version=2", '[{"n":1}]', `Bearer ${PUSH_TOKEN}`],
  ]);
});

test("each refusal has a type, and the flow has its message back", async () => {
  const check = async (answer, type, next) => {
    said.push = answer;
    const [refused] = await run(one(), 1);
    assert.equal(refused.at, "refused");
    assert.deepEqual([refused.error.type, refused.payload], [type, [{ n: 1 }]]);
    assert.match(refused.error.next, next);
    assert.ok(refused.error.title && refused.error.detail);
  };
  await check(refusal(507, "spool-full", "the spool is full; nothing was stored; hint: is the broker reachable? try again later"), "spool-full", /^is the broker reachable/);
  await check(refusal(413, "too-large", "the body has 2001 rows; hint: push it in parts"), "too-large", /^push it in parts/);
  await check(refusal(400, "invalid", "row 1 is not an object"), "not-rows", /log/);
  await check(refusal(404, "refused", "there is no such dataset here; hint: add a [[source]]"), "unknown-dataset", /source/);
  await check(refusal(403, "refused", "it is never pushed; hint: answer"), "refused", /answer/);
  await check(refusal(401, "token", "the token is wrong; hint: send it"), "token", /send it/);
  await check(refusal(507, "storage", "not stored; hint: look at the agent's log"), "agent-error", /log/);
});

test("an agent that is not there is an error that holds the whole message", async () => {
  const nowhere = { id: "nowhere", type: "spokegate-agent", name: "", url: "http://127.0.0.1:9/v1/push" };
  const [refused] = await run([...one({ agent: "nowhere" }), nowhere], 1);
  assert.deepEqual([refused.error.type, refused.payload], ["agent-unreachable", [{ n: 1 }]]);
  const far = { ...nowhere, url: "http://192.0.2.1:8021/v1/push" };
  const [refusedFar] = await run([...one({ agent: "nowhere" }), far], 1);
  assert.equal(refusedFar.error.type, "settings", "the token leaves this machine for nobody");
});

test("the contract is asked first, and what it refuses is not sent", async () => {
  said.push = [202, { epoch: 7, sequence: 2 }];
  const fault = { where: "/0/n", what: "contract:enum", allowed: "one of a, b" };
  said.check = [200, { valid: false, checked: 1, faults: [fault, fault] }];
  const [refused] = await run(one({ check: true }), 1);
  assert.deepEqual([refused.error.type, refused.error.next, refused.faults], ["contract", "allowed is: one of a, b", [fault, fault]]);
  assert.deepEqual(heard.map(({ url }) => url), ["/v1/check/alerts/2?kind=push"]);
  for (const answer of [[200, { valid: true, checked: 1, faults: [] }], refusal(404, "no-contracts", "none")]) {
    said.check = answer;
    const [taken] = await run(one({ check: true }), 1);
    assert.equal(taken.at, "taken");
    assert.deepEqual(heard.map(({ kind }) => kind), ["check", "push"]);
  }
});

test("rows of several messages become one push", async () => {
  said.push = [202, { epoch: 7, sequence: 3 }];
  const rows = code("make", "for (let n = 0; n < 25; n++) node.send({ payload: { n } });", [["push"]]);
  const collect = push("push", [["taken"], ["refused"]], { batchRows: "10", batchSeconds: "0.5" });
  const taken = await run([rows, collect], 3);
  assert.deepEqual(taken.map(({ payload }) => payload.length), [10, 10, 5]);
  assert.deepEqual(heard.flatMap(({ body }) => JSON.parse(body)).map(({ n }) => n), Array.from({ length: 25 }, (_, n) => n));
  const bad = code("make", "node.send({ payload: 3 });", [["push"]]);
  const [refused] = await run([bad, collect], 1);
  assert.equal(refused.error.type, "not-rows");
});

test("what waits is bounded and in order", async () => {
  said.push = [202, { epoch: 7, sequence: 4 }];
  const flood = code("make", "for (let n = 0; n < 300; n++) node.send({ payload: [{ n }] });", [["push"]]);
  const notes = await run([flood, push("push", [["taken"], ["refused"]])], 300);
  const refused = notes.filter(({ at }) => at === "refused");
  assert.ok(refused.length > 0 && refused.every(({ error }) => error.type === "too-many"));
  const sent = heard.map(({ body }) => JSON.parse(body)[0].n);
  assert.equal(sent.length + refused.length, 300, "each is sent or given back");
  assert.deepEqual(sent, [...sent].sort((a, b) => a - b));
});

test("a secret comes from the start or the agent, and its absence has a type", async () => {
  const secret = (name) => [code("make", "return msg;", [["secret"]]), node("spokegate-secret", "secret", [["taken"], ["refused"]], { secret: name, property: "secret", agent: "" })];
  // What was in the environment stays; what the agent listed as Node-RED started is asked for no more.
  assert.equal((await run(secret("MAIL_PASSWORD"), 1))[0].secret, "from the start");
  assert.equal((await run(secret("LISTED"), 1))[0].secret, "from the list");
  assert.deepEqual(heard, []);
  assert.equal((await run(secret("OTHER_PASSWORD"), 1))[0].secret, "from the agent");
  said.secret = refusal(404, "no-secret", "the agent holds no secret of this name; hint: have the MSP seal it");
  const [refused] = await run(secret("OTHER_PASSWORD"), 1);
  assert.deepEqual([refused.error.type, refused.error.next], ["no-secret", "have the MSP seal it"]);
  assert.equal((await run(secret("no name"), 1))[0].error.type, "settings");
});

test("an exported flow and the editor's API hold no token", async () => {
  const config = { id: "own", type: "spokegate-agent", name: "", url: "", credentials: { pushToken: "typed-token-of-the-test", agentToken: "other-token-of-the-test" } };
  await nodeRed.deploy([tab("tab"), ...one({ agent: "own" }), config, note("taken"), note("refused"), code("go", "", [])]);
  const { text } = await nodeRed.admin("GET", "/flows");
  assert.match(text, /spokegate-agent/);
  for (const token of ["typed-token-of-the-test", "other-token-of-the-test", AGENT_TOKEN, PUSH_TOKEN]) {
    assert.ok(!text.includes(token));
  }
  heard.length = 0;
  const answer = await nodeRed.admin("GET", "/spokegate/palette/datasets?agent=own");
  assert.deepEqual(answer.json(), { answer: { contracts: true, datasets: [] } });
  assert.equal(heard[0].authorization, "Bearer typed-token-of-the-test");
  // The token that was typed opens pulls as well.
  assert.equal((await nodeRed.ask("GET", "/spokegate/spokegate/palette/v1/datasets")).status, 200);
});

test("the editor's test tells the verdict, and takes no form of another page", async () => {
  const verdict = { valid: false, checked: 1, faults: [{ where: "/0", what: "contract:required", allowed: "an object with a" }] };
  said.check = [200, verdict];
  await run(one(), 1);
  heard.length = 0;
  const ask = (body, type = "application/json") =>
    nodeRed.admin("POST", "/spokegate/palette/check/alerts/2?kind=push", { headers: { "content-type": type }, body });
  assert.deepEqual((await ask('{"text":"[{}]"}')).json(), { answer: verdict });
  assert.deepEqual((await ask('{"text":"","node":"push"}')).json(), { answer: verdict });
  assert.deepEqual(heard.map(({ body }) => body), ["[{}]", '[{"n":1}]'], "the box, or what the node saw last");
  assert.equal((await ask('{"text":"","node":"go"}')).json().fault.type, "nothing-to-check");
  assert.equal((await ask('{"text":"[{}]"}', "text/plain")).status, 415);
  assert.equal(heard.length, 2);
});
