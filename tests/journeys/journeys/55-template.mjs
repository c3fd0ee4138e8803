import assert from "node:assert/strict";
import { KIND, word } from "../word.mjs";

export const title = "a new template: its faults, a try-out, in use, and back";

export async function run(stage) {
  const alice = await stage.person("alice");
  const { page } = alice;
  await page.getByRole("link", { name: "Templates" }).click();
  await alice.look("55-templates");
  await page.getByRole("link", { name: "Customer overview" }).click();
  await alice.look("55-template-as-shipped");
  const [starter] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download a starter" }).click()]);
  assert.match(starter.suggestedFilename(), /^customer-overview-starter\.docx$/);

  await upload(page, ["not a Word file"], Buffer.from("hello"));
  assert.match(await alice.words(), /This file is not taken/);
  await alice.look("55-template-refused");
  await upload(page, ["Overview of {{ tenants[0].titel }}"]);
  assert.match(await page.locator("#faults").innerText(), /document, paragraph 1.*\{\{ tenants\[0\]\.titel \}\}/);
  assert.match(await page.locator("#faults").innerText(), /did you mean tenants\[\]\.title/);
  assert.equal(await page.getByRole("button", { name: "Make it active" }).count(), 0);
  await alice.look("55-template-faulty");
  const [marked] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: /faults marked/ }).click()]);
  assert.match(marked.suggestedFilename(), /-marked\.docx$/);

  await page.getByRole("link", { name: "Customer overview" }).click();
  await upload(page, ["Overview of {{ tenants[0].title }}, second edition"]);
  assert.match(await page.locator("#lint").innerText(), /no faults/);
  await alice.look("55-template-good");
  const [sample] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Sample document (Word)" }).click()]);
  assert.match(sample.suggestedFilename(), /-sample\.docx$/);
  await page.getByRole("button", { name: "Make it active" }).click();
  assert.match(await alice.words(), /Documents are made with version 2/);
  await alice.look("55-template-active");

  await report(alice);
  assert.match(await alice.words(), /template version 2/);
  await alice.goto("/templates/customer-overview");
  await page.getByRole("button", { name: "Roll back to the template as shipped" }).click();
  assert.match(await alice.words(), /Documents are made with the template as shipped/);
  await page.getByRole("link", { name: "Version 1" }).click();
  await page.getByRole("button", { name: "Remove it" }).click();
  assert.match(await alice.words(), /removed/);
  await report(alice);
  assert.doesNotMatch(await alice.words(), /template version/);

  const carol = await stage.person("carol", "admin");
  for (const path of ["", "/customer-overview", "/customer-overview/2"]) {
    await carol.goto(`/templates${path}`);
    await carol.look(`56-admin-templates${path.replaceAll("/", "-")}`);
  }
}

async function upload(page, paragraphs, buffer = word(paragraphs)) {
  await page.getByLabel("Word file").setInputFiles({ name: "overview.docx", mimeType: KIND, buffer });
  await page.getByLabel("What is new").fill(paragraphs[0]);
  await page.getByRole("button", { name: "Upload" }).click();
}

async function report(person) {
  await person.goto("/reports/customer-overview");
  await person.page.locator("[name=for-tenant][value=acme]").check();
  await person.page.getByRole("button", { name: "Start the report" }).click();
  await person.page.getByRole("link", { name: /^Download/ }).first().waitFor();
}
