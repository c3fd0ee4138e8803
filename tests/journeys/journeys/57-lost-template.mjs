import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { KIND, word } from "../word.mjs";

export const title = "a template whose file is lost is told as that, and another is made active";

export async function run(stage) {
  const alice = await stage.person("alice");
  const { page } = alice;
  await alice.goto("/templates/customer-overview");
  const file = { name: "overview.docx", mimeType: KIND, buffer: word(["Overview of {{ tenants[0].title }}, soon lost"]) };
  await page.getByLabel("Word file").setInputFiles(file);
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByRole("button", { name: "Make it active" }).click();
  const version = new URL(page.url()).pathname;
  await writeFile(`${stage.setup.orders}/lose-templates`, "");
  await alice.goto(version);
  for (let tries = 0; tries < 100 && !/lost its file/.test(await alice.words()); tries += 1) {
    await page.waitForTimeout(200);
    await page.reload();
  }
  assert.match(await alice.words(), /has lost its file/);
  await alice.look("57-lost-template");
  await alice.goto("/templates/customer-overview");
  assert.match(await alice.words(), /has lost its file/);
  await alice.look("57-lost-templates");
  await alice.goto("/reports/customer-overview");
  await page.locator("[name=for-tenant][value=acme]").check();
  await page.getByRole("button", { name: "Start the report" }).click();
  await page.locator("#run-state").getByText("failed").waitFor();
  assert.match(await alice.words(), /has lost its file/);
  await alice.look("57-failed-run");
  await alice.goto("/templates/customer-overview");
  await page.getByRole("button", { name: /^Roll back/ }).click();
  assert.match(await alice.words(), /Remove version 2 to roll back further/);
  await alice.look("57-roll-back-refused");
  await page.getByRole("link", { name: "Version 2" }).click();
  await page.getByRole("button", { name: "Remove it" }).click();
  await page.getByRole("button", { name: /^Roll back/ }).click();
  assert.match(await alice.words(), /Documents are made with the template as shipped/);
}
