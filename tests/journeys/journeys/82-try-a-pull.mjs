import assert from "node:assert/strict";

export const title = "an administrator tries a pull";

export async function run(stage) {
  const carol = await stage.person("carol", "admin");
  await carol.goto("/datasets/devices/1");
  await carol.look("82-dataset");
  const choice = carol.page.getByLabel("Customer and satellite");
  const online = await choice.locator("option", { hasText: "online" }).first().getAttribute("value");
  await choice.selectOption(online);
  await carol.page.getByRole("button", { name: "Try it" }).click();
  // The page follows the pull by itself.
  await carol.page.locator("#try-state").getByText("holds").waitFor();
  const rows = Number(await carol.page.locator("#try-rows").innerText());
  assert.ok(rows > 0, `rows came over the fabric: ${rows}`);
  await carol.look("82-try");
}
