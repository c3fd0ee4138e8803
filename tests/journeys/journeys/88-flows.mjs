import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

export const title = "an administrator sees the customers' flows, and fetches a version";

export async function run(stage) {
  const carol = await stage.person("carol", "admin");
  const { page } = carol;
  // Node-RED has sent them by itself; the open page shows them once they are there.
  await carol.goto("/flows");
  const link = page.getByRole("link", { name: "versions of acme/hq" });
  await link.waitFor({ timeout: 60_000 });
  await carol.look("88-flows");
  await link.click();
  await page.waitForLoadState();
  assert.match(await carol.words(), /Flows of acme\/hq/);
  assert.match(await page.locator("#version-1").innerText(), /tabs? added/);
  await carol.look("88-flow-versions");
  const fetch = async (name) => {
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name }).last().click()]);
    return JSON.parse(await readFile(await file.path(), "utf8"));
  };
  const flows = await fetch("Flows of version 1");
  assert.ok(flows.some((node) => node.type === "http in"), "flows as Node-RED imports them");
  const all = await fetch("Everything of version 1");
  assert.deepEqual(all.flows, flows);
  assert.match(all.modules["node-red"], /^\d/);
  assert.equal((await carol.goto("/flows/acme/nobody")).status(), 404);
  assert.match(await carol.words(), /There is no such version of flows/);
}
