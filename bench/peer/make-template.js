// Writes template.docx: one heading and one table with the columns of the devices dataset, in docxtemplater's syntax.
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

const tags = COLUMNS.map((name) => `{${name}}`);
tags[0] = "{#rows}" + tags[0];
tags[tags.length - 1] += "{/rows}";
const border = ["top", "left", "bottom", "right", "insideH", "insideV"]
  .map((side) => `<w:${side} w:val="single" w:sz="4" w:color="999999"/>`)
  .join("");

const parts = {
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
    `<w:document ${W}><w:body><w:p>${run("{title}", true)}</w:p><w:p>${run("{count} devices", false)}</w:p>` +
    `<w:tbl><w:tblPr><w:tblW w:w="9600" w:type="dxa"/><w:tblBorders>${border}</w:tblBorders></w:tblPr>` +
    `<w:tblGrid>${COLUMNS.map(() => '<w:gridCol w:w="1200"/>').join("")}</w:tblGrid>` +
    `${row(COLUMNS, true)}${row(tags, false)}</w:tbl><w:p/>` +
    '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1134" w:right="1134" w:bottom="1134" w:left="1134"/></w:sectPr>' +
    "</w:body></w:document>",
};

const zip = new PizZip();
for (const [name, text] of Object.entries(parts)) {
  zip.file(name, HEAD + text);
}
writeFileSync(path.join(__dirname, "template.docx"), zip.generate({ type: "nodebuffer", compression: "DEFLATE" }));
