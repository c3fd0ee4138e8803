import assert from "node:assert/strict";

export const title = "an administrator reads the log of a satellite's Node-RED";

export async function run(stage) {
  const carol = await stage.person("carol", "admin");
  await carol.goto("/satellites");
  await carol.page.getByRole("link", { name: "Log" }).first().click();
  assert.match(new URL(carol.page.url()).pathname, /^\/satellites\/[^/]+\/[^/]+\/log$/);
  // The demonstration's agents keep no Node-RED.
  assert.match(await carol.words(), /does not supply its log/);
  await carol.page.getByLabel("Holds").fill("error");
  await carol.page.getByRole("button", { name: "Show" }).click();
  assert.match(await carol.words(), /No line holds that/);
  await carol.look("88-satellite-log");
}
