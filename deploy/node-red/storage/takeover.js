// What Node-RED's own storage left in `<userDir>`, taken over. The originals stay as they are.

"use strict";

const path = require("node:path");

const { isEncrypted, isObject, opened, keysOf } = require("./credentials.js");
const { bytesOf, parse, sha256 } = require("./files.js");

const SECTIONS = ["nodes", "users", "projects", "modules"];

/** Takes over what is there and was not taken before. `files` are the storage's own; throws when it cannot write. */
async function takeOver({ userDir, flowFile = "flows.json", configuredKey, files, library, log }) {
  const own = await files.taken.read();
  const first = own === undefined;
  const taken = { ...own };
  const place = (name) => path.join(userDir, name);
  if (first) {
    await takeSettings(place, files, log);
    await takeSessions(place, files);
    const entries = await library.takeOver(place("lib"));
    if (entries > 0) {
      log.info(`storage: ${entries} entries of the library were taken over from ${place("lib")}`);
    }
  }
  const { ext, name } = path.parse(flowFile);
  const credentials = await changed(place(`${name}_cred${ext}`), isObject, taken);
  const settings = (await files.settings.read()) || {};
  const keys = keysOf(configuredKey, settings._credentialSecret);
  await takeCredentials(credentials, { first, files, keys, log });
  const flows = await changed(place(flowFile), Array.isArray, taken);
  if (flows && (!first || (await files.flows.read()) === undefined)) {
    await files.flows.write(flows.value);
    log.info(`storage: the flows in ${flows.file} were taken over`);
  }
  for (const found of [credentials, flows]) {
    if (found) {
      taken[path.basename(found.file)] = found.digest;
    }
  }
  if (first || credentials || flows) {
    await files.taken.write(taken);
  }
}

/** A file of Node-RED's own, or its backup, with content that was not taken before. */
async function changed(file, isWhole, taken) {
  for (const candidate of [file, path.join(path.dirname(file), `.${path.basename(file)}.backup`)]) {
    const bytes = await bytesOf(candidate).catch(() => undefined);
    const value = bytes && whole(bytes, isWhole);
    if (value !== undefined) {
      const digest = sha256(bytes);
      return taken[path.basename(file)] === digest ? undefined : { file, value, digest };
    }
    if (bytes === undefined) {
      return undefined;
    }
  }
  return undefined;
}

function whole(bytes, isWhole) {
  try {
    const value = parse(bytes);
    return isWhole(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function takeCredentials(found, { first, files, keys, log }) {
  if (!found) {
    return;
  }
  const present = await files.credentials.read();
  if (present !== undefined && first) {
    return;
  }
  if (present !== undefined && isEncrypted(found.value) && !opened(found.value, keys)) {
    log.error(`storage: ${found.file} was left alone: another key has encrypted it. hint: enter those credentials anew in the editor`);
    return;
  }
  await files.credentials.write(found.value);
  log.info(`storage: the credentials in ${found.file} were taken over`);
}

/** Node-RED splits its settings into files; versions before 1.2 had one. */
async function takeSettings(place, files, log) {
  if ((await files.settings.read()) !== undefined) {
    return;
  }
  const read = async (name) => {
    const found = await changed(place(name), isObject, {});
    return found && found.value;
  };
  const old = await read(".config.json");
  const runtime = await read(".config.runtime.json");
  const settings = runtime || old;
  if (!settings) {
    return;
  }
  for (const section of SECTIONS) {
    const value = await read(`.config.${section}.json`);
    if (value && Object.keys(value).length > 0) {
      settings[section] = value;
    }
  }
  await files.settings.write(settings);
  log.info(`storage: the settings in ${place(".config.*.json")} were taken over`);
}

async function takeSessions(place, files) {
  if ((await files.sessions.read()) === undefined) {
    const found = await changed(place(".sessions.json"), isObject, {});
    if (found) {
      await files.sessions.write(found.value);
    }
  }
}

module.exports = { takeOver };
