//! What a zip archive and its XML can be made to do.

use super::package::{Package, WORD, p};
use super::{Case, bytes, good, refused};

fn plain() -> Package {
    Package::with_body(&p("Hello"))
}

#[expect(clippy::too_many_lines, reason = "a table, one attack after the other")]
pub(crate) fn archives() -> Vec<Case> {
    let holds = |name: &str| plain().entry(name, "x");
    let leaves = "leaves the package";
    let twice = "the same entry twice";
    let no_word = "not a Word document";
    let file = plain().bytes();
    let cut = &file[..file.len() - 30];
    let mut many = plain();
    for number in 0..2_100 {
        many = many.entry(&format!("word/media/i{number}.png"), "x");
    }
    vec![
        good(
            "a few pictures",
            plain().entry("word/media/a..b.png", vec![7; 100_000]),
        ),
        refused("a path upwards", holds("../evil.xml"), leaves),
        refused(
            "a path upwards in the middle",
            holds("word/../../evil.xml"),
            leaves,
        ),
        refused("an absolute path", holds("/etc/cron.d/evil"), leaves),
        refused("a drive", holds("C:\\evil.xml"), leaves),
        refused("backslashes", holds("word\\evil.xml"), leaves),
        refused(
            "an entry in other letters",
            holds("WORD/Document.xml"),
            twice,
        ),
        bytes(
            "an entry twice",
            renamed(
                &holds("word/documenx.xml").bytes(),
                b"word/documenx.xml",
                b"word/document.xml",
            ),
            twice,
        ),
        bytes(
            "a link in the archive",
            linked(&holds("word/link.png").bytes(), b"word/link.png"),
            "a symbolic link",
        ),
        bytes("a password", with_flag(&file, 1), "encrypted"),
        bytes(
            "an encrypted package",
            [
                &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..],
                &[0; 512],
            ]
            .concat(),
            "encrypted",
        ),
        bytes(
            "no archive",
            b"MZ this program cannot be run".to_vec(),
            no_word,
        ),
        bytes("nothing", Vec::new(), no_word),
        bytes("an archive cut short", cut.to_vec(), no_word),
        refused("too many entries", many, "the number of entries"),
        refused(
            "a bomb in a picture",
            plain().entry("word/media/a.png", vec![0; 8 << 20]),
            "the growth when unpacked",
        ),
        refused(
            "a bomb in the document",
            plain().entry("word/document.xml", bomb(40 << 20)),
            "too large",
        ),
        bytes(
            "a bomb that lies about its size",
            lying(&plain().entry("word/media/a.png", vec![0; 8 << 20]).bytes()),
            "",
        ),
        bytes("a damaged stream", damaged(&file), ""),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one attack after the other")]
pub(crate) fn markup() -> Vec<Case> {
    let item = |text: &str| plain().entry("customXml/item1.xml", text);
    let utf16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let doctype = "a document type declaration";
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]><l>&b;</l>";
    let deep = format!("{}{}", "<w:p>".repeat(5_000), "</w:p>".repeat(5_000));
    let field = format!(
        "<w:footnotes xmlns:w=\"{WORD}\"><w:p><w:fldSimple w:instr=\"DDE x\"/></w:p></w:footnotes>"
    );
    vec![
        good("an item of one's own", item("<a xmlns=\"urn:mine\"/>")),
        refused(
            "an outer entity",
            item("<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"),
            doctype,
        ),
        good("a comment in text", Package::with_body(&p("a<!-- b -->c"))),
        refused(
            "a text that is no text",
            Package::with_body(&p("<![CDATA[{{ 1 }}]]>")),
            "a CDATA section",
        ),
        refused("a billion laughs", item(laughs), doctype),
        refused(
            "an entity in the document",
            plain().replaced(
                "word/document.xml",
                "<w:document",
                "<!DOCTYPE d><w:document",
            ),
            doctype,
        ),
        refused(
            "an entity in a drawing",
            plain().entry(
                "word/media/a.svg",
                "<!DOCTYPE svg SYSTEM \"http://example.org/x.dtd\"><svg/>",
            ),
            doctype,
        ),
        refused(
            "an entity in UTF-16",
            plain().entry("customXml/item1.xml", utf16("<!DOCTYPE a><a/>")),
            doctype,
        ),
        refused(
            "a field in UTF-16",
            plain().entry("word/footnotes.xml", utf16(&field)),
            "not UTF-8",
        ),
        refused(
            "text in UTF-7",
            item("<?xml version=\"1.0\" encoding=\"UTF-7\"?><a>+ADw-b/+AD4-</a>"),
            "the encoding UTF-7",
        ),
        refused(
            "a style sheet",
            item("<?xml-stylesheet href=\"http://example.org/x.xsl\"?><a/>"),
            "a style sheet",
        ),
        refused(
            "XML under another name",
            plain()
                .replaced(
                    "[Content_Types].xml",
                    "/word/header1.xml",
                    "/word/header1.bin",
                )
                .entry("word/header1.bin", field.clone()),
            "under another name",
        ),
        refused(
            "elements nested without end",
            Package::with_body(&deep),
            "nest deeper",
        ),
        refused(
            "elements that do not nest",
            Package::with_body("<w:p><w:r></w:p></w:r>"),
            "damaged",
        ),
        refused(
            "an element without an end",
            Package::with_body("<w:p w:x=\""),
            "damaged",
        ),
        refused(
            "control characters",
            Package::with_body(&p("\u{1}\u{2}")),
            "control characters",
        ),
        refused(
            "no main document",
            plain().replaced("[Content_Types].xml", "document.main+xml", "other+xml"),
            "no main document",
        ),
        refused(
            "no content types",
            plain().entry("[Content_Types].xml", "<Types/>"),
            "no main document",
        ),
    ]
}

