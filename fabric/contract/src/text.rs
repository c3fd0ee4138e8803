//! Which characters may stand in a text that came from a segment.
//!
//! The agent cleans at the source; the sanitizer refuses what is left. Both ask this table. It forbids what breaks an
//! XML 1.0 document (§2.2), forges a log line or makes text read otherwise than it is stored (Unicode TR 36 §2, TR 39).

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Whether a character may never stand in a text: controls but tab and line feed, bidirectional and invisible format
/// characters, line and paragraph separators, private use, noncharacters.
pub fn is_forbidden(c: char) -> bool {
    match c {
        '\t' | '\n' | ' '..='~' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        '\u{61c}' | '\u{180e}' => true,
        '\u{200b}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' => true,
        '\u{e000}'..='\u{f8ff}' | '\u{fdd0}'..='\u{fdef}' => true,
        '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}' => true,
        _ => u32::from(c) & 0xfffe == 0xfffe,
    }
}

/// Whether a text is in Normalization Form C (Unicode TR 15).
pub fn is_normal(text: &str) -> bool {
    text.is_ascii()
        || match is_nfc_quick(text.chars()) {
            IsNormalized::Yes => true,
            IsNormalized::No => false,
            IsNormalized::Maybe => text.nfc().eq(text.chars()),
        }
}

/// The text in Normalization Form C, with line ends as line feeds and without forbidden characters.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| matches!(b, b'\t' | b'\n' | b' '..=b'~'))
    {
        return Cow::Borrowed(text);
    }
    if !text.chars().any(is_forbidden) && is_normal(text) {
        return Cow::Borrowed(text);
    }
    let lines = text
        .replace("\r\n", "\n")
        .replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    Cow::Owned(lines.chars().filter(|c| !is_forbidden(*c)).nfc().collect())
}

/// A text on one line, cleaned and cut at a character to at most `bytes_max` bytes.
pub fn one_line(text: &str, bytes_max: usize) -> String {
    let mut line = clean(text).replace(['\n', '\t'], " ");
    let mut end = bytes_max.min(line.len());
    while !line.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    line.truncate(end);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cleaning() {
        for (input, expected) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("Zoë Ünïcode 東京 😀", "Zoë Ünïcode 東京 😀"),
            ("a\r\nb\rc\u{2028}d", "a\nb\nc\nd"),
            ("bell\u{7}vt\u{b}nul\0", "bellvtnul"),
            ("\u{202e}gnp.exe\u{202c}", "gnp.exe"),
            ("\u{200e}01.02.2026", "01.02.2026"),
            ("Zoe\u{308}", "Zoë"),
            ("\u{fffe}\u{1ffff}\u{e000}x", "x"),
        ] {
            assert_eq!(clean(input), expected, "{input:?}");
        }
    }

    #[test]
    fn one_line_cuts_at_a_character() {
        assert_eq!(one_line("a\nb\tc", 10), "a b c");
        assert_eq!(one_line("aéé", 4), "aé");
        assert_eq!(one_line("x", 0), "");
    }

    proptest! {
        #[test]
        fn cleaned_text_is_clean_and_stays_so(text in any::<String>()) {
            let cleaned = clean(&text).into_owned();
            prop_assert!(!cleaned.chars().any(is_forbidden));
            prop_assert!(is_normal(&cleaned));
            prop_assert_eq!(clean(&cleaned), cleaned.as_str());
        }
    }
}
