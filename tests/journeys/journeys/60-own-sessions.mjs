import assert from "node:assert/strict";

export const title = "a person sees where they are signed in, and signs out";

export async function run(stage) {
  for (const [name, site] of [["alice", "forms"], ["carol", "admin"]]) {
    const person = await stage.person(name, site);
    await person.goto("/your-sessions");
    await person.look(`60-your-sessions-${site}`);
    await person.goto("/confirm-password?back=/your-sessions");
    await person.look(`61-confirm-password-${site}`);
    await person.goto("/");
    await person.page.locator("details.me summary").click();
    await person.page.getByRole("button", { name: "Sign out", exact: true }).click();
    await person.goto("/");
    assert.equal(new URL(person.page.url()).pathname, "/sign-in");
  }
}
