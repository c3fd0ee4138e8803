// Which key opens which credentials. Node-RED that is given credentials of another key runs without them, and its next
// deploy puts empty ones in their place: so they are looked at here first, and what another key has made is kept.

"use strict";

const { createDecipheriv, createHash } = require("node:crypto");
const fs = require("node:fs/promises");
const path = require("node:path");

const { bytesOf, parse, replace, sha256 } = require("./files.js");

const ASIDE = /^credentials\.other-key-[0-9a-f]{12}\.json$/;
const ASIDE_MAX = 8;
const IV_DIGITS = 32;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isEncrypted = (credentials) => isObject(credentials) && typeof credentials.$ === "string";

/** The keys that Node-RED would try: that of settings.js, and the one that it made for itself. */
function keysOf(configured, made) {
  return [configured, made].filter((key) => typeof key === "string" && key !== "");
}

/** The credentials inside, by node; undefined when none of the keys opens them. */
function opened(credentials, keys) {
  if (!isEncrypted(credentials)) {
    return isObject(credentials) ? credentials : undefined;
  }
  for (const key of keys) {
    const inside = decrypted(credentials.$, key);
    if (inside) {
      return inside;
    }
  }
  return undefined;
}

/** As Node-RED encrypts: AES-256-CTR without a tag. That the result is a JSON object tells that the key was right. */
function decrypted(text, key) {
  try {
    const iv = Buffer.from(text.slice(0, IV_DIGITS), "hex");
    const decipher = createDecipheriv("aes-256-ctr", createHash("sha256").update(key).digest(), iv);
    const inside = JSON.parse(decipher.update(text.slice(IV_DIGITS), "base64", "utf8") + decipher.final("utf8"));
    return isObject(inside) ? inside : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps credentials that the key in force does not open under a name of their own. */
async function keepAside(folder, credentials) {
  const data = Buffer.from(JSON.stringify(credentials));
  const file = path.join(folder, `credentials.other-key-${sha256(data).slice(0, 12)}.json`);
  await replace(file, data);
  const others = await asides(folder);
  for (const { file: old } of others.slice(ASIDE_MAX)) {
    await fs.rm(old, { force: true });
  }
  return file;
}

/** Of the credentials that were kept aside, the newest that one of these keys opens; undefined when there are none. */
async function keptFor(folder, keys) {
  for (const { file } of await asides(folder)) {
    try {
      const credentials = parse(await bytesOf(file));
      if (opened(credentials, keys)) {
        return { file, credentials };
      }
    } catch {
      // What cannot be read is no answer; it stays for a person to look at.
    }
  }
  return undefined;
}

/** The newest first. */
async function asides(folder) {
  const names = (await fs.readdir(folder).catch(() => [])).filter((name) => ASIDE.test(name));
  const files = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      const { mtimeMs } = await fs.stat(file).catch(() => ({ mtimeMs: 0 }));
      return { file, mtimeMs };
    }),
  );
  return files.sort((a, b) => b.mtimeMs - a.mtimeMs);
}

module.exports = { isEncrypted, isObject, keepAside, keptFor, keysOf, opened };
