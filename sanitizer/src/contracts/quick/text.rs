//! Lengths and classes of texts, and formats of texts that are plainly right.

use super::numbers::Bounds;
use crate::body::TextClass;

/// Most bytes of a character in UTF-8.
const CHARACTER_BYTES_MAX: usize = 4;
/// Longest host name, and longest label of one (RFC 1034 §3.1).
const HOST_NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// `minLength`, `maxLength` and `x-text`.
#[derive(Debug, Default)]
pub(super) struct TextRules {
    /// In characters.
    pub(super) length: Bounds,
    pub(super) class: Option<TextClass>,
}

impl TextRules {
    pub(super) fn hold(&self, text: &str, breaks: bool) -> bool {
        self.long_enough(text)
            && self.short_enough(text)
            && self.class.is_none_or(|class| class.allows(text, breaks))
    }

    /// A character has one byte at least: only a text with more bytes than it may have characters must be counted.
    fn short_enough(&self, text: &str) -> bool {
        text.len() <= self.length.max || text.chars().count() <= self.length.max
    }

    fn long_enough(&self, text: &str) -> bool {
        text.len() / CHARACTER_BYTES_MAX >= self.length.min
            || text.chars().count() >= self.length.min
    }
}

/// The check by which a text of a format is seen to be right at once, if there is one. A text that does not pass it may
/// still be right.
pub(super) fn plainly(format: &str) -> Option<fn(&str) -> bool> {
    match format {
        "hostname" => Some(is_plain_host_name),
        "date" => Some(is_plain_date),
        "date-time" => Some(is_plain_time),
        _ => None,
    }
}

/// Labels of letters, digits and single hyphens: two hyphens may begin an internationalised label, which has rules of
/// its own.
fn is_plain_host_name(text: &str) -> bool {
    let mut last = b'.';
    let mut label = 0_usize;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            label = label.saturating_add(1);
        } else if byte == b'.' && last.is_ascii_alphanumeric() {
            label = 0;
        } else if byte == b'-' && last.is_ascii_alphanumeric() {
            label = label.saturating_add(1);
        } else {
            return false;
        }
        if label > LABEL_BYTES_MAX {
            return false;
        }
        last = byte;
    }
    last.is_ascii_alphanumeric() && text.len() <= HOST_NAME_BYTES_MAX
}

/// `2026-11-20`, up to the 28th of a month.
fn is_plain_date(text: &str) -> bool {
    text.as_bytes()
        .split_first_chunk()
        .is_some_and(|(date, rest)| is_day(date) && rest.is_empty())
}

/// `2026-11-20T02:41:07Z`, with or without fractions of a second, up to the 28th of a month.
fn is_plain_time(text: &str) -> bool {
    let Some((date, rest)) = text.as_bytes().split_first_chunk() else {
        return false;
    };
    let [b'T', h, hh, b':', m, mm, b':', s, ss, rest @ .., b'Z'] = rest else {
        return false;
    };
    let fraction = match rest {
        [] => true,
        [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_day(date)
        && number(*h, *hh).is_some_and(|hour| hour < 24)
        && number(*m, *mm).is_some_and(|minute| minute < 60)
        && number(*s, *ss).is_some_and(|second| second < 60)
        && fraction
}

fn is_day(date: &[u8; 10]) -> bool {
    let [y, yy, yyy, yyyy, b'-', m, mm, b'-', d, dd] = date else {
        return false;
    };
    [y, yy, yyy, yyyy].into_iter().all(u8::is_ascii_digit)
        && number(*m, *mm).is_some_and(|month| (1..=12).contains(&month))
        && number(*d, *dd).is_some_and(|day| (1..=28).contains(&day))
}

/// Two decimal digits.
fn number(tens: u8, ones: u8) -> Option<u8> {
    let digit = |byte: u8| Some(byte.wrapping_sub(b'0')).filter(|digit| *digit < 10);
    digit(tens)?.checked_mul(10)?.checked_add(digit(ones)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_past_the_28th_is_asked_for_rather_than_seen() {
        let time = plainly("date-time").unwrap();
        for (text, expected) in [
            ("2026-11-20T02:41:07Z", true),
            ("2026-11-20T02:41:07.25Z", true),
            ("2026-11-28T23:59:59Z", true),
            ("2026-11-29T23:59:59Z", false),
            ("2026-11-20T24:00:00Z", false),
            ("2026-11-20T23:60:00Z", false),
            ("2026-11-20T23:59:60Z", false),
            ("2026-13-20T02:41:07Z", false),
            ("2026-00-20T02:41:07Z", false),
            ("2026-11-00T02:41:07Z", false),
            ("2026-11-20T02:41:07", false),
            ("2026-11-20T02:41:07.Z", false),
            ("2026-11-20T02:41:07+00:00", false),
            ("2026-11-20T02:41:0:Z", false),
            ("", false),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
        let date = plainly("date").unwrap();
        assert!(date("2026-02-28") && !date("2026-02-29") && !date("2026-02-28 "));
        assert!(plainly("email").is_none());
    }

    #[test]
    fn a_label_with_two_hyphens_is_asked_for_rather_than_seen() {
        let name = plainly("hostname").unwrap();
        let label = "a".repeat(63);
        let long = [&*label; 4].join(".");
        for (text, expected) in [
            ("srv01.example.net", true),
            ("a-b.c", true),
            ("7", true),
            (&*label, true),
            (&long[..253], true),
            (&long[..254], false),
            (&"a".repeat(64), false),
            ("xn--4ca.example", false),
            ("a--b", false),
            ("-a", false),
            ("a-", false),
            ("a-.b", false),
            ("a..b", false),
            (".a", false),
            ("a.", false),
            ("a_b", false),
            ("ä", false),
            ("", false),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
    }
}
