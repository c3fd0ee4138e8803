import assert from "node:assert/strict";

export const title = "an administrator sees everything";

const PAGES = [
  "",
  "health",
  "satellites",
  "quarantine",
  "sources",
  "secrets",
  "sessions",
  "throttle",
  "second-factors",
  "audit",
];

export async function run(stage) {
  const visitor = await stage.visitor("admin");
  await visitor.goto("/sign-in");
  await visitor.look("80-admin-sign-in");
  const carol = await stage.person("carol", "admin");
  for (const name of PAGES) {
    await carol.goto(`/${name}`);
    assert.equal(new URL(carol.page.url()).pathname, `/${name}`);
    await carol.look(`80-admin-${name || "overview"}`);
  }
}
