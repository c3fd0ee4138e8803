import assert from "node:assert/strict";

export const title = "an open page follows what happens, and takes nothing out of anybody's hands";

export async function run(stage) {
  const carol = await stage.person("carol", "admin");
  const page = carol.page;
  await carol.goto("/sessions");
  await page.locator("main[data-followed=yes]").waitFor();
  await page.evaluate(() => {
    globalThis.loaded = true;
  });
  const focused = page.getByRole("button", { name: "End all" }).first();
  await focused.focus();
  const own = await focused.innerText();
  const rows = () => [...document.querySelectorAll("tbody tr")].map((row) => row.id).join(" ");
  const before = await page.evaluate(rows);
  await stage.person("alice");
  // As many sessions as one may have: then another one ends as this one begins.
  await page.waitForFunction((ids) => [...document.querySelectorAll("tbody tr")].map((row) => row.id).join(" ") !== ids, before);
  assert.equal(await page.evaluate(() => globalThis.loaded), true, "the page was not loaded again");
  const active = await page.evaluate(() => document.activeElement.innerText);
  assert.equal(active, own, "the focus stays");

  // What somebody fills in stays, whatever changes around it.
  await carol.goto("/audit");
  await page.locator("main[data-followed=yes]").waitFor();
  const first = await page.locator("tbody tr").first().innerText();
  const field = page.locator("main form input[type=text], main form input:not([type])").first();
  await field.fill("half a wo");
  await stage.person("bob");
  await page.waitForFunction((text) => document.querySelector("tbody tr").innerText !== text, first);
  assert.equal(await field.inputValue(), "half a wo");
  assert.equal(await field.evaluate((node) => node === document.activeElement), true);

  // A page that lost its session says so, in words that are read out.
  const other = await stage.person("carol", "admin");
  await other.goto("/sessions");
  await other.page.locator("main[data-followed=yes]").waitFor();
  await page.goto(`${carol.origin}/your-sessions`);
  await page.locator("details.me summary").click();
  await page.getByRole("button", { name: "Sign out on all devices", exact: true }).click();
  const note = other.page.locator("#live-note[role=status]");
  await note.getByText("no longer follows").waitFor();
}
