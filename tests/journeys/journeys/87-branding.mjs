import assert from "node:assert/strict";
import { disc } from "../png.mjs";

export const title = "an administrator gives the pages and a customer's documents a brand";

export async function run(stage) {
  const carol = await stage.person("carol", "admin");
  const { page } = carol;
  await carol.goto("/branding");
  await page.getByLabel("Name").fill("Northwind IT");
  await page.getByLabel("Postal address").fill("Northwind IT GmbH\n1 Quay\n20457 Harbour Town");
  await page.getByLabel("Colour").fill("#ffdd00");
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await carol.words(), /at least 4\.5 to 1/);
  await carol.look("87-branding-refused");
  await page.getByLabel("Colour").fill("#8a1c4a");
  await choose(page, disc(300, 80, [138, 28, 74]));
  await page.getByRole("button", { name: "Save" }).click();
  await carol.look("87-branding");
  const visitor = await stage.visitor("forms");
  await visitor.goto("/sign-in");
  assert.match(await visitor.words(), /Northwind IT/);
  await visitor.look("87-branded-sign-in");
  await visitor.signIn("alice", stage.setup.password);
  assert.match(await visitor.words(), /Northwind IT/);
  await visitor.look("87-branded");
  await visitor.goto("/templates/customer-overview");
  await visitor.look("87-branded-templates");
  await ofCustomer(carol);
  await carol.goto("/branding");
  await page.getByLabel("Name").fill("");
  await page.getByLabel("Postal address").fill("");
  await page.getByLabel("Colour").fill("");
  await page.getByLabel("Remove the logo").check();
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await carol.words(), /Spokegate Administration/);
}

// A customer's own, from the list and back to it.
async function ofCustomer(carol) {
  const { page } = carol;
  await page.getByRole("link", { name: "Acme Dental Group", exact: true }).click();
  await carol.look("87-customer-brand-empty");
  await page.getByLabel("Name").fill("Acme Dental");
  await page.getByLabel("Colour").fill("#5cc8ba");
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await carol.words(), /The nearest that can be read/);
  await carol.look("87-customer-brand-refused");
  await page.getByLabel("Colour").fill("#1f5c8a");
  await choose(page, disc(200, 80, [31, 92, 138]));
  await page.getByRole("button", { name: "Save" }).click();
  assert.match(await carol.words(), /Remove this brand/);
  await carol.look("87-customer-brand");
  await page.getByRole("link", { name: "Branding" }).first().click();
  assert.match(await page.locator("#brand-acme").innerText(), /Acme Dental.*#1f5c8a.*its own/s);
  await carol.look("87-branding-list");
  await page.getByRole("link", { name: "Acme Dental Group", exact: true }).click();
  await page.getByRole("button", { name: "Remove this brand" }).click();
  assert.doesNotMatch(await page.locator("#brand-acme").innerText(), /#1f5c8a/);
}

async function choose(page, buffer) {
  await page.getByLabel("Logo", { exact: true }).setInputFiles({ name: "logo.png", mimeType: "image/png", buffer });
}
