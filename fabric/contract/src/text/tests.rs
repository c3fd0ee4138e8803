use std::fmt::Write as _;
use std::path::Path;

use super::table::{FORBIDDEN_RANGES, UNSTEADY_RANGES};
use super::*;
use proptest::prelude::*;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, is_nfc_quick};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

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
        ("soft\u{ad}hyphen \u{2764}\u{fe0f}", "softhyphen \u{2764}"),
        ("\u{1f469}\u{200d}\u{1f52c}", "\u{1f469}\u{200d}\u{1f52c}"),
        ("ad\u{200d}min\u{200c}", "admin"),
        ("e\u{200d}\u{301}", "é"),
    ] {
        assert_eq!(clean(input), expected, "{input:?}");
        assert!(check(expected).is_ok(), "{expected:?}");
    }
}

#[test]
fn one_line_cuts_at_a_character() {
    assert_eq!(one_line("a\nb\tc", 10), "a b c");
    assert_eq!(one_line("aéé", 4), "aé");
    assert_eq!(one_line("x", 0), "");
    assert_eq!(one_line("é\u{200d}é", 5), "é");
}

#[track_caller]
fn checked(text: &str, expected: Result<bool, TextFault>) {
    let breaks = check(text).map(|traits| traits.breaks);
    assert_eq!(breaks, expected, "{text:?}");
}

