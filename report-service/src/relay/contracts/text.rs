//! The text classes that contracts name with `x-text`, as the centre checks them.
//!
//! Written apart from the sanitizer's, so that one mistake does not open both.

use std::error::Error;

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use boon::Format;
use serde_json::Value;

/// A text class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Ident,
    Line,
    Block,
    Cell,
    OpaqueBase64,
}

impl Class {
    const ALL: [(&'static str, Self); 5] = [
        ("ident", Self::Ident),
        ("line", Self::Line),
        ("block", Self::Block),
        ("cell", Self::Cell),
        ("opaque-b64", Self::OpaqueBase64),
    ];

    /// The class of a name in a schema.
    pub(super) fn named(name: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, class)| class)
    }

    /// The check of this class, as the validator calls it.
    pub(super) fn format(self) -> Format {
        match self {
            Self::Ident => format("x-text-ident", |text| holds(text, Self::Ident)),
            Self::Line => format("x-text-line", |text| holds(text, Self::Line)),
            Self::Block => format("x-text-block", |text| holds(text, Self::Block)),
            Self::Cell => format("x-text-cell", |text| holds(text, Self::Cell)),
            Self::OpaqueBase64 => {
                format("x-text-opaque-b64", |text| holds(text, Self::OpaqueBase64))
            }
        }
    }

    /// The checks of all classes.
    pub(super) fn formats() -> impl Iterator<Item = Format> {
        Self::ALL.into_iter().map(|(_, class)| class.format())
    }
}

fn format(name: &'static str, func: fn(&Value) -> Result<(), Box<dyn Error>>) -> Format {
    Format { name, func }
}

fn holds(value: &Value, class: Class) -> Result<(), Box<dyn Error>> {
    match value {
        Value::String(text) if !allows(class, text) => Err("text of another class".into()),
        _ => Ok(()),
    }
}

fn allows(class: Class, text: &str) -> bool {
    let mut characters = text.chars();
    match class {
        Class::Ident => characters.all(|c| matches!(c, '!'..='~')),
        Class::OpaqueBase64 => [STANDARD, URL_SAFE]
            .iter()
            .any(|alphabet| is_base64(alphabet, text)),
        Class::Block => characters.all(|c| !breaks_out(c)),
        Class::Line => characters.all(|c| !matches!(c, '\n' | '\t') && !breaks_out(c)),
        Class::Cell => allows(Class::Line, text) && !is_formula(text),
    }
}

/// Characters that no class has: controls, and what XML 1.0 does not know. The sanitizer forbids more of them before a
/// contract is asked; these are the ones that would harm a document.
fn breaks_out(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Base64 by RFC 4648, padded or not, without stray bits.
fn is_base64(alphabet: &Alphabet, text: &str) -> bool {
    let padding = if text.contains('=') {
        DecodePaddingMode::RequireCanonical
    } else {
        DecodePaddingMode::Indifferent
    };
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(false)
        .with_decode_padding_mode(padding);
    GeneralPurpose::new(alphabet, config).decode(text).is_ok()
}

/// What a spreadsheet would calculate. A signed number is one only as long as nothing in it calls, refers or compares.
fn is_formula(text: &str) -> bool {
    let text = text.trim_start();
    let Some(signed) = text.strip_prefix(['+', '-']) else {
        return text.starts_with(['=', '@', '＝', '＠', '＋', '－']);
    };
    let is_number = signed.starts_with(|c: char| c.is_ascii_digit());
    let operates = signed.contains(|c: char| "=|!&@^\"'<>".contains(c));
    let calls = signed
        .match_indices('(')
        .any(|(at, _)| signed[..at].trim_end().ends_with(char::is_alphabetic));
    !is_number || operates || calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: &str, allowed: &[&str], refused: &[&str]) {
        let format = Class::named(class).unwrap().format();
        for text in allowed {
            assert!(
                (format.func)(&Value::from(*text)).is_ok(),
                "{class} {text:?}"
            );
        }
        for text in refused {
            assert!(
                (format.func)(&Value::from(*text)).is_err(),
                "{class} {text:?}"
            );
        }
    }

    #[test]
    fn each_class_has_its_characters() {
        check("ident", &["", "a-b_c:1", "~!"], &["a b", "é", "a\n"]);
        check(
            "line",
            &["", "Zoë wrote this", "=1+1"],
            &["a\nb", "a\tb", "bell\u{7}", "\u{ffff}"],
        );
        check("block", &["a\n\tb"], &["a\r\nb", "\u{b}"]);
        check(
            "cell",
            &["-5", "+49 (30) 1", "-2+3", "a=b"],
            &["=1", " =1", "-x", "+", "@a", "＝1", "－5", "a\nb"],
        );
        check("cell", &[], &["-2+3+cmd|' /C calc'!A0", "+4+SUM (A1)"]);
        check(
            "opaque-b64",
            &["", "QUJD", "QQ==", "QQ", "-_8="],
            &["a b", "a.b", "QR==", "Q", "QQ=", "+_8="],
        );
        assert_eq!(Class::named("lines"), None);
    }

    #[test]
    fn what_is_no_text_has_no_class() {
        assert!((Class::Ident.format().func)(&Value::from(5)).is_ok());
    }
}
