//! Values become XML text: escaped, without characters that XML cannot hold.

use std::fmt::{self, Write};

/// Where the text goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Inside `w:t`: line breaks, page breaks and tabs become elements.
    Run,
    /// Attributes and other text: line breaks and tabs become references.
    Plain,
    /// Markup made by the template's own blocks: only illegal characters are dropped.
    Markup,
}

const BREAK: &str = "</w:t><w:br/><w:t xml:space=\"preserve\">";
const PAGE: &str = "</w:t><w:br w:type=\"page\"/><w:t xml:space=\"preserve\">";
const TAB: &str = "</w:t><w:tab/><w:t xml:space=\"preserve\">";

/// Longest entity of ours; looking further for its end would take long in text full of `&`.
const ENTITY_BYTES_MAX: usize = 12;

/// True for bytes that may begin something to replace. 0xef begins U+FFFE and U+FFFF.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 0x20 {
        table[at] = true;
        at += 1;
    }
    table[b'&' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'"' as usize] = true;
    table[b'\'' as usize] = true;
    table[0xef] = true;
    table
};

/// `text` in the given style.
pub(crate) fn made(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    write(&mut out, text, style).expect("a string takes all text");
    out
}

/// Writes `text` in the given style.
pub(crate) fn write(out: &mut impl Write, text: &str, style: Style) -> fmt::Result {
    if style == Style::Markup && is_mark(text) {
        return out.write_str(text);
    }
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if !SPECIAL[byte as usize] {
            at += 1;
            continue;
        }
        let length = if byte == 0xef { 3 } else { 1 };
        if let Some(replacement) =
            replacement(&bytes[at..at + length], bytes.get(at + length), style)
        {
            out.write_str(&text[start..at])?;
            out.write_str(replacement)?;
            start = at + length;
        }
        at += length;
    }
    out.write_str(&text[start..])
}

/// What stands for a character; none when it stays.
fn replacement(character: &[u8], next: Option<&u8>, style: Style) -> Option<&'static str> {
    match (character, style) {
        ([0xef, 0xbf, 0xbe | 0xbf], _) => Some(""),
        ([0xef, ..], _) => None,
        ([b'\n' | b'\t' | b'\r'], Style::Markup) => None,
        // A Windows line end is one break, written for its second half.
        ([b'\r'], _) if next == Some(&b'\n') => Some(""),
        ([b'\n' | b'\r'], Style::Run) => Some(BREAK),
        ([b'\n' | b'\r'], Style::Plain) => Some("&#10;"),
        ([b'\t'], Style::Run) => Some(TAB),
        ([0x0c], Style::Run) => Some(PAGE),
        ([b'\t'], Style::Plain) => Some("&#9;"),
        ([0..=0x1f], _) => Some(""),
        (_, Style::Markup) => None,
        ([b'&'], _) => Some("&amp;"),
        ([b'<'], _) => Some("&lt;"),
        ([b'>'], _) => Some("&gt;"),
        ([b'"'], _) => Some("&quot;"),
        // An attribute may stand between these.
        ([b'\''], Style::Plain) => Some("&apos;"),
        _ => None,
    }
}

/// The text that markup of ours shows: entities, breaks and tabs as the characters they stand for, without other
/// elements.
pub(crate) fn plain(markup: &str) -> String {
    if !markup.contains(['<', '&']) {
        return markup.to_owned();
    }
    let markup = markup
        .replace(BREAK, "\n")
        .replace(TAB, "\t")
        .replace(PAGE, "\u{c}");
    let mut out = String::with_capacity(markup.len());
    let mut rest = markup.as_str();
    while let Some(at) = rest.find(['&', '<']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('<') {
            rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
            continue;
        }
        let decoded = rest
            .bytes()
            .take(ENTITY_BYTES_MAX)
            .position(|byte| byte == b';')
            .and_then(|end| Some((entity(&rest[1..end])?, end)));
        match decoded {
            Some((character, end)) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    let number = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let code = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

fn is_mark(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(crate::sink::is_mark) && chars.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::{Style, write};

    fn check(text: &str, style: Style, expected: &str) {
        let mut out = String::new();
        write(&mut out, text, style).unwrap();
        assert_eq!(out, expected, "{text:?}");
    }

    #[test]
    fn text_is_escaped_and_cleaned() {
        check("plain", Style::Run, "plain");
        check("a<b>&\"'", Style::Run, "a&lt;b&gt;&amp;&quot;'");
        check("\u{0}a\u{b}b\u{1b}\u{fffe}\u{ffff}c", Style::Run, "abc");
        check(
            "\u{fffd}\u{feff}ﬀ\u{7f}",
            Style::Run,
            "\u{fffd}\u{feff}ﬀ\u{7f}",
        );
        check(
            "a\nb",
            Style::Run,
            "a</w:t><w:br/><w:t xml:space=\"preserve\">b",
        );
        check("a\r\nb\rc", Style::Plain, "a&#10;b&#10;c");
        check("a'b\"c", Style::Plain, "a&apos;b&quot;c");
        check(
            "a\tb",
            Style::Run,
            "a</w:t><w:tab/><w:t xml:space=\"preserve\">b",
        );
        check(
            "a\u{c}b",
            Style::Run,
            "a</w:t><w:br w:type=\"page\"/><w:t xml:space=\"preserve\">b",
        );
        check("a\u{c}b", Style::Plain, "ab");
        check("<b>\u{1}&amp;\n", Style::Markup, "<b>&amp;\n");
    }

    #[test]
    fn markup_shows_its_text() {
        let check = |markup, expected| assert_eq!(super::plain(markup), expected);
        check("a &amp; b", "a & b");
        check(
            "a</w:t><w:br/><w:t xml:space=\"preserve\">b&#9;c",
            "a\nb\tc",
        );
        check(
            "a</w:t></w:r><w:r><w:t>b</w:t></w:r><w:r><w:t>&lt;c>",
            "ab<c>",
        );
        check("&odd;&", "&odd;&");
        check("&#x10ffff;&#1114111;", "\u{10ffff}\u{10ffff}");
        check("&&&amp;&&&&&&&&&&&&&&&;", "&&&&&&&&&&&&&&&&&&;");
        check("a<b", "a");
    }

    #[test]
    fn a_mark_passes_as_markup_only() {
        check("\u{e}", Style::Markup, "\u{e}");
        check("\u{e}", Style::Run, "");
        check("\u{e}", Style::Plain, "");
        check("\u{e}\u{e}", Style::Markup, "");
    }
}
