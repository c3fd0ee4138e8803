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
  await errors(carol);
}

// What goes wrong is told within the administration, with the way back.
async function errors(carol) {
  const { page } = carol;
  const told = async (status, sentence, name) => {
    assert.match(await carol.words(), sentence);
    assert.equal(await page.locator("body.site-admin nav.rail").count(), 1, `${name} has the administration's frame`);
    await page.getByRole("link", { name: "To the overview" }).waitFor();
    await carol.look(`80-admin-error-${status}`);
  };
  assert.equal((await carol.goto("/customers/nobody")).status(), 404);
  await told(404, /There is no such customer/, "a page that is not there");
  assert.equal((await carol.goto("/secrets/NOT%20A%20NAME/remove")).status(), 400);
  await told(400, /That is no name of a secret/, "a request that makes no sense");
  for (const path of ["/audit?before=x", "/datasets/devices/x", "/runs?offset=x"]) {
    assert.ok((await carol.goto(path)).status() < 500, path);
    assert.equal(await page.locator("body.site-admin nav.rail").count(), 1, `${path} has the administration's frame`);
  }
  await carol.goto("/branding");
  await page.locator("main [name=csrf]").first().evaluate((field) => {
    field.value = "x";
  });
  const [answer] = await Promise.all([page.waitForResponse((one) => one.request().method() === "POST"), page.getByRole("button", { name: "Save" }).click()]);
  assert.equal(answer.status(), 403);
  await page.waitForLoadState();
  await told(403, /./, "a forged form");
}
