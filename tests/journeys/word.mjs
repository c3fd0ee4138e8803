// A Word file with these paragraphs and nothing else.
const NAMES = "http://schemas.openxmlformats.org";
const TYPES = "application/vnd.openxmlformats-officedocument.wordprocessingml";
export const KIND = `${TYPES}.document`;

export function word(paragraphs) {
  const body = paragraphs.map((text) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`).join("");
  return archive({
    "[Content_Types].xml":
      `<Types xmlns="${NAMES}/package/2006/content-types">` +
      '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>' +
      `<Override PartName="/word/document.xml" ContentType="${TYPES}.document.main+xml"/></Types>`,
    "_rels/.rels":
      `<Relationships xmlns="${NAMES}/package/2006/relationships"><Relationship Id="rId1" ` +
      `Type="${NAMES}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
    "word/document.xml": `<w:document xmlns:w="${NAMES}/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`,
  });
}

// A zip file whose entries are not compressed.
function archive(entries) {
  const files = [];
  const index = [];
  let at = 0;
  for (const [path, text] of Object.entries(entries)) {
    const name = Buffer.from(path);
    const content = Buffer.from(text);
    // Version, flags, method, time, date, checksum, both sizes, length of the name, of more.
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0);
    about.writeUInt16LE(0x21, 8);
    about.writeUInt32LE(checksum(content), 10);
    about.writeUInt32LE(content.length, 14);
    about.writeUInt32LE(content.length, 18);
    about.writeUInt16LE(name.length, 22);
    const file = Buffer.concat([Buffer.from("PK\x03\x04"), about, name, content]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    index.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), about, place, name]));
    files.push(file);
    at += file.length;
  }
  const list = Buffer.concat(index);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(index.length, 4);
  end.writeUInt16LE(index.length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...files, list, Buffer.from("PK\x05\x06"), end]);
}

// CRC-32 as zip and PNG files have it.
export function checksum(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit += 1) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0);
  }
  return (rest ^ 0xffffffff) >>> 0;
}
