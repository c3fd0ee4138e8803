//! Values that must not be found, and how they are looked for: as they are, and in every writing that a program may give
//! them without meaning to.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

/// Shorter pieces occur by chance.
const PIECE_MIN: usize = 12;

/// Known values by what they are, in all their writings.
#[derive(Default)]
pub(crate) struct Canaries(BTreeMap<String, Vec<String>>);

impl Canaries {
    /// Adds one.
    pub(crate) fn add(&mut self, what: &str, value: &[u8]) {
        assert!(value.len() >= PIECE_MIN, "{what} is too short to look for");
        let mut writings = vec![latin(value), hex(value)];
        writings.push(writings[1].to_uppercase());
        for before in 0..3 {
            let piece = base64_within(value, before);
            writings.push(piece.replace('+', "-").replace('/', "_"));
            writings.push(piece);
        }
        if let Ok(text) = std::str::from_utf8(value) {
            writings.push(latin(format!("{text:?}").trim_matches('"').as_bytes()));
            writings.push(form_encoded(text));
            writings.push(form_encoded(text).replace("%20", "+"));
            for [and, quote] in [["&#38;", "&#34;"], ["&amp;", "&quot;"]] {
                let html = text.replace('&', and).replace('"', quote);
                writings.push(latin(html.as_bytes()));
            }
        }
        writings.sort();
        writings.dedup();
        self.0.entry(what.to_owned()).or_default().extend(writings);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// What is found in these bytes; packages are unpacked.
    pub(crate) fn in_bytes(&self, bytes: &[u8]) -> Vec<String> {
        let text = latin(bytes);
        let is_there = |writings: &Vec<String>| writings.iter().any(|one| text.contains(one));
        let mut found: Vec<String> = self
            .0
            .iter()
            .filter(|(_, writings)| is_there(writings))
            .map(|(what, _)| what.clone())
            .collect();
        if bytes.starts_with(b"PK\x03\x04") {
            let mut package = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
            for part in 0..package.len() {
                let mut unpacked = Vec::new();
                let mut part = package.by_index(part).unwrap();
                part.read_to_end(&mut unpacked).unwrap();
                found.extend(self.in_bytes(&unpacked));
            }
        }
        found
    }

    /// What is found in a folder: `path: what` each; and how many files there were.
    pub(crate) fn in_folder(&self, folder: &Path) -> (Vec<String>, usize) {
        let (mut found, mut files, mut folders) = (Vec::new(), 0, vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                // One that went meanwhile holds nothing any more.
                let Ok(bytes) = std::fs::read(&path) else {
                    continue;
                };
                files += 1;
                let named = |what| format!("{}: {what}", path.display());
                found.extend(self.in_bytes(&bytes).into_iter().map(named));
            }
        }
        (found, files)
    }
}

/// Each byte as the character of that number, so that texts and binary files are searched alike.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the value looks like in base64 with so many bytes before it, without the signs that the neighbours decide.
fn base64_within(value: &[u8], before: usize) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = vec![0; before]
        .iter()
        .chain(value)
        .map(|byte: &u8| format!("{byte:08b}"))
        .collect();
    let skipped = (before * 8).div_ceil(6);
    let whole = bits.as_bytes().chunks_exact(6).skip(skipped);
    let sign = |six: &[u8]| {
        let six = std::str::from_utf8(six).unwrap();
        char::from(SIGNS[usize::from_str_radix(six, 2).unwrap()])
    };
    whole.map(sign).collect()
}

fn form_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte);
    let sign = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(sign).collect()
}
