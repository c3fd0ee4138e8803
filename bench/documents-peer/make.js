// make.js FOLDER SIZE...
// Writes what the suite `documents` fills: the same letter, table and pictures in the tags of every engine, and their data.
// FOLDER/<engine>/<document>.docx, FOLDER/letter.json, FOLDER/rows-<size>.json (.jsonl: a row a line), FOLDER/pictures/*.png.
"use strict";

const { mkdirSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const zlib = require("node:zlib");
const crypto = require("node:crypto");
const PizZip = require("pizzip");

const COLUMNS = ["hostname", "kind", "os", "os_version", "ip", "last_seen", "online", "owner"];
const PICTURES = 200;
const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"';
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES = "application/vnd.openxmlformats-officedocument.wordprocessingml";

// How each engine writes a value, a field of the present item, and the lines around what it repeats.
const jinja = {
  value: (name) => `{{ ${name} }}`,
  field: (name) => `{{ i.${name} }}`,
  open: (list, element) => `{%${element} for i in ${list} %}`,
  close: (list, element) => `{%${element} endfor %}`,
  picture: "{{ i.picture }}",
};
const syntaxes = {
  "docx-jinja": jinja,
  docxtpl: jinja,
  docxtemplater: {
    value: (name) => `{${name}}`,
    field: (name) => `{${name}}`,
    open: (list, element) => (element === "p" ? `{#${list}}` : null),
    close: (list, element) => (element === "p" ? `{/${list}}` : null),
    // A row repeats between a tag in its first and one in its last cell.
    first: (list) => `{#${list}}`,
    last: (list) => `{/${list}}`,
    picture: "{%picture}",
  },
  "docx-templates": {
    value: (name) => `+++=${name}+++`,
    field: (name) => `+++=$i.${name}+++`,
    open: (list) => `+++FOR i IN ${list}+++`,
    close: () => "+++END-FOR i+++",
    picture: "+++IMAGE picture($i.picture)+++",
  },
  carbone: {
    value: (name) => `{d.${name}}`,
    field: (name, list) => `{d.${list}[i].${name}}`,
    open: () => null,
    close: (list, element, name) => `{d.${list}[i+1].${name}}`,
  },
};

const run = (text, bold) =>
  `<w:r><w:rPr>${bold ? "<w:b/>" : ""}<w:sz w:val="16"/></w:rPr><w:t xml:space="preserve">${text}</w:t></w:r>`;
const p = (text, bold) => (text === null ? "" : `<w:p>${run(text, bold)}</w:p>`);
const cell = (text, bold) => `<w:tc><w:tcPr><w:tcW w:w="1200" w:type="dxa"/></w:tcPr>${p(text, bold)}</w:tc>`;
const row = (texts, bold) =>
  `<w:tr>${bold ? "<w:trPr><w:tblHeader/></w:trPr>" : ""}${texts.map((text) => cell(text, bold)).join("")}</w:tr>`;
const border = ["top", "left", "bottom", "right", "insideH", "insideV"]
  .map((side) => `<w:${side} w:val="single" w:sz="4" w:color="999999"/>`)
  .join("");

function table(s, list, names) {
  const texts = names.map((name) => s.field(name, list));
  if (s.first) {
    texts[0] = s.first(list) + texts[0];
    texts[texts.length - 1] += s.last(list);
  }
  const only = (text) => (text === null ? "" : row([text, ...names.slice(1).map(() => "")]));
  return (
    `<w:tbl><w:tblPr><w:tblW w:w="9600" w:type="dxa"/><w:tblBorders>${border}</w:tblBorders></w:tblPr>` +
    `<w:tblGrid>${names.map(() => '<w:gridCol w:w="1200"/>').join("")}</w:tblGrid>${row(names, true)}` +
    `${only(s.open(list, "tr"))}${row(texts)}${only(s.close(list, "tr", names[0]))}</w:tbl><w:p/>`
  );
}

const documents = {
  letter: (s) =>
    p(s.value("title"), true) +
    p(`Dear ${s.value("contact")},`) +
    p(`in ${s.value("period")} we looked after ${s.value("count")} devices of ${s.value("customer")}. This is what we found:`) +
    p(s.open("findings", "p")) +
    p(`Finding: ${s.field("text", "findings")}`) +
    p(s.close("findings", "p", "text")) +
    table(s, "devices", ["hostname", "os", "ip", "owner"]) +
    p(`Please call ${s.value("phone")} when you have questions. We look after ${s.value("customer")} since ${s.value("since")}.`) +
    p("Kind regards"),
  table: (s) => p(s.value("title"), true) + table(s, "rows", COLUMNS),
  pictures: (s) => (s.picture ? p(s.open("rows", "p")) + p(s.picture) + p(s.close("rows", "p")) : null),
};

function docx(body, footer) {
  const zip = new PizZip();
  const relation = (id, kind, target) => `<Relationship Id="${id}" Type="${kind}" Target="${target}"/>`;
  const relationships = (inner) => `${HEAD}<Relationships xmlns="${PACKAGE}/relationships">${inner}</Relationships>`;
  const override = (name, kind) => `<Override PartName="/${name}" ContentType="${kind}"/>`;
  const core = `${PACKAGE}/metadata/core-properties`;
  const entries = {
    "[Content_Types].xml":
      `${HEAD}<Types xmlns="${PACKAGE}/content-types"><Default Extension="png" ContentType="image/png"/>` +
      '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
      '<Default Extension="xml" ContentType="application/xml"/>' +
      override("word/document.xml", `${TYPES}.document.main+xml`) +
      override("word/footer1.xml", `${TYPES}.footer+xml`) +
      override("docProps/core.xml", "application/vnd.openxmlformats-package.core-properties+xml") +
      "</Types>",
    "_rels/.rels": relationships(
      relation("rId1", `${OFFICE}/officeDocument`, "word/document.xml") +
        relation("rId2", `${PACKAGE}/relationships/metadata/core-properties`, "docProps/core.xml"),
    ),
    "docProps/core.xml":
      `${HEAD}<cp:coreProperties xmlns:cp="${core}" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
      "<dc:title>Devices</dc:title></cp:coreProperties>",
    "word/document.xml":
      `${HEAD}<w:document ${W} ${R}><w:body>${body}<w:sectPr><w:footerReference w:type="default" r:id="rId1"/>` +
      '<w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134" w:header="567" ' +
      'w:footer="567" w:gutter="0"/></w:sectPr></w:body></w:document>',
    "word/_rels/document.xml.rels": relationships(relation("rId1", `${OFFICE}/footer`, "footer1.xml")),
    "word/footer1.xml": `${HEAD}<w:ftr ${W}>${p(footer)}</w:ftr>`,
  };
  for (const [name, text] of Object.entries(entries)) {
    zip.file(name, text);
  }
  return zip.generate({ type: "nodebuffer", compression: "DEFLATE" });
}

const device = (at) => ({
  hostname: `ws-${String(at).padStart(6, "0")}.example.internal`,
  kind: "workstation",
  os: "Windows 11 Pro",
  os_version: "10.0.26100",
  ip: `10.${Math.floor(at / 65536) % 256}.${Math.floor(at / 256) % 256}.${at % 256}`,
  last_seen: "2026-11-22T08:15:00Z",
  online: at % 7 === 0 ? "no" : "yes",
  owner: "R&D <Berlin>",
});

function png(width, height) {
  const chunk = (kind, data) => {
    const content = Buffer.concat([Buffer.from(kind), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(content));
    return Buffer.concat([length, content, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const lines = Array.from({ length: height }, () => Buffer.concat([Buffer.from([0]), crypto.randomBytes(width * 3)]));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = zlib.deflateSync(Buffer.concat(lines));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

function crc32(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    }
  }
  return (sum ^ 0xffffffff) >>> 0;
}

const [folder, ...sizes] = process.argv.slice(2);
const put = (name, content) => {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
};
for (const [engine, syntax] of Object.entries(syntaxes)) {
  for (const [name, draw] of Object.entries(documents)) {
    const body = draw(syntax);
    if (body !== null) {
      put(`${engine}/${name}.docx`, docx(body, name === "letter" ? syntax.value("customer") : "Devices"));
    }
  }
}
put(
  "letter.json",
  JSON.stringify({
    title: "Monthly report",
    contact: "the customer's desk",
    period: "October 2026",
    count: 42,
    customer: "Acme & Söhne <GmbH>",
    phone: "+49 221 555",
    since: 2019,
    findings: ["All backups ran.", "Two devices are old.", "One licence ends soon.", "No update failed.", "The disk of srv-02 is full."].map(
      (text) => ({ text }),
    ),
    devices: Array.from({ length: 10 }, (_, at) => device(at)),
  }),
);
for (const size of sizes.map(Number)) {
  const rows = Array.from({ length: size }, (_, at) => device(at));
  put(`rows-${size}.json`, JSON.stringify({ title: "Devices", rows }));
  put(`rows-${size}.jsonl`, rows.map((row) => JSON.stringify(row) + "\n").join(""));
}
for (let at = 0; at < PICTURES; at += 1) {
  put(`pictures/${String(at).padStart(3, "0")}.png`, png(128, 125));
}
