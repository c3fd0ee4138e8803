//! Text classes, on top of the character table that agents clean by.

/// The class of a string, named by the schema keyword `x-text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextClass {
    /// Printable ASCII without spaces.
    Ident,
    /// One line of any script; the default.
    Line,
    /// Lines with LF and TAB.
    Block,
    /// A line that no spreadsheet takes for a formula.
    Cell,
    /// Base64.
    OpaqueBase64,
}

impl TextClass {
    /// The class that `x-text` names.
    #[must_use]
    pub fn named(name: &str) -> Option<TextClass> {
        match name {
            "ident" => Some(TextClass::Ident),
            "line" => Some(TextClass::Line),
            "block" => Some(TextClass::Block),
            "cell" => Some(TextClass::Cell),
            "opaque-b64" => Some(TextClass::OpaqueBase64),
            _ => None,
        }
    }

    /// Whether a text that a decoder let in is of this class; `breaks` tells whether it holds LF or TAB.
    #[must_use]
    pub fn allows(self, text: &str, breaks: bool) -> bool {
        match self {
            TextClass::Block => true,
            TextClass::Line => !breaks,
            TextClass::Ident => text.bytes().all(|byte| byte.is_ascii_graphic()),
            TextClass::Cell => !breaks && !leads_formula(text),
            TextClass::OpaqueBase64 => is_base64(text.as_bytes()),
        }
    }
}

/// Whether a spreadsheet may take the text for a formula (OWASP ASVS 1.2.10). A number may have its sign, and what
/// follows one may not call, refer or compare: `-2+3+cmd|' /C calc'!A0` begins like a number too.
fn leads_formula(text: &str) -> bool {
    let text = text.trim_start();
    let mut characters = text.chars();
    match characters.next() {
        Some('=' | '@' | '＝' | '＠' | '＋' | '－') => true,
        Some('+' | '-') => {
            let number = characters.next().is_some_and(|next| next.is_ascii_digit());
            !number
                || text.contains(['=', '|', '!', '&', '@', '^', '"', '\'', '<', '>'])
                || calls(text)
        }
        _ => false,
    }
}

/// Whether a name stands before a bracket.
fn calls(text: &str) -> bool {
    text.split('(')
        .rev()
        .skip(1)
        .any(|before| before.trim_end().ends_with(char::is_alphabetic))
}

/// Base64 by RFC 4648 §4 or §5: one alphabet, padding whole or absent, no stray bits in the last character.
fn is_base64(text: &[u8]) -> bool {
    let data = match text {
        [data @ .., b'=', b'='] | [data @ .., b'='] => data,
        data => data,
    };
    let padded = text.len() != data.len();
    let whole = if padded {
        text.len().is_multiple_of(4)
    } else {
        data.len() % 4 != 1
    };
    let standard = data.iter().any(|byte| matches!(byte, b'+' | b'/'));
    let for_urls = data.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let bits_over = match data.len() % 4 {
        2 => 0x0f,
        3 => 0x03,
        _ => 0,
    };
    let last = data.last().and_then(|byte| six_bits(*byte)).unwrap_or(0);
    whole
        && !(standard && for_urls)
        && last & bits_over == 0
        && data.iter().all(|byte| six_bits(*byte).is_some())
}

fn six_bits(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(byte.wrapping_sub(b'a').wrapping_add(26)),
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0').wrapping_add(52)),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    #[track_caller]
    fn check_class(class: &str, text: &str, expected: bool) {
        let breaks = crate::text::check(text)
            .expect("a text that a decoder lets in")
            .breaks;
        assert_eq!(
            TextClass::named(class).unwrap().allows(text, breaks),
            expected,
            "{class} {text:?}"
        );
    }

    #[test]
    fn every_class_has_its_allowed_and_its_refused() {
        for (class, allowed, refused) in [
            ("ident", "srv-01.example:80", "srv 01"),
            ("ident", "a", "ä"),
            ("line", "Grüße, 東京 😀", "two\nlines"),
            ("line", "a b", "a\tb"),
            ("cell", "-5.2 °C", "-cmd|x"),
            ("cell", "+49 30", "+SUM(A1)"),
            ("cell", "+49 (30) 12-34", "+4+SUM (A1)"),
            ("cell", "-2+3", "-2+3+cmd|' /C calc'!A0"),
            ("cell", "a=b", "=1+1"),
            ("cell", " a=b", " =1+1"),
            ("cell", "5", "＝1"),
            ("cell", "5", "－1"),
            ("cell", "5", "@x"),
            ("cell", "-5", "-"),
            ("cell", "a b", "a\nb"),
            ("opaque-b64", "", "="),
            ("opaque-b64", "aGk=", "a b"),
            ("opaque-b64", "aGk", "aGk=="),
            ("opaque-b64", "aA==", "aA="),
            ("opaque-b64", "aA", "aB"),
            ("opaque-b64", "aGk=", "aGl="),
            ("opaque-b64", "-_-_", "-/-/"),
            ("opaque-b64", "+/+/", "a"),
            ("opaque-b64", "abcd", "ab=d"),
        ] {
            check_class(class, allowed, true);
            check_class(class, refused, false);
        }
        check_class("block", "two\nlines\tand a tab", true);
        assert_eq!(TextClass::named("Line"), None);
    }

    proptest! {
        #[test]
        fn base64_is_what_another_decoder_takes(text in "[A-Da-d0-3+/_=-]{0,9}") {
            let taken = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
                .iter()
                .any(|engine| engine.decode(&text).is_ok());
            prop_assert_eq!(TextClass::OpaqueBase64.allows(&text, false), taken);
        }
    }
}
