//! Hyperlinks.

use std::borrow::Cow;
use std::fmt::Write;

use minijinja::{Error, Value};

use super::{Insert, Look, RichText, RunPlace, RunProperties, Typed, text_run};
use crate::additions;
use crate::escape::{self, Style};

/// The longest address, in bytes: Word refuses longer ones.
const ADDRESS_BYTES_MAX: usize = 2_079;
/// The colour of links that Word gives to new documents.
const COLOUR: &str = "<w:color w:val=\"0563C1\"/>";

/// Text that leads to an address on the web or of mail. With any other address it is its text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    address: Option<String>,
    text: String,
}

impl Link {
    /// A link to `url` (http, https or mailto) that reads `text`.
    #[must_use]
    pub fn new(url: &str, text: impl Into<String>) -> Self {
        Self {
            address: address(url),
            text: text.into(),
        }
    }
}

impl Link {
    /// The same as a piece of rich text.
    pub(super) fn rich(&self) -> RichText {
        let url = self.address.as_deref().unwrap_or_default();
        RichText::new().link(url, self.text.as_str(), Look::new())
    }
}

impl From<Link> for Value {
    fn from(link: Link) -> Self {
        Typed::value(link)
    }
}

impl Insert for Link {
    fn noun(&self) -> &'static str {
        "a hyperlink"
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.text)
    }

    fn runs(&self, place: RunPlace<'_>) -> Result<Option<String>, Error> {
        let text = escape::made(&self.text, Style::Run);
        let Some(address) = self.address.as_ref().filter(|_| !place.linked) else {
            return Ok(Some(text_run(place, &text)));
        };
        let properties = look(place.properties);
        let place = RunPlace {
            properties: &properties,
            linked: true,
        };
        Ok(Some(around(
            &additions::link(address)?,
            &text_run(place, &text),
        )))
    }
}

/// Runs inside a hyperlink of this relationship.
pub(crate) fn around(relationship: &str, runs: &str) -> String {
    format!(
        "<w:hyperlink xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
         r:id=\"{relationship}\" w:history=\"1\">{runs}</w:hyperlink>"
    )
}

/// Run properties that show a link: the template's own style for links, or Word's colour.
pub(crate) fn look(properties: &str) -> String {
    let mut look = RunProperties::read(properties);
    let style = additions::original().and_then(|original| {
        let style = original.styles().find("character", &["hyperlink"])?;
        Some(style.to_owned())
    });
    match style {
        Some(style) => {
            let id = escape::made(&style, Style::Plain);
            look.set("w:rStyle", format!("<w:rStyle w:val=\"{id}\"/>"));
        }
        None => {
            look.set("w:color", COLOUR);
            look.set("w:u", "<w:u w:val=\"single\"/>");
        }
    }
    look.write()
}

/// An address as the package stores it; none for what is not on the web nor mail, or no address at all.
pub(crate) fn address(url: &str) -> Option<String> {
    let url = url.trim();
    let scheme = additions::LINK_SCHEMES.iter().find(|scheme| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })?;
    let rest = &url[scheme.len()..];
    if !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '[' | '_')) {
        return None;
    }
    let mut address = (*scheme).to_owned();
    for (at, c) in rest.char_indices() {
        let escapes = c == '%' && !is_escape(&rest[at..]);
        if escapes || c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                write!(address, "%{byte:02X}").ok()?;
            }
        } else if !matches!(c, '\u{fffe}' | '\u{ffff}') {
            address.push(c);
        }
    }
    (address.len() <= ADDRESS_BYTES_MAX).then_some(address)
}

fn is_escape(text: &str) -> bool {
    let digits = text.as_bytes().get(1..3);
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn only_the_web_and_mail_are_addresses() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(address(url).as_deref(), expected, "{url}");
        };
        check(
            "https://a.example/x?y=1&z=2#w",
            Some("https://a.example/x?y=1&z=2#w"),
        );
        check(" HTTP://a.example ", Some("http://a.example"));
        check("mailto:a@b.example", Some("mailto:a@b.example"));
        check(
            "https://a/b c\"<%zz%20",
            Some("https://a/b%20c%22%3C%25zz%20"),
        );
        check("https://[::1]/", Some("https://[::1]/"));
        check("https://ä.example/ü", Some("https://ä.example/ü"));
        for refused in [
            "",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "\\\\server\\share",
            "https:/x",
            "http://",
            "https:// x",
            "ftp://x",
            "data:text/html,x",
            "httpss://x",
            "mailto:",
            "//a.example",
            "https:///etc",
        ] {
            check(refused, None);
        }
        check(&format!("https://{}", "x".repeat(2_072)), None);
    }
}
