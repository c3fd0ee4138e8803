// What the centre gets to see of the storage: flows, the library, which modules there are and which nodes have credentials.
// What is not named here does not leave the segment: no credential, encrypted or not, no key, session, user or setting.
// A value of a secret that stands in a flow all the same becomes `${NAME}`.

"use strict";

const { sha256 } = require("./files.js");

/** Characters of all texts of a snapshot. The centre takes no more. */
const TEXT_MAX = 4_194_304;
/** Rows of a snapshot. */
const ROWS_MAX = 2_000;
/** Characters of a row's text. */
const PART_MAX = 48_000;
/** Bytes of rows that travel in one push; the wire takes 125,952. */
const PUSH_MAX = 110_000;
/** What a row takes beside its text. */
const ROW_OVERHEAD = 900;
const PATH_MAX = 500;
const DEPTH_MAX = 100;
/** A secret that is shorter is looked for as the whole of a value alone. */
const SECRET_INSIDE_MIN = 8;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Why there is no snapshot. The text is for the log. */
class TooLarge extends Error {}

/**
 * The snapshot of flows, library entries (`names`, `text`), Node-RED's settings and the ids of nodes with credentials.
 * `secrets` are pairs of what stands for a value and the value.
 */
function compose({ flows, library, settings, credentialed }, secrets) {
  const clean = cleaner(secrets);
  const items = [
    { item: "flows", path: "", value: clean(flows.map(withoutCredentials)) },
    { item: "credentials", path: "", value: clean({ nodes: credentialed }) },
    { item: "settings", path: "", value: clean(modulesOf(settings)) },
    ...library.map(({ names, text }) => ({ item: "library", path: names.map(encodeName).join("/"), value: clean(text) })),
  ];
  const texts = items
    .filter(({ path }) => path.length <= PATH_MAX)
    .map(({ item, path, value }) => ({ item, path, text: ascii(JSON.stringify(value)) }));
  const size = texts.reduce((sum, { text }) => sum + text.length, 0);
  const id = sha256(texts.map(({ item, path, text }) => `${item}\n${path}\n${text.length}\n${text}`).join(""));
  const parts = texts.flatMap(({ item, path, text }) => {
    const count = Math.ceil(text.length / PART_MAX);
    return Array.from({ length: count }, (_, part) => ({
      item,
      path,
      part,
      parts: count,
      text: text.slice(part * PART_MAX, (part + 1) * PART_MAX),
    }));
  });
  if (size > TEXT_MAX || parts.length > ROWS_MAX) {
    throw new TooLarge(`flows and library have ${size} characters in ${parts.length} pieces, at most ${TEXT_MAX} in ${ROWS_MAX} reach the centre`);
  }
  return { id, rows: parts.map((rest, row) => ({ snapshot: id, row, rows: parts.length, ...rest })) };
}

/** Rows in pushes that the wire takes. */
function pushes(rows) {
  const all = [];
  let bytes = PUSH_MAX;
  for (const row of rows) {
    const more = row.text.length + row.path.length + ROW_OVERHEAD;
    if (bytes + more > PUSH_MAX) {
      all.push([]);
      bytes = 0;
    }
    all[all.length - 1].push(row);
    bytes += more;
  }
  return all;
}

/** Node-RED has taken credentials out of nodes, as far as it knows the nodes; what it left is taken out here. */
function withoutCredentials(node) {
  if (node === null || typeof node !== "object") {
    return node;
  }
  const { credentials, ...rest } = node;
  if (Array.isArray(rest.env)) {
    rest.env = rest.env.map((entry) => (entry && entry.type === "cred" ? { ...entry, value: "" } : entry));
  }
  return rest;
}

/** Of the settings, which modules there are and which of their nodes are off. */
function modulesOf(settings) {
  const modules = {};
  const disabled = [];
  for (const [name, module] of Object.entries((settings && settings.nodes) || {})) {
    modules[name] = String((module && module.version) || "");
    for (const [set, { enabled } = {}] of Object.entries((module && module.nodes) || {})) {
      if (enabled === false) {
        disabled.push(`${name}/${set}`);
      }
    }
  }
  return { modules, disabled };
}

/** Puts names for secrets into every text of a value. */
function cleaner(secrets) {
  const known = secrets.filter(([, value]) => typeof value === "string" && value !== "").sort((a, b) => b[1].length - a[1].length);
  const text = (given) => {
    let found = given.replace(LONE_SURROGATE, "\ufffd");
    for (const [name, value] of known) {
      if (found === value) {
        return name;
      }
      if (value.length >= SECRET_INSIDE_MIN) {
        found = found.split(value).join(name);
      }
    }
    return found;
  };
  const walk = (value, depth) => {
    if (depth > DEPTH_MAX) {
      throw new TooLarge(`a flow nests deeper than ${DEPTH_MAX}`);
    }
    if (typeof value === "string") {
      return text(value);
    }
    if (Array.isArray(value)) {
      return value.map((one) => walk(one, depth + 1));
    }
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [text(name), walk(one, depth + 1)]));
    }
    return value;
  };
  return (value) => walk(value, 0);
}

/** Printable ASCII, so that no rule about characters stands in a flow's way. */
const ascii = (json) => json.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
const encodeName = (name) => encodeURIComponent(name.replace(LONE_SURROGATE, "\ufffd"));

module.exports = { TooLarge, compose, pushes };
