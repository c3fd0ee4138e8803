import assert from "node:assert/strict";

export const title = "a draft goes out when somebody has released it";

export async function run(stage) {
  const alice = await stage.person("alice");
  const { page } = alice;
  await alice.goto("/reviews");
  await alice.look("50-no-review");
  await alice.goto("/reports/open-tickets");
  await page.locator("[name=for-tenant][value=globex]").check();
  await page.getByLabel(/Hold it for review/).check();
  await page.getByRole("button", { name: "Start the report" }).click();
  await page.locator("#review-state").waitFor();
  assert.equal(await page.getByRole("link", { name: /^Download/ }).count(), 0);
  const run = page.url();
  await alice.look("51-draft");
  await alice.goto("/reviews");
  await alice.look("52-reviews");
  await page.getByRole("link", { name: "Tickets and devices" }).first().click();
  await alice.look("53-review");
  await page.getByRole("link", { name: /pages/ }).click();
  await page.getByRole("img", { name: "Page 1", exact: true }).waitFor();
  await alice.look("54-review-preview");
  await page.getByRole("link", { name: "Back", exact: true }).click();
  await page.getByRole("button", { name: "Release" }).click();
  assert.match(await alice.words(), /released/);
  await page.goto(run);
  await page.getByRole("link", { name: /^Download/ }).first().waitFor();
}
