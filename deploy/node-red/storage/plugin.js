// The storage as Node-RED calls it. Reads never reject, whatever the disk says: a Node-RED whose storage rejects at its
// start ends with exit code 0, or runs nothing. What Node-RED can tell a person of is refused: a deploy, a library entry.

"use strict";

const { readFileSync } = require("node:fs");
const fs = require("node:fs/promises");
const path = require("node:path");

const { isEncrypted, isObject, keepAside, keptFor, keysOf, opened } = require("./credentials.js");
const { JsonFile, makeFolder, replace, sweep } = require("./files.js");
const { Library } = require("./library.js");
const { compose } = require("./snapshot.js");
const { Sync } = require("./sync.js");
const { takeOver } = require("./takeover.js");

const PACKAGE = { name: "node-red-project", description: "A Node-RED Project", version: "0.0.1", private: true };

class Storage {
  #settings = {};
  #log = console;
  #folder;
  #files;
  #library;
  /** Node-RED's settings as it gave or got them last, on disk or not. */
  #kept;
  #keptIsSaved = true;
  /** One after another: what Node-RED saves at the same moment must not interleave. */
  #turn = Promise.resolve();
  /** Undefined where there is no agent. */
  #sync;

  async init(settings, runtime) {
    this.#settings = settings;
    this.#log = (runtime && runtime.log) || console;
    this.#folder = path.join(settings.userDir, "storage");
    const file = (name, isWhole) => new JsonFile(this.#folder, name, isWhole, this.#log);
    this.#files = {
      flows: file("flows.json", Array.isArray),
      credentials: file("credentials.json", isObject),
      settings: file("settings.json", isObject),
      sessions: file("sessions.json", isObject),
      deploying: file("deploying.json", isObject),
      taken: file("taken.json", isObject),
      sent: file("sent.json", isObject),
    };
    this.#library = new Library(path.join(this.#folder, "library"));
    if (settings.readOnly) {
      return;
    }
    await this.#tell("its folder cannot be made ready", () => this.#prepare());
    await this.#tell("an unfinished deploy cannot be taken back", () => this.#takeBack());
    await this.#tell("what Node-RED's own storage left cannot be taken over", () =>
      takeOver({
        userDir: settings.userDir,
        flowFile: settings.flowFile,
        configuredKey: settings.credentialSecret,
        files: this.#files,
        library: this.#library,
        log: this.#log,
      }),
    );
  }

  /** By now Node-RED knows its modules, and the centre may hear of all of it. */
  async getFlows() {
    this.#synchronise(process.env);
    return (await this.#files.flows.read()) || [];
  }

  saveFlows(flows) {
    return this.#change(async () => {
      await this.#files.flows.write(flows);
      await this.#files.deploying.remove();
    });
  }

  async getCredentials() {
    const keys = await this.#keys();
    const present = await this.#files.credentials.read();
    if (present === undefined || opened(present, keys)) {
      return present || {};
    }
    const kept = await keptFor(this.#folder, keys).catch(() => undefined);
    if (kept) {
      this.#log.error(`storage: another key has encrypted credentials.json; of the key in force there is ${kept.file}, which is used`);
      return kept.credentials;
    }
    this.#log.error(
      "storage: the key in force does not open credentials.json, so flows run without credentials. " +
        "hint: put back the key (credentialSecret, or settings.json); what another key has encrypted is kept",
    );
    return present;
  }

  /** Comes before the flows that it belongs to: until those are saved, the ones before are what a start would find. */
  saveCredentials(credentials) {
    return this.#change(async () => {
      if (!this.#keptIsSaved) {
        await this.#files.settings.write(this.#kept);
        this.#keptIsSaved = true;
      }
      const present = await this.#files.credentials.read();
      if (isEncrypted(present) && !opened(present, await this.#keys())) {
        const file = await keepAside(this.#folder, present);
        this.#log.error(`storage: credentials that another key had encrypted are kept as ${file}`);
      }
      const unfinished = (await this.#files.deploying.read()) !== undefined;
      if (!unfinished) {
        const { flows, credentials: before } = this.#files;
        await this.#files.deploying.write({ flows: await flows.digest(), credentials: await before.digest() }, false);
      }
      await this.#files.credentials.write(credentials, !unfinished);
    });
  }

  async getSettings() {
    const settings = (await this.#files.settings.read()) || {};
    this.#kept = copy(settings);
    return settings;
  }

  /** Never rejects: Node-RED would end. What is not on disk is tried again before credentials are saved under its key. */
  saveSettings(settings) {
    this.#kept = copy(settings);
    return this.#change(() =>
      this.#tell("settings are not on disk", async () => {
        this.#keptIsSaved = false;
        await this.#files.settings.write(this.#kept);
        this.#keptIsSaved = true;
      }),
    );
  }

  async getSessions() {
    return (await this.#files.sessions.read()) || {};
  }

  saveSessions(sessions) {
    return this.#change(() => this.#tell("sessions are not on disk", () => this.#files.sessions.write(sessions)));
  }

  getLibraryEntry(type, name) {
    return this.#library.get(type, name);
  }

  saveLibraryEntry(type, name, meta, body) {
    const pretty = type === "flows" && this.#settings.flowFilePretty;
    return this.#change(() => this.#library.save(type, name, meta, pretty ? JSON.stringify(JSON.parse(body), null, 4) : body));
  }

  async #prepare() {
    const { userDir } = this.#settings;
    await makeFolder(path.join(userDir, "node_modules"));
    await makeFolder(this.#folder);
    await sweep(this.#folder);
    const own = path.join(userDir, "package.json");
    await fs.access(own).catch(() => replace(own, JSON.stringify(PACKAGE, null, 4)));
  }

  /** A process that ended between credentials and flows leaves new credentials beside old flows: back to the old ones. */
  async #takeBack() {
    const { flows, credentials, deploying } = this.#files;
    const unfinished = await deploying.read();
    if (unfinished === undefined) {
      return;
    }
    if (unfinished.flows === (await flows.digest()) && (await credentials.restore(unfinished.credentials))) {
      this.#log.warn("storage: a deploy was not finished; flows and credentials are those from before it");
    }
    await deploying.remove();
  }

  async #keys() {
    const settings = this.#kept || (await this.#files.settings.read()) || {};
    return keysOf(this.#settings.credentialSecret, settings._credentialSecret);
  }

  /** Does a change in its turn. */
  #change(act) {
    if (this.#settings.readOnly) {
      return Promise.resolve();
    }
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    done.then(
      () => this.#sync && this.#sync.changed(),
      () => {},
    );
    return done;
  }

  #synchronise(environment) {
    if (this.#sync || this.#settings.readOnly || !environment.SPOKEGATE_PUSH_URL) {
      return;
    }
    const own = [environment.SPOKEGATE_PUSH_AUTHORIZATION, environment.SPOKEGATE_AGENT_TOKEN_FILE && tokenIn(environment.SPOKEGATE_AGENT_TOKEN_FILE)];
    this.#sync = new Sync({
      compose: (secrets) => this.#snapshot(own, secrets),
      mark: this.#files.sent,
      log: this.#log,
      environment,
    });
    this.#sync.changed();
  }

  /** What the centre gets to see; undefined before the first deploy. */
  async #snapshot(tokens, secrets) {
    const flows = await this.#files.flows.read();
    const library = await this.#library.all();
    if (flows === undefined && library.length === 0) {
      return undefined;
    }
    const keys = await this.#keys();
    const inside = opened((await this.#files.credentials.read()) || {}, keys) || {};
    const masks = [...tokens.filter(Boolean).map((token) => token.replace(/^Bearer /, "")), ...keys].map((value) => ["***", value]);
    const settings = (await this.#files.settings.read()) || {};
    return compose({ flows: flows || [], library, settings, credentialed: Object.keys(inside).sort() }, [...secrets, ...masks]);
  }

  /** Does what must not stop Node-RED; tells what goes wrong. */
  async #tell(what, act) {
    try {
      await act();
    } catch (error) {
      this.#log.error(`storage: ${what}: ${error.message}. hint: is ${this.#settings.userDir} writable, and has the disk room?`);
    }
  }
}

function tokenIn(file) {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined; // settings.js has refused to begin without it.
  }
}

const copy = (value) => JSON.parse(JSON.stringify(value));

/** A storage of its own, as the plain object that Node-RED wants. */
function create() {
  const storage = new Storage();
  const names = [
    "init",
    "getFlows",
    "saveFlows",
    "getCredentials",
    "saveCredentials",
    "getSettings",
    "saveSettings",
    "getSessions",
    "saveSessions",
    "getLibraryEntry",
    "saveLibraryEntry",
  ];
  return Object.fromEntries(names.map((name) => [name, (...given) => storage[name](...given)]));
}

module.exports = { create };
