//! A rendered document is an archive that can be read from its front, entry by entry, as Word and others do.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use docx_jinja::{Template, Value};

const LOCAL: &[u8] = b"PK\x03\x04";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const CENTRAL: &[u8] = b"PK\x01\x02";
const DEFLATED: u16 = 8;
/// Sizes follow the entry's bytes (APPNOTE 4.4.4, bit 3).
const SIZES_FOLLOW: u16 = 1 << 3;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Walks the local entries; what follows each must be where its sizes say.
fn check_entries(document: &[u8]) -> usize {
    let mut at = 0;
    let mut entries = 0;
    while document[at..].starts_with(LOCAL) {
        let (flags, method) = (u16_at(document, at + 6), u16_at(document, at + 8));
        assert_eq!(method, DEFLATED, "a stored entry has no end of its own");
        let head =
            30 + usize::from(u16_at(document, at + 26)) + usize::from(u16_at(document, at + 28));
        let data = at + head;
        at = if flags & SIZES_FOLLOW == 0 {
            data + u32_at(document, at + 18)
        } else {
            let found = document[data..]
                .windows(4)
                .position(|window| window == DESCRIPTOR);
            let end = data + found.expect("a descriptor after the data");
            assert_eq!(
                u32_at(document, end + 8),
                end - data,
                "the descriptor's size"
            );
            end + 16
        };
        entries += 1;
    }
    assert!(
        document[at..].starts_with(CENTRAL),
        "leftovers after the last entry"
    );
    entries
}

#[test]
fn every_entry_can_be_read_from_the_front() {
    let letter = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/package/letter.docx");
    let template = Template::compile(&std::fs::read(letter).unwrap()).unwrap();
    let mut document = Vec::new();
    template
        .render(Value::from_pairs([("customer", "Acme")]), &mut document)
        .unwrap();
    // One entry is copied, one is filled.
    assert_eq!(check_entries(&document), 2);
}

#[test]
fn any_level_of_compression_gives_a_document() {
    let letter = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/package/letter.docx");
    let letter = std::fs::read(letter).unwrap();
    for level in [0, 1, 9, 255] {
        let options = docx_jinja::Options {
            compression_level: level,
            ..docx_jinja::Options::default()
        };
        let template = Template::compile_with(&letter, options).unwrap();
        let mut document = Vec::new();
        template
            .render(Value::from_pairs([("customer", "Acme")]), &mut document)
            .unwrap();
        assert_eq!(check_entries(&document), 2, "level {level}");
    }
}
