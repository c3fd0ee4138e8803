import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";

export const title = "a satellite that goes and comes is seen on the open page";

export async function run(stage) {
  const order = (name) => writeFile(`${stage.setup.orders}/${name}`, "");
  const carol = await stage.person("carol", "admin");
  const { page } = carol;
  await carol.goto("/satellites");
  await page.locator("main[data-followed=yes]").waitFor();
  await page.evaluate(() => {
    globalThis.loaded = true;
  });
  const row = page.locator("tr", { hasText: "acme" }).first();
  await row.getByText("online", { exact: true }).waitFor();
  // Somebody reads the table with the keyboard meanwhile.
  const table = page.getByRole("region", { name: "Satellites" });
  await table.focus();
  await order("stop");
  await row.getByText("offline", { exact: true }).waitFor();
  const told = await page.locator("#presence[role=status]").innerText();
  assert.match(told, /^1 of 2 satellites are online/);
  await carol.look("84-offline");
  await failedRun(stage);
  await table.focus();
  await order("start");
  await row.getByText("online", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => globalThis.loaded), true, "the page was not loaded again");
  assert.equal(await table.evaluate((node) => node === document.activeElement), true, "the focus stays");
}

// What is ordered meanwhile fails, and its page says why.
async function failedRun(stage) {
  const alice = await stage.person("alice");
  await alice.goto("/reports/customer-overview");
  await alice.page.locator("[name=for-tenant][value=acme]").check();
  await alice.page.getByRole("button", { name: "Start the report" }).click();
  await alice.page.locator("#run-state").getByText("failed").waitFor();
  assert.match(await alice.words(), /satellite is not connected/);
  await alice.look("84-failed-run");
}
