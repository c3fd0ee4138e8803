export const title = "an administrator follows runs, customers and datasets";

export async function run(stage) {
  const alice = await stage.person("alice");
  await alice.page.getByRole("link", { name: "Customer overview" }).click();
  await alice.page.locator("[name=for-tenant][value=acme]").check();
  await alice.page.getByRole("button", { name: "Start the report" }).click();
  await alice.page.getByRole("link", { name: /^Download/ }).first().waitFor();
  const carol = await stage.person("carol", "admin");
  await carol.goto("/runs");
  await carol.look("81-admin-runs");
  await carol.page.locator("tbody a").first().click();
  await carol.page.locator("#run-state").getByText("done").waitFor();
  await carol.look("81-admin-run");
  await carol.page.getByRole("link", { name: "Proof" }).click();
  await carol.look("81-admin-proof");
  await carol.goto("/schedules");
  await carol.look("81-admin-schedules");
  await carol.goto("/customers");
  await carol.look("81-admin-customers");
  await carol.page.locator("tbody a").first().click();
  await carol.look("81-admin-customer");
  await carol.goto("/datasets");
  await carol.look("81-admin-datasets");
}
