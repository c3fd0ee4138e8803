//! Which characters may stand in a text that came from a segment.
//!
//! The agent cleans at the source; the sanitizer refuses what is left. Both ask this table. It forbids what breaks an
//! XML 1.0 document (§2.2), forges a log line, cannot be seen, or makes text read otherwise than it is stored (Unicode
//! TR 36 §2, TR 39): the general categories Cc, Cf, Cn, Co, Cs, Zl and Zp and the properties `Default_Ignorable` and
//! `Bidi_Control`, of the Unicode version that normalisation goes by. Tab and line feed are left, and the two joiners
//! where a script or an emoji needs them: between two characters outside ASCII.

mod class;
mod table;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

pub use class::TextClass;
use table::{Kind, kind};

/// Whether a character may never stand in a text.
pub fn is_forbidden(c: char) -> bool {
    !matches!(c, ' '..='~') && kind(c) == Kind::Forbidden
}

/// What a text breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFault {
    /// A character that may not stand in it, or not there.
    Character,
    /// It is not in Normalization Form C (Unicode TR 15).
    NotNormal,
}

/// What a text that may stand holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traits {
    /// Line feeds or tabs.
    pub breaks: bool,
    /// Quotation marks or backslashes.
    pub quotes: bool,
}

/// Checks a text; says what it holds.
///
/// # Errors
/// The rule that it breaks.
pub fn check(text: &str) -> Result<Traits, TextFault> {
    let mut traits = Traits::default();
    let (mut unsteady, mut joins) = (false, false);
    let mut chars = after_plain(text).chars();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\\' => traits.quotes = true,
            ' '..='~' => chars = after_plain(chars.as_str()).chars(),
            '\t' | '\n' => traits.breaks = true,
            _ => match kind(c) {
                Kind::Steady => {}
                Kind::Unsteady => unsteady = true,
                Kind::Joiner => joins = true,
                Kind::Forbidden => return Err(TextFault::Character),
            },
        }
    }
    if joins && stray_joiners(text).next().is_some() {
        return Err(TextFault::Character);
    }
    // Without a character that composes, decomposes or has a combining class, there is nothing to normalise.
    if unsteady && !is_nfc(text) {
        return Err(TextFault::NotNormal);
    }
    Ok(traits)
}

/// The text from where it holds more than printable ASCII without quotation marks and backslashes.
fn after_plain(text: &str) -> &str {
    let mut rest = text.as_bytes();
    let mut plain = 0_usize;
    while let Some((eight, after)) = rest.split_first_chunk() {
        let count = plain_count(*eight);
        plain = plain.saturating_add(count);
        if count < 8 {
            return text.get(plain..).unwrap_or(text);
        }
        rest = after;
    }
    // What is left is less than eight bytes: the last eight of all, if there are as many.
    plain = match text.as_bytes().last_chunk() {
        Some(last) => text
            .len()
            .saturating_sub(8)
            .saturating_add(plain_count(*last)),
        None => rest.iter().take_while(|byte| is_plain(**byte)).count(),
    };
    text.get(plain..).unwrap_or(text)
}

fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'
}

/// How many of eight bytes come before the first that is no printable ASCII, or is a quotation mark or backslash. All
/// eight at once: the highest bit of each byte tells, and a borrow can only reach bytes after the first that is told.
fn plain_count(bytes: [u8; 8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    let word = u64::from_le_bytes(bytes);
    let below = |bound: u8| word.wrapping_sub(ONES.wrapping_mul(u64::from(bound))) & !word;
    let is = |byte: u8| {
        let zero = word ^ ONES.wrapping_mul(u64::from(byte));
        zero.wrapping_sub(ONES) & !zero
    };
    let found = (word | below(b' ') | is(0x7f) | is(b'"') | is(b'\\')) & HIGHEST;
    (found.trailing_zeros() / 8) as usize
}

/// Places of joiners that do not stand between two characters outside ASCII.
fn stray_joiners(text: &str) -> impl Iterator<Item = usize> + '_ {
    let joins = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && kind(c) != Kind::Joiner);
    let mut before = None;
    let mut characters = text.char_indices().peekable();
    std::iter::from_fn(move || {
        while let Some((at, c)) = characters.next() {
            let left = before.replace(c);
            if !c.is_ascii() && kind(c) == Kind::Joiner {
                let right = characters.peek().map(|(_, next)| *next);
                if !joins(left) || !joins(right) {
                    return Some(at);
                }
            }
        }
        None
    })
}

/// The text in Normalization Form C, with line ends as line feeds and without what may not stand in it.
pub fn clean(text: &str) -> Cow<'_, str> {
    if check(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let lines = text
        .replace("\r\n", "\n")
        .replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    let allowed = lines.chars().filter(|c| !is_forbidden(*c));
    let cleaned: String = allowed.nfc().collect();
    let strays: Vec<usize> = stray_joiners(&cleaned).collect();
    if strays.is_empty() {
        return Cow::Owned(cleaned);
    }
    // What a joiner kept apart may compose now.
    let kept = cleaned
        .char_indices()
        .filter(|(at, _)| strays.binary_search(at).is_err());
    Cow::Owned(kept.map(|(_, c)| c).nfc().collect())
}

/// A text on one line, cleaned and cut at a character to at most `bytes_max` bytes.
pub fn one_line(text: &str, bytes_max: usize) -> String {
    let mut line = clean(text).replace(['\n', '\t'], " ");
    let mut end = bytes_max.min(line.len());
    while !line.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    line.truncate(end);
    // The cut may have left a joiner at the end.
    while line.ends_with(['\u{200c}', '\u{200d}']) {
        line.pop();
    }
    line
}
