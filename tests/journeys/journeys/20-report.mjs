import assert from "node:assert/strict";

export const title = "from the form to the document";

export async function run(stage) {
  const alice = await stage.person("alice");
  const { page } = alice;
  await page.getByRole("link", { name: "Customer overview" }).click();
  await alice.look("20-form");
  await page.getByRole("button", { name: "Start the report" }).click();
  assert.match(await alice.words(), /Choose at least one customer/);
  await alice.look("21-form-refused");
  for (const tenant of ["acme", "globex"]) await page.locator(`[name=for-tenant][value=${tenant}]`).check();
  await page.getByRole("button", { name: "Start the report" }).click();
  const download = page.getByRole("link", { name: /^Download/ }).first();
  await download.waitFor();
  await alice.look("22-run-done");
  const [file] = await Promise.all([page.waitForEvent("download"), download.click()]);
  assert.match(file.suggestedFilename(), /\.docx$/);
  await alice.goto("/runs");
  await alice.look("23-history");
}
