// A browser for the journeys: people sign in, pages are looked at from every side.
import { readFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// WCAG 2.2, levels A and AA.
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const DESKTOP = { width: 1200, height: 800 };
const PHONE = { width: 390, height: 844 };
const PATIENCE_MS = 60_000;

export class Stage {
  looks = 0;
  faults = 0;
  #people = [];
  #seen = new Map();

  static async open(setup) {
    const stage = new Stage();
    stage.setup = setup;
    await mkdir(setup.pictures, { recursive: true });
    stage.browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      // Tests run as root on many machines, where Chromium has no sandbox of its own.
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    return stage;
  }

  // Somebody with a browser of their own, who has not signed in.
  async visitor(site, options = {}) {
    const person = new Person(this, site);
    await person.enter(options);
    this.#people.push(person);
    return person;
  }

  // Somebody who has signed in.
  async person(name, site = "forms", options = {}) {
    const person = await this.visitor(site, options);
    await person.signIn(name, this.setup.password);
    return person;
  }

  saw(site, path) {
    this.#seen.set(`${site} ${path}`, [site, path]);
  }

  seen() {
    return [...this.#seen.values()].sort();
  }

  async leave({ picture } = {}) {
    for (const [index, person] of this.#people.entries()) {
      if (picture) await person.picture(`${picture}-${index}`).catch(() => {});
      await person.context.close();
    }
    this.#people = [];
  }

  async close() {
    await this.browser.close();
  }
}

class Person {
  constructor(stage, site) {
    this.stage = stage;
    this.site = site;
    this.origin = stage.setup[site];
    this.trouble = [];
  }

  async enter(options) {
    // The authority of the demonstration is as old as the test.
    this.context = await this.stage.browser.newContext({ ignoreHTTPSErrors: true, viewport: DESKTOP, reducedMotion: "reduce", ...options });
    this.context.setDefaultTimeout(PATIENCE_MS);
    this.page = await this.context.newPage();
    this.page.on("pageerror", (error) => this.trouble.push(`a script failed: ${error.message}`));
    this.page.on("console", (message) => {
      // A page that is refused, as some journeys want it, is an error to the console, but none of ours.
      const expected = /status of (400|401|403|404|409|422|429|503)/.test(message.text());
      if (message.type() === "error" && !expected) this.trouble.push(`the console says: ${message.text()}`);
    });
    this.page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(this.origin) && !/^(data|blob|about):/.test(url)) this.trouble.push(`asks somebody else: ${url}`);
    });
  }

  async goto(path) {
    return this.page.goto(this.origin + path);
  }

  async signIn(name, password) {
    await this.goto("/sign-in");
    await this.page.getByLabel("User name").fill(name);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.waitForLoadState();
  }

  // What a person reads.
  async words() {
    return this.page.locator("body").innerText();
  }

  async picture(name) {
    await this.page.screenshot({ path: `${this.stage.setup.pictures}/${name}.png`, fullPage: true });
  }

  // The page by day, by night and on a phone: a picture each, no fault that axe finds, nothing that sticks out, no
  // complaint of the browser's.
  async look(name) {
    const address = new URL(this.page.url());
    this.stage.saw(this.site, address.pathname);
    const sides = [
      ["", DESKTOP, "light"],
      ["-dark", DESKTOP, "dark"],
      ["-phone", PHONE, "light"],
    ];
    const found = [];
    for (const [suffix, viewport, colorScheme] of sides) {
      await this.page.setViewportSize(viewport);
      await this.page.emulateMedia({ colorScheme });
      await this.picture(name + suffix);
      found.push(...(await this.#faults()).map((fault) => `${name}${suffix}: ${fault}`));
    }
    await this.page.setViewportSize(DESKTOP);
    await this.page.emulateMedia({ colorScheme: "light" });
    found.push(...this.trouble.splice(0).map((trouble) => `${name}: ${trouble}`));
    this.stage.looks += 1;
    this.stage.faults += found.length;
    for (const fault of found) console.log(`fault: ${fault}`);
  }

  async #faults() {
    await this.page.evaluate(axe);
    const result = await this.page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), RULES);
    const faults = result.violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(" ")).slice(0, 4).join(", ")}`,
    );
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) faults.push(`sticks out by ${wide} pixels`);
    return faults;
  }
}
