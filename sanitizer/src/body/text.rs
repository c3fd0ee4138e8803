//! Text classes, on top of the character table that agents clean by.

use spokegate_contract::text::{is_forbidden, is_normal};

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
            TextClass::OpaqueBase64 => text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte)),
        }
    }
}

/// What [`check`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Text of class `line`.
    Line,
    /// Holds LF or TAB: only of class `block`.
    Breaks,
    /// A character that no class allows.
    Character,
    /// Not in normalisation form C.
    NotNormalized,
}

/// Checks a string against the rules that hold for every class.
pub(super) fn check(text: &str) -> Verdict {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Verdict::Line;
    }
    if text.chars().any(is_forbidden) {
        return Verdict::Character;
    }
    if !is_normal(text) {
        return Verdict::NotNormalized;
    }
    if text.bytes().any(|byte| byte == b'\n' || byte == b'\t') {
        Verdict::Breaks
    } else {
        Verdict::Line
    }
}

/// Whether a spreadsheet may take the text for a formula (OWASP ASVS 1.2.10).
fn leads_formula(text: &str) -> bool {
    let mut characters = text.chars();
    match characters.next() {
        Some('=' | '@' | '＝' | '＠' | '＋' | '－') => true,
        Some('+' | '-') => !characters.next().is_some_and(|next| next.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_class(class: &str, text: &str, expected: bool) {
        let breaks = check(text) == Verdict::Breaks;
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
            ("block", "two\nlines\tand a tab", ""),
            ("cell", "-5.2 °C", "-cmd|x"),
            ("cell", "+49 30", "+SUM(A1)"),
            ("cell", "a=b", "=1+1"),
            ("cell", "5", "＝1"),
            ("cell", "5", "@x"),
            ("opaque-b64", "aGk=", "a b"),
        ] {
            check_class(class, allowed, true);
            if !refused.is_empty() {
                check_class(class, refused, false);
            }
        }
        assert_eq!(TextClass::named("Line"), None);
    }

    #[test]
    fn characters_that_no_class_allows() {
        for text in [
            "a\0",
            "a\u{b}",
            "a\r\nb",
            "\u{7f}",
            "\u{202e}abc",
            "a\u{200b}b",
            "\u{2028}",
            "\u{e000}",
            "\u{fffe}",
        ] {
            assert_eq!(check(text), Verdict::Character, "{text:?}");
        }
        assert_eq!(check("e\u{301}"), Verdict::NotNormalized);
        assert_eq!(check("\u{e9}"), Verdict::Line);
    }
}
