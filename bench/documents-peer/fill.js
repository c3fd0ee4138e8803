// fill.js ENGINE TASK FOLDER OUT
// Fills one document with docxtemplater, docx-templates or carbone and prints {"cpu_ms", "peak_mib"}. Tasks: letter,
// letters (200 in one process, time of each), rows-<size>, pictures.
"use strict";

const { readFileSync, readdirSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { promisify } = require("node:util");

const WARM_UP = 20;
const LETTERS = 200;
const [engine, task, folder, out] = process.argv.slice(2);

const kind = task.startsWith("rows") ? "table" : task.replace("letters", "letter");
const templateFile = path.join(folder, engine, `${kind}.docx`);

function data() {
  if (kind === "pictures") {
    const names = readdirSync(path.join(folder, "pictures")).sort();
    return { rows: names.map((name) => ({ picture: path.join(folder, "pictures", name) })) };
  }
  const name = kind === "letter" ? "letter" : task;
  return JSON.parse(readFileSync(path.join(folder, `${name}.json`), "utf8"));
}

const engines = {
  docxtemplater() {
    const PizZip = require("pizzip");
    const Docxtemplater = require("docxtemplater");
    const content = readFileSync(templateFile);
    const options = () => {
      if (kind !== "pictures") {
        return { paragraphLoop: true, linebreaks: true };
      }
      const ImageModule = require("docxtemplater-image-module-free");
      const pictures = new ImageModule({ centered: false, getImage: (file) => readFileSync(file), getSize: () => [76, 74] });
      return { paragraphLoop: true, linebreaks: true, modules: [pictures] };
    };
    return (values) => {
      const document = new Docxtemplater(new PizZip(content), options());
      document.render(values);
      return document.getZip().generate({ type: "nodebuffer", compression: "DEFLATE" });
    };
  },
  "docx-templates"() {
    const { createReport } = require("docx-templates");
    const template = readFileSync(templateFile);
    const picture = (file) => ({ width: 2, height: 1.95, data: readFileSync(file), extension: ".png" });
    // The defaults store nearly without compression and start a sandbox: both would be held against it.
    const options = { cmdDelimiter: ["+++", "+++"], noSandbox: true, additionalJsContext: { picture }, maximumWalkingDepth: 1e9 };
    return async (values) => Buffer.from(await createReport({ template, data: values, ...options }));
  },
  carbone() {
    const carbone = require("carbone");
    const render = promisify(carbone.render);
    return (values) => render(templateFile, values, {});
  },
};

// The highest resident memory since this program began: what getrusage tells holds the memory of whoever started it, too.
function peakMib() {
  const found = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return Number(found[1]) / 1_024;
}

async function main() {
  const fill = engines[engine]();
  const values = data();
  let spent = null;
  let document = await fill(values);
  if (task === "letters") {
    for (let at = 0; at < WARM_UP; at += 1) {
      await fill(values);
    }
    const before = process.cpuUsage();
    for (let at = 0; at < LETTERS; at += 1) {
      document = await fill(values);
    }
    const { user, system } = process.cpuUsage(before);
    spent = (user + system) / 1_000 / LETTERS;
  }
  writeFileSync(out, document);
  const { user, system } = process.cpuUsage();
  const cpu_ms = spent ?? (user + system) / 1_000;
  console.log(JSON.stringify({ cpu_ms, peak_mib: peakMib() }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
