//! Small text rules shared by pages, logs and audit.

use std::borrow::Borrow;
use std::fmt::Write as _;

/// Text that cannot forge a log line or move a cursor: control and direction characters become `\u{..}`,
/// and it is cut to `bytes_max` bytes at a character.
#[must_use]
pub fn escaped(text: &str, bytes_max: usize) -> String {
    escape(text, bytes_max).0
}

/// The same; what was cut ends with a mark that says so, and how long it was.
#[must_use]
pub fn escaped_or_cut(text: &str, bytes_max: usize) -> String {
    let (whole, is_whole) = escape(text, bytes_max);
    if is_whole {
        return whole;
    }
    let mark = format!("… (cut, of {} bytes)", text.len());
    escape(text, bytes_max.saturating_sub(mark.len())).0 + &mark
}

/// The text, and whether it is all of it.
fn escape(text: &str, bytes_max: usize) -> (String, bool) {
    let mut out = String::with_capacity(text.len().min(bytes_max));
    for character in text.chars() {
        let before = out.len();
        if character.is_control() || is_invisible(character) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
        if out.len() > bytes_max {
            out.truncate(before);
            return (out, false);
        }
    }
    (out, true)
}

/// Line separators, zero-width and direction characters, which make text look like other text.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `22 Nov 2026, 14:05 UTC`, as pages show a time.
#[must_use]
pub fn when(at_ms: impl Borrow<u64>) -> String {
    let format = time::macros::format_description!(
        "[day padding:none] [month repr:short] [year], [hour]:[minute] UTC"
    );
    i64::try_from(at_ms.borrow() / 1000)
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| "unknown time".to_owned())
}

/// `2026-11-22 14:05:09`, UTC, as a log shows a time.
#[must_use]
pub fn moment(at_ms: impl Borrow<u64>) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    i64::try_from(at_ms.borrow() / 1000)
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| "unknown time".to_owned())
}

/// A long id as a table shows it, `3f2b81c09a7e…d41c`; shorter words stay whole.
#[must_use]
pub fn short(id: impl AsRef<str>) -> String {
    const HEAD: usize = 14;
    const TAIL: usize = 4;
    let id = id.as_ref();
    let count = id.chars().count();
    if count <= HEAD + TAIL + 6 {
        return id.to_owned();
    }
    let head = id.chars().take(HEAD);
    let tail = id.chars().skip(count - TAIL);
    head.chain(['…']).chain(tail).collect()
}

/// `512 bytes`, `1.5 KiB`, `20.0 MiB`.
#[must_use]
pub fn size(bytes: impl Borrow<u64>) -> String {
    let bytes = *bytes.borrow();
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        1 => "1 byte".into(),
        0..0x400 => format!("{bytes} bytes"),
        0x400..0x10_0000 => format!("{} KiB", tenths(0x400)),
        0x10_0000..0x4000_0000 => format!("{} MiB", tenths(0x10_0000)),
        _ => format!("{} GiB", tenths(0x4000_0000)),
    }
}

/// `1,000,000`.
#[must_use]
pub fn grouped(count: impl Borrow<u64>) -> String {
    let digits = count.borrow().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `90 seconds`, `1 hour`, `7 days`: in the largest unit that leaves nothing over.
#[must_use]
pub fn span(seconds: impl Borrow<u64>) -> String {
    let seconds = *seconds.borrow();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let fits = |(length, _): &(u64, &str)| seconds > 0 && seconds.is_multiple_of(*length);
    let (length, unit) = units.into_iter().find(fits).unwrap_or((1, "second"));
    match seconds / length {
        1 => format!("1 {unit}"),
        count => format!("{} {unit}s", grouped(count)),
    }
}

/// `Firefox on Windows`, from what a browser sends; the rest is noise to people.
#[must_use]
pub fn browser(agent: &str) -> String {
    // Browsers claim to be each other; the more particular name comes first.
    let names = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let systems = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    ];
    let find = |table: &[(&str, &'static str)]| {
        table
            .iter()
            .find(|(sign, _)| agent.contains(sign))
            .map(|(_, name)| *name)
    };
    match (find(&names), find(&systems)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => "another program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ids_are_cut_in_the_middle() {
        assert_eq!(short("customer-overview"), "customer-overview");
        assert_eq!(
            short("0123456789abcdef01234567"),
            "0123456789abcdef01234567"
        );
        assert_eq!(
            short("0123456789abcdef0123456789abcdef"),
            "0123456789abcd…cdef"
        );
        assert_eq!(
            short("ä".repeat(25)),
            format!("{}…{}", "ä".repeat(14), "ä".repeat(4))
        );
    }

    #[test]
    fn sizes_in_words() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1_023, "1023 bytes"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1023.9 KiB"),
            (20_971_520, "20.0 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn large_numbers_and_spans_of_time_are_readable() {
        for (count, words) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(count), words);
        }
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (90, "90 seconds"),
            (120, "2 minutes"),
            (3600, "1 hour"),
            (172_800, "2 days"),
            (90_000, "25 hours"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }

    #[test]
    fn text_cannot_forge_a_line() {
        let check = |input: &str, expected: &str| assert_eq!(escaped(input, 40), expected);
        check("alice", "alice");
        check("Zoë", "Zoë");
        check(
            "alice\nsession.start allow",
            "alice\\u{a}session.start allow",
        );
        check("a\u{1b}[31m", "a\\u{1b}[31m");
        check("a\u{202e}b", "a\\u{202e}b");
        check(&"x".repeat(100), &"x".repeat(40));
        check(&"ü".repeat(100), &"ü".repeat(20));
    }

    #[test]
    fn what_is_cut_says_so() {
        let check = |input: &str, expected: &str| {
            let found = escaped_or_cut(input, 40);
            assert!(found.len() <= 40, "{found}");
            assert_eq!(found, expected);
        };
        check("alice", "alice");
        check(&"x".repeat(40), &"x".repeat(40));
        let cut = |kept: &str, bytes: usize| format!("{kept}… (cut, of {bytes} bytes)");
        check(&"x".repeat(41), &cut(&"x".repeat(18), 41));
        check(&"ü".repeat(100), &cut(&"ü".repeat(8), 200));
        check(&"\n".repeat(20), &cut(&"\\u{a}".repeat(3), 20));
    }

    #[test]
    fn browsers_have_the_names_that_people_know() {
        let check = |agent: &str, expected: &str| assert_eq!(browser(agent), expected);
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";
        check(chrome, "Chrome on Linux");
        check(
            &format!(
                "{} Edg/156.0",
                chrome.replace("X11; Linux", "Windows NT 10.0")
            ),
            "Edge on Windows",
        );
        check(
            "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Windows",
        );
        check("curl/8.0", "another program");
        check("", "another program");
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(when(1_795_351_500_000_u64), "22 Nov 2026, 12:45 UTC");
    }
}
