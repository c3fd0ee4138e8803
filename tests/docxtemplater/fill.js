// Fills templates with docxtemplater. Reads a list of jobs from standard input:
// [{"template": path, "output": path, "data": {...}, "delimiters": ["{", "}"], "paragraphLoop": true}]
"use strict";

const { readFileSync, writeFileSync } = require("node:fs");
const Docxtemplater = require("docxtemplater");
const expressions = require("docxtemplater/expressions.js");
const PizZip = require("pizzip");

// Filters as the documentation of docxtemplater shows them; it brings none of its own.
const by = (key) => (a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0);
const filters = {
  upper: (text) => text && text.toUpperCase(),
  lower: (text) => text && text.toLowerCase(),
  toFixed: (number, digits) => number.toFixed(digits),
  sortBy: (list, key) => [...list].sort(by(key)),
  sumBy: (list, key) => list.reduce((sum, item) => sum + item[key], 0),
};

for (const job of JSON.parse(readFileSync(0, "utf8"))) {
  const [start, end] = job.delimiters;
  const document = new Docxtemplater(new PizZip(readFileSync(job.template)), {
    delimiters: { start, end },
    linebreaks: true,
    paragraphLoop: job.paragraphLoop,
    parser: expressions.configure({ filters }),
  });
  document.render(job.data);
  writeFileSync(job.output, document.getZip().generate({ type: "nodebuffer", compression: "DEFLATE" }));
}
