// Files that are replaced whole or not at all, with the generation before; a reader gets the newest one that can be read.

"use strict";

const { createHash } = require("node:crypto");
const fs = require("node:fs/promises");
const path = require("node:path");

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const TEMPORARY = /^\..*\.tmp$/;

let temporaries = 0;

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

/** Puts `data` at `file`: on the disk under another name first, then there by one step. */
async function replace(file, data) {
  const folder = path.dirname(file);
  temporaries += 1;
  const temporary = path.join(folder, `.${path.basename(file)}.${process.pid}-${temporaries}.tmp`);
  try {
    const handle = await fs.open(temporary, "wx", FILE_MODE);
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, file);
  } catch (error) {
    await fs.rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

/** A name is on the disk only once its folder is. */
async function syncFolder(folder) {
  const handle = await fs.open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function makeFolder(folder) {
  await fs.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
}

/** A file's bytes; undefined when there is none. Throws when it cannot be read. */
async function bytesOf(file) {
  try {
    return await fs.readFile(file);
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") {
      return undefined;
    }
    throw error;
  }
}

/** One JSON file of the folder. `isWhole` says whether a value is what the file is for. */
class JsonFile {
  #file;
  #isWhole;
  #log;

  constructor(folder, name, isWhole, log) {
    this.#file = path.join(folder, name);
    this.#isWhole = isWhole;
    this.#log = log;
  }

  get path() {
    return this.#file;
  }

  get previousPath() {
    return `${this.#file}.previous`;
  }

  /** The newest generation that can be read: its value; undefined when there is none. Never throws. */
  async read() {
    const present = await this.#parsed(this.#file);
    if (present.value !== undefined) {
      return present.value;
    }
    if (present.fault) {
      this.#log.error(`storage: ${this.#file} ${present.fault}`);
    }
    if (present.bytes) {
      await this.#setAside(this.#file).catch(() => {});
    }
    const previous = await this.#parsed(this.previousPath);
    if (previous.value !== undefined) {
      this.#log.error(`storage: the generation before is used: ${this.previousPath}. hint: look at what was changed last, and deploy once`);
      return previous.value;
    }
    if (previous.fault) {
      this.#log.error(`storage: ${this.previousPath} ${previous.fault}`);
    }
    return undefined;
  }

  /** The SHA-256 of the file as it is; empty when there is none or it cannot be read. */
  async digest() {
    const bytes = await bytesOf(this.#file).catch(() => undefined);
    return bytes ? sha256(bytes) : "";
  }

  /** Puts a value in place. The one there becomes the previous generation, if `keep` and it can be read. */
  async write(value, keep = true) {
    const data = Buffer.from(JSON.stringify(value));
    const present = await this.#parsed(this.#file);
    if (present.bytes && present.bytes.equals(data)) {
      return;
    }
    await makeFolder(path.dirname(this.#file));
    if (present.fault) {
      await this.#setAside(this.#file);
    } else if (present.value !== undefined && keep) {
      await replace(this.previousPath, present.bytes);
    }
    await replace(this.#file, data);
  }

  /** Puts the previous generation in the present one's place, if it and not the present one has this SHA-256. */
  async restore(digest) {
    const previous = await this.#parsed(this.previousPath);
    if (previous.value === undefined || sha256(previous.bytes) !== digest || (await this.digest()) === digest) {
      return false;
    }
    await replace(this.#file, previous.bytes);
    return true;
  }

  async remove() {
    await fs.rm(this.#file, { force: true });
    await syncFolder(path.dirname(this.#file));
  }

  async #parsed(file) {
    let bytes;
    try {
      bytes = await bytesOf(file);
      if (bytes === undefined) {
        return {};
      }
      const value = parse(bytes);
      return this.#isWhole(value) ? { bytes, value } : { bytes, fault: "is not what belongs there" };
    } catch (error) {
      return { bytes, fault: `cannot be read (${error.code || error.message})` };
    }
  }

  async #setAside(file) {
    await fs.rename(file, `${file}.damaged`);
    this.#log.error(`storage: it is kept as ${file}.damaged`);
  }
}

/** Node-RED's files may begin with a mark of their byte order. */
function parse(bytes) {
  const text = bytes.toString("utf8");
  return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
}

/** Removes what a process that was killed left half written. */
async function sweep(folder) {
  for (const name of await fs.readdir(folder).catch(() => [])) {
    if (TEMPORARY.test(name)) {
      await fs.rm(path.join(folder, name), { force: true }).catch(() => {});
    }
  }
}

module.exports = { JsonFile, bytesOf, makeFolder, parse, replace, sha256, sweep };