fn bomb(size: usize) -> String {
    format!(
        "<w:document xmlns:w=\"{WORD}\">{}</w:document>",
        " ".repeat(size)
    )
}

/// Every place where a name stands, with another of the same length.
fn renamed(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    for at in places(&file, from) {
        file[at..at + to.len()].copy_from_slice(to);
    }
    file
}

fn places(file: &[u8], wanted: &[u8]) -> Vec<usize> {
    let found: Vec<usize> = file
        .windows(wanted.len())
        .enumerate()
        .filter_map(|(at, window)| (window == wanted).then_some(at))
        .collect();
    assert!(!found.is_empty());
    found
}

/// The flags of every entry with these bits, in both of an archive's directories.
fn with_flag(file: &[u8], bits: u8) -> Vec<u8> {
    let mut file = file.to_vec();
    for (signature, offset) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        for at in places(&file, signature) {
            file[at + offset] |= bits;
        }
    }
    file
}

/// One entry as a symbolic link made on Unix.
fn linked(file: &[u8], name: &[u8]) -> Vec<u8> {
    const MADE_BY_UNIX: u8 = 3;
    const LINK: u32 = 0o120_777 << 16;
    let mut file = file.to_vec();
    // The entry's second mention is in the central directory, 46 bytes behind its signature.
    let header = places(&file, name)[1] - 46;
    file[header + 5] = MADE_BY_UNIX;
    file[header + 38..header + 42].copy_from_slice(&LINK.to_le_bytes());
    file
}

/// Unpacked sizes in the central directory far too small.
fn lying(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    for at in places(&file, b"PK\x01\x02") {
        file[at + 24..at + 28].copy_from_slice(&10_u32.to_le_bytes());
    }
    file
}

/// Bytes within the compressed data changed.
fn damaged(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let at = places(&file, b"word/document.xml")[0] + 30;
    for byte in &mut file[at..at + 20] {
        *byte ^= 0x5a;
    }
    file
}
