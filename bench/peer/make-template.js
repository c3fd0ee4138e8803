// Writes the same document twice: a heading and a table with the columns of the devices dataset. template.docx has
// docxtemplater's tags, ../reports/device-list/template.docx has those of docx-jinja.
"use strict";

const { writeFileSync } = require("node:fs");
const path = require("node:path");
const PizZip = require("pizzip");

const COLUMNS = ["hostname", "kind", "os", "os_version", "ip", "last_seen", "online", "owner"];
const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";

const run = (text, bold) =>
  `<w:r><w:rPr>${bold ? "<w:b/>" : ""}<w:sz w:val="16"/></w:rPr><w:t xml:space="preserve">${text}</w:t></w:r>`;
const cell = (text, bold) => `<w:tc><w:tcPr><w:tcW w:w="1200" w:type="dxa"/></w:tcPr><w:p>${run(text, bold)}</w:p></w:tc>`;
const row = (texts, bold) =>
  `<w:tr>${bold ? "<w:trPr><w:tblHeader/></w:trPr>" : ""}${texts.map((text) => cell(text, bold)).join("")}</w:tr>`;

const peerTags = COLUMNS.map((name) => `{${name}}`);
peerTags[0] = "{#rows}" + peerTags[0];
peerTags[peerTags.length - 1] += "{/rows}";
const oursTags = COLUMNS.map((name) => `{{ row.${name} }}`);

const peer = { title: "{title}", count: "{count} devices", rows: row(peerTags, false) };
const ours = {
  title: "{{ report.title }}",
  count: "{{ tenants[0].devices.count }} devices",
  rows:
    row(["{%tr for row in tenants[0].devices.rows %}"], false) + row(oursTags, false) + row(["{%tr endfor %}"], false),
};

const border = ["top", "left", "bottom", "right", "insideH", "insideV"]
  .map((side) => `<w:${side} w:val="single" w:sz="4" w:color="999999"/>`)
  .join("");

const parts = ({ title, count, rows }) => ({
  "[Content_Types].xml":
    `<Types xmlns="${PACKAGE}/content-types">` +
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
    '<Default Extension="xml" ContentType="application/xml"/>' +
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>' +
    "</Types>",
  "_rels/.rels":
    `<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" ` +
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
  "word/document.xml":
    `<w:document ${W}><w:body><w:p>${run(title, true)}</w:p><w:p>${run(count, false)}</w:p>` +
    `<w:tbl><w:tblPr><w:tblW w:w="9600" w:type="dxa"/><w:tblBorders>${border}</w:tblBorders></w:tblPr>` +
    `<w:tblGrid>${COLUMNS.map(() => '<w:gridCol w:w="1200"/>').join("")}</w:tblGrid>` +
    `${row(COLUMNS, true)}${rows}</w:tbl><w:p/>` +
    '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134"/></w:sectPr>' +
    "</w:body></w:document>",
});

function write(file, tags) {
  const zip = new PizZip();
  for (const [name, text] of Object.entries(parts(tags))) {
    zip.file(name, HEAD + text);
  }
  writeFileSync(path.join(__dirname, file), zip.generate({ type: "nodebuffer", compression: "DEFLATE" }));
}

write("template.docx", peer);
write("../reports/device-list/template.docx", ours);
