//! Characters, normal forms, broken UTF-8, text classes, and text that is code elsewhere.

use super::super::cbor::{map, raw_text, text};
use super::{Attack, CANARY, Expected, contract, form};
use Expected::Accepted;

/// Characters that no class allows: controls, directions, invisible ones, private use, noncharacters, unassigned.
fn forbidden() -> Vec<char> {
    let ranges: [(u32, u32); 33] = [
        (0x00, 0x08),
        (0x0b, 0x1f),
        (0x7f, 0x9f),
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x378, 0x378),
        (0x530, 0x530),
        (0x600, 0x600),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x200b, 0x200b),
        (0x200e, 0x200f),
        (0x2028, 0x202e),
        (0x2060, 0x206f),
        (0x2fe0, 0x2fe0),
        (0x3164, 0x3164),
        (0xe000, 0xe000),
        (0xf8ff, 0xf8ff),
        (0xfdd0, 0xfdd0),
        (0xfdef, 0xfdef),
        (0xfe00, 0xfe00),
        (0xfe0f, 0xfe0f),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff9, 0xfffb),
        (0x1d173, 0x1d173),
        (0xe0001, 0xe0001),
        (0xe0041, 0xe0041),
        (0xe0100, 0xe0100),
        (0xf0000, 0xf0000),
        (0x10fffd, 0x10fffd),
    ];
    let last_of_planes = (0..=0x10).flat_map(|plane| [plane << 16 | 0xfffe, plane << 16 | 0xffff]);
    ranges
        .into_iter()
        .flat_map(|(first, last)| first..=last)
        .chain(last_of_planes)
        .filter_map(char::from_u32)
        .collect()
}

pub(crate) fn characters(all: &mut Vec<Attack>) {
    for c in forbidden() {
        let name = format!("character/u+{:04x}", u32::from(c));
        let value = text(&format!("{CANARY}{c}x"));
        all.push(Attack::item(name, value, form("character")));
    }
    for (name, value) in [
        ("joiner-in-ascii", "ad\u{200d}min"),
        ("non-joiner-in-ascii", "ad\u{200c}min"),
        ("joiner-at-the-end", "é\u{200d}"),
        ("joiner-at-the-start", "\u{200d}é"),
        ("joiner-twice", "é\u{200d}\u{200d}é"),
        ("crlf", "a\r\nb"),
        ("right-to-left-file-name", "invoice\u{202e}fdp.exe"),
        ("isolates", "\u{2066}a\u{2069}"),
        ("hidden-tags", "a\u{e0068}\u{e0069}b"),
    ] {
        all.push(Attack::item(
            format!("character/{name}"),
            text(value),
            form("character"),
        ));
    }
    for value in [
        "Grüße aus Köln",
        "東京都千代田区",
        "서울특별시",
        "שלום עולם",
        "مرحبا بالعالم",
        "می\u{200c}خواهم",
        "नमस्ते",
        "😀👩\u{200d}🔬",
        "½ × √2 ≤ ∞",
        "a\u{a0}b",
        "\u{fffd}",
        "two\n\tlines",
    ] {
        all.push(Attack::item(
            format!("character/harmless {value:?}"),
            text(value),
            Accepted,
        ));
    }
}

pub(crate) fn normal_forms(all: &mut Vec<Attack>) {
    for (name, value) in [
        ("decomposed", "e\u{301}"),
        ("decomposed-late", "a long text that is fine until e\u{301}"),
        ("kelvin", "\u{212a}"),
        ("ohm", "\u{2126}"),
        ("angstrom", "\u{212b}"),
        ("hangul-parts", "\u{1100}\u{1161}"),
        ("hangul-half", "\u{ac00}\u{11a8}"),
        ("composition-exclusion", "\u{958}"),
        ("hebrew-presentation", "\u{fb1d}"),
        ("compatibility-ideograph", "\u{f900}"),
        ("marks-out-of-order", "a\u{323}\u{327}"),
        ("greek-mark", "\u{344}"),
        ("musical", "\u{1d15e}"),
        (
            "many-marks-out-of-order",
            &format!("a{}", "\u{301}\u{323}".repeat(8_000)),
        ),
    ] {
        all.push(Attack::item(
            format!("normal-form/{name}"),
            text(value),
            form("not-normalized"),
        ));
    }
    for (name, value) in [
        ("composed", "é"),
        ("compatibility-kept", "\u{fb01}½Å"),
        ("marks-in-order", "x\u{327}\u{323}"),
        ("hangul", "각"),
        ("many-marks", &format!("x{}", "\u{304}".repeat(20_000))),
    ] {
        all.push(Attack::item(
            format!("normal-form/{name}"),
            text(value),
            Accepted,
        ));
    }
}

