import assert from "node:assert/strict";

export const title = "a document is proved and made again";

export async function run(stage) {
  const alice = await stage.person("alice");
  const { page } = alice;
  await alice.goto("/reports/open-tickets");
  await page.locator("[name=for-tenant][value=acme]").check();
  await page.getByRole("button", { name: "Start the report" }).click();
  await page.getByRole("link", { name: /^Download/ }).first().waitFor();
  assert.match(await alice.words(), /helpdesk|Tickets/i);
  await alice.look("25-run-with-own-data");
  const here = page.url();
  await page.getByRole("link", { name: "Look at its pages" }).click();
  await drawn(page.getByRole("img", { name: "Page 1", exact: true }));
  await alice.look("26-preview");
  await page.getByRole("link", { name: "Back", exact: true }).click();
  await page.getByRole("link", { name: "Proof" }).click();
  await alice.look("27-proof");
  await page.getByRole("button", { name: "Make it again and compare" }).click();
  await page.locator("#verdict").waitFor();
  assert.match(await page.locator("#verdict").innerText(), /holds/);
  await alice.look("28-proof-holds");
  await page.goto(here);
  await page.getByRole("button", { name: "Make again with the same data" }).click();
  await page.getByRole("link", { name: /^Download/ }).first().waitFor();
  assert.notEqual(page.url(), here);
}

// The picture is there, and it is one.
async function drawn(picture) {
  await picture.waitFor();
  assert.ok(await picture.evaluate(async (image) => (await image.decode(), image.naturalWidth > 400)));
}
