import assert from "node:assert/strict";

export const title = "an administrator gives the pages a name and a colour";

export async function run(stage) {
  const carol = await stage.person("carol", "admin");
  const { page } = carol;
  await carol.goto("/branding");
  await page.getByLabel("Name").fill("Northwind IT");
  await page.getByLabel("Colour").fill("#ffdd00");
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await carol.words(), /at least 4\.5 to 1/);
  await carol.look("87-branding-refused");
  await page.getByLabel("Colour").fill("#8a1c4a");
  await page.getByRole("button", { name: "Save" }).click();
  await carol.look("87-branding");
  const alice = await stage.person("alice");
  assert.match(await alice.words(), /Northwind IT/);
  await alice.look("87-branded");
  await alice.goto("/templates/customer-overview");
  await alice.look("87-branded-templates");
  await carol.goto("/branding");
  await page.getByLabel("Name").fill("");
  await page.getByLabel("Colour").fill("");
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await carol.words(), /Spokegate Administration/);
}
