import assert from "node:assert/strict";

export const title = "a field offers what the customer has";

export async function run(stage) {
  const alice = await stage.person("alice");
  const { page } = alice;
  await page.getByRole("link", { name: "Device sheet" }).click();
  const device = page.getByLabel("Device", { exact: true });
  const said = page.locator("#f-device-said");
  assert.match(await said.innerText(), /Choose a customer first/);
  await alice.look("24-fields-without-a-customer");
  await page.locator("[name=for-tenant][value=acme]").focus();
  await page.keyboard.press("Space");
  await filled(device, /^acme-/);
  assert.match(await said.innerText(), /to choose from/);
  // What follows another field is loaded anew with it.
  await page.getByLabel("Kind of device").selectOption("server");
  await said.filter({ hasText: /^4 to choose from/ }).waitFor();
  assert.equal(await device.locator("option[value^=acme-]").count(), 4);
  await page.getByLabel("Kind of device").selectOption("");
  await said.filter({ hasText: /^\d\d to choose from/ }).waitFor();
  const search = page.getByLabel("Search Device");
  await search.focus();
  await page.keyboard.type("DC-");
  await said.filter({ hasText: /of \d+ are listed/ }).waitFor();
  await page.keyboard.press("Enter");
  assert.match(page.url(), /device-sheet$/, "a search starts no report");
  await device.selectOption({ index: 1 });
  const chosen = await device.inputValue();
  assert.match(chosen, /-dc-/);
  // Of several customers, each value says whose it is.
  await search.fill("");
  await page.locator("[name=for-tenant][value=globex]").check();
  await filled(device, /Globex/);
  assert.equal(await device.inputValue(), chosen, "what was chosen stays");
  await alice.look("24-fields-of-two-customers");
  await page.locator("[name=for-tenant][value=globex]").uncheck();
  await page.getByLabel("Asked for by").fill("Somebody new");
  await page.getByRole("button", { name: "Start the report" }).last().click();
  await page.getByRole("link", { name: /^Download/ }).first().waitFor();
}

// The list has such an entry.
async function filled(list, entry) {
  await list.locator("option", { hasText: entry }).first().waitFor({ state: "attached" });
}
