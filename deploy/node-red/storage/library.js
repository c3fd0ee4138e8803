// The library of the editor: files in folders, apart by type, each with lines `// name: value` before its text, as
// Node-RED's own storage has them.

"use strict";

const fs = require("node:fs/promises");
const path = require("node:path");

const { makeFolder, replace } = require("./files.js");

const HEADER = /^\/\/ (\w+): (.*)$/;
const TYPE = /^[A-Za-z0-9_-]{1,64}$/;

class Library {
  #root;

  constructor(root) {
    this.#root = root;
  }

  /** An entry's text; of a folder the names of the folders in it, then its entries with what their headers say. */
  async get(type, name) {
    const place = this.#place(type, name);
    const stat = await fs.lstat(place).catch(() => undefined);
    if (stat && stat.isFile()) {
      return split(await fs.readFile(place, "utf8")).body;
    }
    if (stat && stat.isDirectory()) {
      return list(place);
    }
    if (name === "" || name.endsWith("/")) {
      return [];
    }
    if (type === "flows" && !name.endsWith(".json")) {
      return this.get(type, `${name}.json`);
    }
    throw new Error(`Library Entry not found ${name}`);
  }

  async save(type, name, meta, body) {
    const place = this.#place(type, type === "flows" && !name.endsWith(".json") ? `${name}.json` : name);
    const header = Object.entries(meta || {}).map(([key, value]) => `// ${key}: ${toLine(String(value))}\n`);
    await makeFolder(path.dirname(place));
    await replace(place, header.join("") + body);
  }

  /** Every entry: type, path and text as it stands in the file. */
  async all() {
    const found = [];
    const visit = async (folder, names) => {
      for (const { name, directory } of await entries(folder)) {
        const place = path.join(folder, name);
        if (directory) {
          await visit(place, [...names, name]);
        } else if (names.length > 0) {
          found.push({ names: [...names, name], text: await fs.readFile(place, "utf8") });
        }
      }
    };
    await visit(this.#root, []);
    return found;
  }

  /** Copies the library of Node-RED's own storage. */
  async takeOver(folder) {
    let taken = 0;
    const visit = async (from, to) => {
      for (const { name, directory } of await entries(from)) {
        if (directory) {
          await visit(path.join(from, name), path.join(to, name));
        } else {
          await makeFolder(to);
          await replace(path.join(to, name), await fs.readFile(path.join(from, name)));
          taken += 1;
        }
      }
    };
    await visit(folder, this.#root);
    return taken;
  }

  /** Node-RED has refused `../`; nothing else leads out of a type's folder either, nor to a hidden name. */
  #place(type, name) {
    const folder = path.join(this.#root, type);
    const place = path.resolve(folder, `./${name}`);
    const hidden = path.relative(folder, place).split(path.sep).some((part) => part.startsWith("."));
    if (!TYPE.test(type) || hidden || name.includes("\0") || (place !== folder && !place.startsWith(folder + path.sep))) {
      throw Object.assign(new Error(`the library has no place ${type}/${name}`), { code: "forbidden" });
    }
    return place;
  }
}

/** What is in a folder, by name; neither hidden files nor links. */
async function entries(folder) {
  const found = await fs.readdir(folder, { withFileTypes: true }).catch(() => []);
  return found
    .filter((entry) => !entry.name.startsWith(".") && (entry.isFile() || entry.isDirectory()))
    .map((entry) => ({ name: entry.name, directory: entry.isDirectory() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function list(folder) {
  const all = await entries(folder);
  const folders = all.filter((entry) => entry.directory).map((entry) => entry.name);
  const files = all.filter((entry) => !entry.directory);
  const described = files.map(async ({ name }) => ({
    ...split(await fs.readFile(path.join(folder, name), "utf8")).meta,
    fn: name,
  }));
  return [...folders, ...(await Promise.all(described))];
}

function split(text) {
  const lines = text.split("\n");
  const meta = {};
  let count = 0;
  for (; count < lines.length; count += 1) {
    const match = HEADER.exec(lines[count]);
    if (!match) {
      break;
    }
    meta[match[1]] = fromLine(match[2]);
  }
  return { meta, body: lines.slice(count).join("\n") };
}

const toLine = (text) => text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
const fromLine = (text) => text.replace(/\\[\\n]/g, (pair) => (pair === "\\\\" ? "\\" : "\n"));

module.exports = { Library };
