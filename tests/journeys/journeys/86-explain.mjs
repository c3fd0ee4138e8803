import assert from "node:assert/strict";

export const title = "an administrator is told why somebody comes in, or does not";

export async function run(stage) {
  const carol = await stage.person("carol", "admin");
  const { page } = carol;
  for (const name of ["alice", "erin", "nobody-of-that-name"]) {
    await carol.goto("/explain-sign-in");
    await page.getByLabel("User name").fill(name);
    await page.getByRole("button", { name: "Explain" }).click();
    assert.match(await carol.words(), new RegExp(`What happens for .${name}`));
    await carol.look(`89-explain-${name}`);
  }
  const visitor = await stage.visitor("admin");
  await visitor.goto("/break-glass/0000000000000000");
  await visitor.look("89-emergency-link-not-good");
}
