//! Small helpers: text that came from elsewhere, days, digests of files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use ring::digest::{Context, SHA256};
use spokegate_contract::hex;

/// Bytes read at a time.
const BUFFER_BYTES: usize = 65_536;

/// The text on one line without control characters, at most `chars_max` characters, marked with an ellipsis when cut.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(chars_max));
    let mut count = 0;
    let words = text
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        let space = usize::from(index > 0);
        let length = word.chars().count();
        if count + space + length > chars_max {
            let room = chars_max.saturating_sub(count + space + 1);
            if space == 1 {
                line.push(' ');
            }
            line.extend(word.chars().take(room));
            line.push('…');
            return line;
        }
        if space == 1 {
            line.push(' ');
        }
        line.push_str(word);
        count += space + length;
    }
    line
}

/// Size and SHA-256 of a file.
pub(crate) fn file_digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut digest, mut buffer, mut bytes) = (Context::new(&SHA256), vec![0; BUFFER_BYTES], 0);
    loop {
        let count = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            return Ok((bytes, hex::encode(digest.finish().as_ref())));
        };
        digest.update(read);
        bytes += count as u64;
    }
}

/// The day of a moment.
pub(crate) fn date(at_ms: u64, zone: &jiff::tz::TimeZone) -> jiff::civil::Date {
    let at = i64::try_from(at_ms).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(zone.clone()).date()
}

/// A name for a file that every system takes: letters, digits, `-`, `_`; runs of anything else become one `-`.
pub(crate) fn file_stem(text: &str, chars_max: usize) -> String {
    let mut stem = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            stem.push(c);
        } else if !stem.ends_with('-') && !stem.is_empty() {
            stem.push('-');
        }
        if stem.len() >= chars_max {
            break;
        }
    }
    let stem = stem.trim_matches('-');
    if stem.is_empty() {
        "report".into()
    } else {
        stem.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_cut() {
        assert_eq!(shortened(" a\r\n\tb  c ", 10), "a b c");
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!(shortened("ab cdefg", 6), "ab cd…");
        assert_eq!(shortened("", 6), "");
    }

    #[test]
    fn file_names_are_plain() {
        assert_eq!(file_stem("Acme Dental Group", 40), "Acme-Dental-Group");
        assert_eq!(
            file_stem("../../etc/passwd\"\r\nX: y", 40),
            "etc-passwd-X-y"
        );
        assert_eq!(file_stem("Ünïcode ünd", 40), "n-code-nd");
        assert_eq!(file_stem("日本", 40), "report");
        assert_eq!(file_stem("aaaa", 2), "aa");
    }
}
