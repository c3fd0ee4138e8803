// What an author does in Node-RED's editor with the palette, in a real Chromium: looks at the nodes, imports an example,
// tests rows against their contract. { editor, pictures, name } comes as JSON on standard input.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";

const setup = JSON.parse(await read(process.stdin));
await mkdir(setup.pictures, { recursive: true });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] });
const page = await (await browser.newContext({ viewport: { width: 1400, height: 900 }, reducedMotion: "reduce" })).newPage();
page.setDefaultTimeout(60_000);
const trouble = [];
const asked = [];
page.on("pageerror", (error) => trouble.push(error.message));
page.on("request", (request) => asked.push(request));
try {
  await author();
  assert.deepEqual(trouble, [], "a script failed");
  console.log("the editor: ok");
} catch (error) {
  await picture("FAILED");
  console.log(`the editor: FAILED: ${error.stack}\n${trouble.join("\n")}`);
  process.exitCode = 1;
}
await browser.close();

async function author() {
  await page.goto(setup.editor);
  await page.locator("#red-ui-palette").getByText("dataset request").first().waitFor();
  for (const name of ["dataset request", "dataset reply", "push", "secret"]) {
    assert.ok(await page.locator(".red-ui-palette-node", { hasText: name }).count() > 0, name);
  }
  await page.locator(".red-ui-tab-label", { hasText: "Answer a dataset" }).first().click();
  await page.locator("#sg-ex-answer-1 .red-ui-flow-node-status-label").filter({ hasText: /answered|ready/ }).waitFor();
  await picture("flow");
  await test("sg-ex-answer-1", [
    ['[{"hostname": "srv-01", "kind": "toaster"}]', /row 1.*contract:required.*missing: os, os_version/s],
    ["[{]", /json/],
    ["", /The contract takes it \(2 checked\)/],
  ]);
  await page.locator(".red-ui-tab-label", { hasText: "Push on a timer" }).first().click();
  const row = { job: "Nightly", hostname: "srv-01", last_run: "2026-11-20T02:41:07Z", result: "green", size_bytes: 1, duration_s: 1, message: "" };
  await test("sg-ex-push-3", [
    [JSON.stringify([row]), /row 1, result.*contract:enum.*one of success, warning, failed/s],
    [JSON.stringify([{ ...row, result: "success" }]), /The contract takes it \(1 checked\)/],
  ]);
  await examples();
  for (const request of asked) {
    assert.equal((await request.allHeaders()).authorization, undefined, "no token is in the browser");
  }
}

/** Opens a node, has data tested, and reads the verdicts. */
async function test(id, cases) {
  await page.locator(`#${id}`).dblclick();
  const verdict = page.locator("#spokegate-verdict");
  await page.locator("#spokegate-about").filter({ hasText: /\w/ }).waitFor();
  for (const [text, expected] of cases) {
    await page.locator("#spokegate-sample").fill(text);
    await page.locator("#spokegate-check").click();
    await verdict.filter({ hasText: expected }).waitFor({ timeout: 30_000 }).catch(async () => {
      throw new Error(`${expected} is not in: ${await verdict.innerText()}`);
    });
    await page.locator("#spokegate-check").scrollIntoViewIfNeeded();
    await picture(`${id}-${cases.findIndex(([one]) => one === text)}`);
  }
  await page.locator("#node-dialog-cancel").click();
  await page.locator("#node-dialog-cancel").waitFor({ state: "detached" });
}

/** The menu has the palette's examples. */
async function examples() {
  await page.keyboard.press("Control+i");
  const dialog = page.locator(".ui-dialog", { hasText: "Examples" });
  await dialog.waitFor();
  await dialog.getByRole("link", { name: "Examples" }).click();
  await dialog.getByText("node-red-contrib-spokegate").first().click();
  for (const name of ["answer a dataset", "push on a timer", "rows in parts"]) {
    await dialog.getByText(name).first().waitFor();
  }
  await picture("examples");
}

function picture(name) {
  return page.screenshot({ path: `${setup.pictures}/${setup.name}-${name}.png` });
}

async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
