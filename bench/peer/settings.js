// Settings of both instances: as they come, but for loopback, no editor, and what the flows' functions use.
"use strict";

const { readFileSync } = require("node:fs");
const path = require("node:path");
const Docxtemplater = require("docxtemplater");
const PizZip = require("pizzip");
const { sampleData } = require("../../deploy/node-red/sample/data.js");

module.exports = {
  uiHost: "127.0.0.1",
  uiPort: Number(process.env.PEER_PORT),
  userDir: process.env.PEER_DATA,
  flowFile: "flows.json",
  httpAdminRoot: false,
  httpNodeRoot: "/",
  functionExternalModules: false,
  functionGlobalContext: {
    Docxtemplater,
    PizZip,
    template: readFileSync(path.join(__dirname, "template.docx")),
    sample: sampleData("acme"),
  },
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { projects: { enabled: false } },
  logging: { console: { level: "warn", metrics: false, audit: false } },
};
