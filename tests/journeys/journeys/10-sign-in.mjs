import assert from "node:assert/strict";

export const title = "somebody who is not let in is told so, and who may comes in";

export async function run(stage) {
  const visitor = await stage.visitor("forms");
  await visitor.goto("/runs");
  assert.equal(new URL(visitor.page.url()).pathname, "/sign-in");
  await visitor.look("10-sign-in");
  await visitor.signIn("alice", "wrong");
  assert.match(await visitor.words(), /The user name or the password is not right\./);
  await visitor.look("11-sign-in-wrong");
  await visitor.signIn("erin", stage.setup.password);
  assert.match(await visitor.words(), /No access/);
  await visitor.look("12-no-access");
  await visitor.signIn("alice", stage.setup.password);
  assert.equal(new URL(visitor.page.url()).pathname, "/");
  await visitor.look("13-reports");
}
