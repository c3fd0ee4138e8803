import assert from "node:assert/strict";

export const title = "an administrator tries a source and keeps a secret";

export async function run(stage) {
  const carol = await stage.person("carol", "admin");
  const { page } = carol;
  await carol.goto("/sources");
  await page.getByRole("link", { name: "Tickets (help desk)" }).click();
  await carol.look("85-source");
  await page.getByLabel("Customer").selectOption("acme");
  await page.getByRole("button", { name: "Try it" }).click();
  // Tickets are of people: that they fit is shown, and no value.
  assert.match(await carol.words(), /The values may be of people and are not shown/);
  assert.doesNotMatch(await carol.words(), /Printer at reception|Scanner at gate 2/);
  await carol.look("86-source-tried");
  await carol.goto("/secrets");
  await page.getByLabel("Name").fill("helpdesk-db");
  await page.getByLabel("Value").fill("not to be seen again");
  await page.getByRole("button", { name: "Set" }).click();
  assert.match(await carol.words(), /helpdesk-db/);
  assert.doesNotMatch(await page.content(), /not to be seen again/);
  await carol.look("87-secret-set");
  await page.getByRole("link", { name: /^Remove/ }).click();
  await carol.look("88-secret-remove");
}
