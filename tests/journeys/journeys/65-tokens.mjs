import assert from "node:assert/strict";
import { request } from "playwright-core";

export const title = "people and administrators make tokens of the API";

export async function run(stage) {
  const alice = await stage.person("alice", "forms");
  await alice.goto("/your-tokens");
  await alice.look("65-your-tokens-none");
  const token = await make(alice, "Laptop", "List reports and see what they take", {});
  await alice.look("65-token-made");
  assert.equal(await list(alice, token), 200);
  await alice.page.getByRole("link", { name: "go on" }).click();
  await alice.look("65-your-tokens");
  assert.ok(!(await alice.page.content()).includes(token));
  await alice.page.getByRole("button", { name: "Revoke Laptop" }).click();
  await alice.page.getByText("The token was revoked.").waitFor();
  assert.equal(await list(alice, token), 401);

  const carol = await stage.person("carol", "admin");
  await carol.goto("/your-tokens");
  await carol.look("65-admin-your-tokens");
  await carol.goto("/tokens");
  const lists = { Reports: "*", Customers: "acme" };
  await make(carol, "nightly", "See runs and batches", lists);
  await carol.page.getByRole("link", { name: "go on" }).click();
  await carol.look("65-admin-tokens");
  await carol.page.getByRole("button", { name: "Revoke nightly" }).click();
  await carol.page.getByText("The token was revoked.").waitFor();
}

async function make(person, name, scope, lists) {
  await person.page.getByLabel("Name", { exact: true }).fill(name);
  await person.page.getByLabel(scope).check();
  for (const [label, text] of Object.entries(lists)) {
    await person.page.getByLabel(label, { exact: true }).fill(text);
  }
  await person.page.getByRole("button", { name: "Make the token" }).click();
  const token = await person.page.locator("#token").textContent();
  assert.match(token, /^sgt_[\w-]{43}$/);
  return token;
}

// Asked as a program does it: with the token alone, and no cookie.
async function list(person, token) {
  const extraHTTPHeaders = { authorization: `Bearer ${token}` };
  const program = await request.newContext({ ignoreHTTPSErrors: true, extraHTTPHeaders });
  const answer = await program.get(new URL("/api/v1/reports", person.page.url()).href);
  await program.dispose();
  return answer.status();
}
