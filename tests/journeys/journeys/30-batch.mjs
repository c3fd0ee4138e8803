import assert from "node:assert/strict";

export const title = "a document for each customer, in one archive";

export async function run(stage) {
  const alice = await stage.person("alice");
  const { page } = alice;
  await alice.goto("/reports/customer-overview");
  await page.getByLabel(/All \d+ customers/).check();
  await page.getByLabel("A document for each, to download as a zip file").check();
  await page.getByRole("button", { name: "Start the report" }).click();
  const download = page.getByRole("link", { name: "Download all 2 documents (zip)" });
  await download.waitFor();
  await alice.look("30-batch");
  const [file] = await Promise.all([page.waitForEvent("download"), download.click()]);
  assert.match(file.suggestedFilename(), /\.zip$/);
}
