import assert from "node:assert/strict";

export const title = "a report that is made by itself";

export async function run(stage) {
  const alice = await stage.person("alice");
  const { page } = alice;
  await alice.goto("/schedules");
  await alice.look("40-no-schedule");
  await page.getByRole("link", { name: "Customer overview" }).click();
  await page.getByRole("button", { name: "Save the schedule" }).last().click();
  assert.match(await alice.words(), /The schedule was not saved/);
  await alice.look("41-schedule-refused");
  await page.getByLabel("Name of the schedule").fill("Month's end");
  await page.getByLabel(/All \d+ customers/).check();
  await page.getByLabel("On the last day of each month").check();
  await page.getByLabel("Time", { exact: true }).fill("06:30");
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await page.getByRole("button", { name: "Show the next times" }).click();
  await page.locator("#upcoming").waitFor();
  assert.equal(await page.locator("#upcoming li").count(), 5);
  await alice.look("42-schedule-next-times");
  await page.getByRole("button", { name: "Save the schedule" }).last().click();
  await page.getByRole("button", { name: "Run now" }).waitFor();
  await alice.look("43-schedule");
  await page.getByRole("link", { name: "Change" }).click();
  await alice.look("44-schedule-change");
  await page.goBack();
  await page.getByRole("button", { name: "Pause" }).click();
  assert.match(await alice.words(), /paused/);
  await alice.goto("/schedules");
  await alice.look("45-schedules");
}