#[test]
fn quotes_are_told_wherever_they_stand() {
    for length in [0, 1, 15, 16, 17, 31, 32, 40] {
        for filling in ["a", "é", "\n"] {
            let plain = filling.repeat(length);
            assert!(!check(&plain).unwrap().quotes, "{plain:?}");
            for quote in ['"', '\\'] {
                for at in 0..=length {
                    let mut text = filling.repeat(at);
                    text.push(quote);
                    text.push_str(&filling.repeat(length - at));
                    let traits = check(&text).unwrap();
                    let breaks = filling == "\n" && length > 0;
                    assert_eq!(
                        traits,
                        Traits {
                            breaks,
                            quotes: true
                        },
                        "{text:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn each_rule_has_its_allowed_and_its_refused() {
    checked("a line of more than sixteen bytes", Ok(false));
    checked("a tab behind sixteen bytes\t", Ok(true));
    checked("東京\n", Ok(true));
    checked("می\u{200c}خواهم", Ok(false));
    checked("\u{915}\u{94d}\u{200d}\u{937}", Ok(false));
    checked("é", Ok(false));
    checked("각", Ok(false));
    // A mark that composes with nothing here.
    checked("x\u{304}", Ok(false));
    checked("e\u{301}", Err(TextFault::NotNormal));
    checked("\u{212a}", Err(TextFault::NotNormal));
    checked("\u{1100}\u{1161}", Err(TextFault::NotNormal));
    checked("a\u{327}\u{301}\u{323}", Err(TextFault::NotNormal));
    for refused in [
        "\0",
        "\r",
        "\u{7f}",
        "\u{80}",
        "\u{85}",
        "\u{ad}",
        "\u{34f}",
        "\u{378}",
        "\u{61c}",
        "\u{115f}",
        "\u{180e}",
        "\u{200b}",
        "\u{200e}",
        "\u{2028}",
        "\u{202e}",
        "\u{2065}",
        "\u{2069}",
        "\u{3164}",
        "\u{e000}",
        "\u{fdd0}",
        "\u{fe0f}",
        "\u{feff}",
        "\u{ffa0}",
        "\u{fff9}",
        "\u{fffe}",
        "\u{1d173}",
        "\u{1ffff}",
        "\u{3ffff}",
        "\u{50000}",
        "\u{e0041}",
        "\u{e0100}",
        "\u{f0000}",
        "\u{10ffff}",
        "é\u{200d}",
        "\u{200d}é",
        "é\u{200d}a",
        "é\u{200d}\u{200d}é",
    ] {
        checked(refused, Err(TextFault::Character));
        checked(
            &format!("sixteen plain bytes, {refused}"),
            Err(TextFault::Character),
        );
    }
}

/// The bounds of the characters that have a property: each first one, and each first one after.
fn bounds(has: impl Fn(char) -> bool) -> Vec<usize> {
    let holds = |at: u32| char::from_u32(at).is_none_or(&has);
    let mut bounds = Vec::new();
    let mut inside = false;
    for at in 0..0x11_0000 {
        if holds(at) != inside {
            bounds.push(at as usize);
            inside = !inside;
        }
    }
    bounds
}

fn property(name: &str) -> impl Fn(char) -> bool {
    let class = regex_syntax::parse(&format!(r"\p{{{name}}}")).unwrap();
    let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) =
        class.into_kind()
    else {
        unreachable!("a property is a class");
    };
    move |c| {
        class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&c))
    }
}

fn forbidden() -> Vec<usize> {
    let (ignorable, bidi) = (
        property("Default_Ignorable_Code_Point"),
        property("Bidi_Control"),
    );
    bounds(|c| {
        use GeneralCategory::{
            Control, Format, LineSeparator, ParagraphSeparator, PrivateUse, Surrogate, Unassigned,
        };
        let category = matches!(
            c.general_category(),
            Control
                | Format
                | LineSeparator
                | ParagraphSeparator
                | PrivateUse
                | Surrogate
                | Unassigned
        );
        let left = matches!(c, '\t' | '\n' | '\u{200c}' | '\u{200d}');
        (category || ignorable(c) || bidi(c)) && !left
    })
}

fn unsteady() -> Vec<usize> {
    bounds(|c| {
        let single = std::iter::once(c);
        canonical_combining_class(c) != 0 || is_nfc_quick(single) != IsNormalized::Yes
    })
}

fn written(name: &str, doc: &str, bounds: &[usize]) -> String {
    let mut text = format!(
        "/// {doc}\npub(in super::super) const {name}: [usize; {}] = [\n",
        bounds.len()
    );
    for line in bounds.chunks(12) {
        let numbers: Vec<String> = line.iter().map(|bound| format!("0x{bound:x}")).collect();
        let _ = writeln!(text, "    {},", numbers.join(", "));
    }
    text + "];\n"
}

/// The table is the Unicode database's, in the version that normalisation has.
#[test]
fn the_table_is_of_unicode() {
    let (major, minor, patch) = unicode_normalization::UNICODE_VERSION;
    assert_eq!(
        unicode_properties::UNICODE_VERSION,
        (major.into(), minor.into(), patch.into()),
        "both crates must be of one Unicode version"
    );
    let (forbidden, unsteady) = (forbidden(), unsteady());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/text/table/ranges.rs");
        let text = format!(
            "//! Generated from Unicode {major}.{minor}.{patch} by the tests of `text`: every even number begins a range, the next one is\n//! the first after it.\n\n{}\n{}",
            written(
                "FORBIDDEN",
                "Characters that may not stand in a text; the joiners have a rule of their own.",
                &forbidden
            ),
            written(
                "UNSTEADY",
                "Characters with a combining class or without the property `NFC_Quick_Check=Yes`.",
                &unsteady
            ),
        );
        let text = text.replace(
            "pub(in super::super) const",
            "#[rustfmt::skip]\npub(in super::super) const",
        );
        std::fs::write(path, text).unwrap();
        return;
    }
    assert!(
        FORBIDDEN_RANGES[..] == forbidden && UNSTEADY_RANGES[..] == unsteady,
        "hint: UPDATE_GOLDEN=1 cargo test -p spokegate-contract the_table_is_of_unicode"
    );
}

#[test]
fn every_character_is_of_the_kind_that_its_ranges_say() {
    let inside =
        |bounds: &[usize], at: usize| bounds.partition_point(|bound| *bound <= at) % 2 == 1;
    for c in (0..0x11_0000).filter_map(char::from_u32) {
        let at = c as usize;
        let expected = match c {
            '\u{200c}' | '\u{200d}' => Kind::Joiner,
            _ if inside(&FORBIDDEN_RANGES, at) => Kind::Forbidden,
            _ if inside(&UNSTEADY_RANGES, at) => Kind::Unsteady,
            _ => Kind::Steady,
        };
        assert_eq!(kind(c), expected, "{at:x}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => any::<char>(),
        4 => prop::char::range('\0', '\u{ff}'),
        2 => prop::char::range('\u{300}', '\u{345}'),
        1 => prop::char::range('\u{1100}', '\u{1180}'),
        2 => prop::char::range('\u{2000}', '\u{212b}'),
        2 => Just('\u{200d}'),
    ];
    prop::collection::vec(character, 0..24).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn cleaned_text_is_clean_and_stays_so(text in any_text()) {
        let cleaned = clean(&text).into_owned();
        prop_assert!(check(&cleaned).is_ok());
        prop_assert_eq!(clean(&cleaned), cleaned.as_str());
        let line = one_line(&text, 20);
        prop_assert!(check(&line).is_ok_and(|traits| !traits.breaks));
    }

    /// The short way round normalisation agrees with the long one.
    #[test]
    fn what_passes_is_normal(text in any_text()) {
        let normal: String = text.nfc().collect();
        if check(&text).is_ok() {
            prop_assert_eq!(&normal, &text);
        } else if normal == text {
            prop_assert_eq!(check(&text), Err(TextFault::Character));
        }
    }
}