pub(crate) fn utf8(all: &mut Vec<Attack>) {
    for (name, bytes) in [
        ("ff", &b"\xff"[..]),
        ("fe", b"\xfe"),
        ("continuation-alone", b"\x80"),
        ("last-continuation-alone", b"\xbf"),
        ("overlong-slash-2", b"\xc0\xaf"),
        ("overlong-slash-3", b"\xe0\x80\xaf"),
        ("overlong-slash-4", b"\xf0\x80\x80\xaf"),
        ("overlong-nul", b"\xc0\x80"),
        ("surrogate-high", b"\xed\xa0\x80"),
        ("surrogate-low", b"\xed\xbf\xbf"),
        ("surrogate-pair", b"\xed\xa0\xbd\xed\xb8\x80"),
        ("past-the-last", b"\xf4\x90\x80\x80"),
        ("five-bytes", b"\xf8\x88\x80\x80\x80"),
        ("cut-2", b"\xc3"),
        ("cut-3", b"\xe2\x82"),
        ("cut-4", b"\xf0\x9f\x98"),
        ("ascii-for-continuation", b"\xc3("),
        ("latin-1", b"Z\xfcrich"),
        ("late", b"sixteen bytes and more \xff"),
    ] {
        all.push(Attack::item(
            format!("utf-8/{name}"),
            raw_text(bytes),
            form("utf-8"),
        ));
    }
    let every_length = text("a\u{7ff}\u{800}\u{ffee}\u{10000}\u{1f600}");
    all.push(Attack::item(
        "utf-8/every-length".into(),
        every_length,
        Accepted,
    ));
}

pub(crate) fn classes(all: &mut Vec<Attack>) {
    for (class, refused, accepted) in [
        (
            "word",
            &["two words", "ä", "a\tb", "a\nb"][..],
            &["srv-01.example:80", ""][..],
        ),
        ("line", &["two\nlines", "a\tb"], &["one line", "東京"]),
        (
            "short",
            &["two\nlines", "a\tb"],
            &["without a class it is a line"],
        ),
        (
            "cell",
            &[
                "=1+1",
                "=cmd|' /C calc'!A0",
                "@SUM(1)",
                "+SUM(A1)",
                "-cmd|x",
                "-2+3+cmd|' /C calc'!A0",
                "+1+HYPERLINK(\"http://x\")",
                "-1+WEBSERVICE (A1)",
                " =1+1",
                "＝1+1",
                "＋1",
                "－1",
                "＠x",
                "+",
                "a\tb",
                "=\"\"&A1",
            ],
            &["-5.2 °C", "+49 (30) 12-34", "a=b", "x@y.example", "1-2", ""],
        ),
        (
            "opaque",
            &["=", "a", "a b", "aGk==", "aB", "ab=d", "-/", "aGl=", "Ω"],
            &["", "aGk=", "aGk", "-_-_", "+/+/"],
        ),
        ("block", &[], &["two\nlines\tand a tab"]),
    ] {
        for value in refused {
            let name = format!("class/{class} {value:?}");
            all.push(Attack::member(name, class, text(value), contract("x-text")));
        }
        for value in accepted {
            let name = format!("class/{class} {value:?} harmless");
            all.push(Attack::member(name, class, text(value), Accepted));
        }
    }
}

/// Text that ends a string, a line, a tag or a statement elsewhere comes out as the text that it is.
pub(crate) fn escapes(all: &mut Vec<Attack>) {
    for value in [
        r#"""#,
        r"\",
        r#"\""#,
        r"\u0000",
        r"\ud800",
        "\"}],\"tenant\":\"globex",
        "\n{\"cursor\":1,\"record\":{},\"seal\":\"\"}",
        "]]>",
        "<!ENTITY x SYSTEM \"file:///etc/passwd\">",
        "<script>alert(1)</script>",
        "<w:instrText>DDEAUTO</w:instrText>",
        "{{ 7 * 7 }}",
        "{% include 'x' %}",
        "{%tr for x in y %}",
        "${jndi:ldap://x/a}",
        "${NAME}",
        "$(id)",
        "`id`",
        "'; DROP TABLE runs; --",
        "../../etc/passwd",
        "%00%0a%n%s",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "NaN",
        "1e400",
        "-0",
        "null",
    ] {
        all.push(Attack::item(
            format!("escape/{value:?}"),
            text(value),
            Accepted,
        ));
    }
    let key = map(&[(text("a\"b"), text(CANARY))]);
    all.push(Attack::item(
        "escape/quote-in-a-key".into(),
        key,
        form("character"),
    ));
    let quotes = text(&"\"".repeat(60_000));
    all.push(Attack::item("escape/60000-quotes".into(), quotes, Accepted));
    let strokes = text(&"\\".repeat(60_000));
    all.push(Attack::item(
        "escape/60000-backslashes".into(),
        strokes,
        Accepted,
    ));
}
