//! What came back, and the little that a client reads in HTML.

use bytes::Bytes;
use hyper::header::CONTENT_DISPOSITION;
use hyper::{HeaderMap, StatusCode};
use url::Url;

/// An answer.
#[derive(Clone, Debug)]
pub struct Page {
    url: Url,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Page {
    pub(super) fn new(url: Url, status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            url,
            status,
            headers,
            body,
        }
    }

    /// Where it came from, after redirects.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The path it came from.
    #[must_use]
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body as text.
    #[must_use]
    pub fn html(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The words a person reads: no tags, no scripts, entities resolved, one space between words.
    #[must_use]
    pub fn text(&self) -> String {
        let html = self.html();
        let mut text = String::new();
        let mut rest = html.as_str();
        while let Some((before, after)) = rest.split_once('<') {
            text.push_str(before);
            text.push(' ');
            let skipped = ["script", "style"]
                .iter()
                .find(|name| after.starts_with(**name));
            let after = match skipped {
                Some(name) => after
                    .split_once(&format!("</{name}"))
                    .map_or("", |(_, after)| after),
                None => after,
            };
            rest = after.split_once('>').map_or("", |(_, after)| after);
        }
        text.push_str(rest);
        unescape(&text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The token that the page's forms carry.
    #[must_use]
    pub fn form_token(&self) -> Option<String> {
        self.tags("input")
            .iter()
            .find(|tag| attribute(tag, "name").as_deref() == Some("csrf"))
            .and_then(|tag| attribute(tag, "value"))
    }

    /// The targets of links, in the page's order.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        self.tags("a")
            .iter()
            .filter_map(|tag| attribute(tag, "href"))
            .collect()
    }

    /// The targets of forms, in the page's order.
    #[must_use]
    pub fn form_actions(&self) -> Vec<String> {
        self.tags("form")
            .iter()
            .filter_map(|tag| attribute(tag, "action"))
            .collect()
    }

    /// The values that an input of this name may have: of each checkbox, radio button or text field.
    #[must_use]
    pub fn input_values(&self, name: &str) -> Vec<String> {
        let inputs = self.tags("input");
        let named = inputs
            .iter()
            .filter(|tag| attribute(tag, "name").as_deref() == Some(name));
        named.filter_map(|tag| attribute(tag, "value")).collect()
    }

    /// What the page's forms would send as they stand: name and value of each field.
    #[must_use]
    pub fn form_values(&self) -> Vec<(String, String)> {
        let html = self.html();
        let named = |tag: &str| attribute(tag, "name");
        let value = |tag: &str| attribute(tag, "value").unwrap_or_default();
        let inputs = self.tags("input");
        let inputs = inputs
            .iter()
            .filter(|tag| is_sent(tag))
            .filter_map(|tag| Some((named(tag)?, value(tag))));
        let selects = elements(&html, "select").filter_map(|(tag, inside)| {
            let chosen = elements(inside, "option").find(|(option, _)| has(option, "selected"));
            let (option, _) = chosen.or_else(|| elements(inside, "option").next())?;
            Some((named(tag)?, value(option)))
        });
        let areas = elements(&html, "textarea").filter_map(|(tag, inside)| {
            // A line end right after the opening tag is not part of the text.
            Some((
                named(tag)?,
                unescape(inside.strip_prefix('\n').unwrap_or(inside)),
            ))
        });
        inputs.chain(selects).chain(areas).collect()
    }

    /// The file name that a download suggests.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        let text = self.headers.get(CONTENT_DISPOSITION)?.to_str().ok()?;
        let name = text.split_once("filename=\"")?.1.split_once('"')?.0;
        Some(name.to_owned())
    }

    pub(super) fn redirect(&self) -> Option<String> {
        super::location(self.status, &self.headers)
    }

    fn tags(&self, name: &str) -> Vec<String> {
        let html = self.html();
        let opening = format!("<{name}");
        let parts = html.split(&opening).skip(1);
        let tags = parts.filter(|part| part.starts_with(|c: char| c.is_whitespace() || c == '>'));
        tags.map(|part| part.split_once('>').map_or(part, |(tag, _)| tag).to_owned())
            .collect()
    }
}

/// The value of an attribute in the inside of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, value) = tag
        .split_once(&format!(" {name}=\""))
        .or_else(|| tag.split_once(&format!("\n{name}=\"")))?;
    Some(unescape(value.split_once('"')?.0))
}

/// A box that is not ticked sends nothing.
fn is_sent(input: &str) -> bool {
    let kind = attribute(input, "type").unwrap_or_default();
    !matches!(kind.as_str(), "checkbox" | "radio") || has(input, "checked")
}

/// True when the inside of a tag holds this attribute without a value.
fn has(tag: &str, name: &str) -> bool {
    tag.split_whitespace().any(|word| word == name)
}

/// The inside of the opening tag and the content, of each element of this name.
fn elements<'a>(html: &'a str, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let (opening, closing) = (format!("<{name} "), format!("</{name}>"));
    let starts: Vec<_> = html
        .match_indices(&opening)
        .map(|(at, found)| at + found.len() - 1)
        .collect();
    starts.into_iter().filter_map(move |at| {
        let (tag, rest) = html.get(at..)?.split_once('>')?;
        Some((tag, rest.split_once(&closing)?.0))
    })
}

fn unescape(text: &str) -> String {
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&nbsp;", " "),
    ];
    let text = entities
        .iter()
        .fold(text.to_owned(), |text, (entity, plain)| {
            text.replace(entity, plain)
        });
    text.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(html: &str) -> Page {
        let url = Url::parse("https://localhost:1/").unwrap();
        Page::new(
            url,
            StatusCode::OK,
            HeaderMap::new(),
            Bytes::from(html.to_owned()),
        )
    }

    #[test]
    fn text_is_what_a_person_reads() {
        let check = |html, expected| assert_eq!(page(html).text(), expected);
        check(
            "<h1>Sign in</h1><p>Tom &amp; Ann &#39;x&#39;</p>",
            "Sign in Tom & Ann 'x'",
        );
        check(
            "a<script>if (a<b) {}</script>b<style>p > a {}</style>c",
            "a b c",
        );
        check("<p>&amp;lt;", "&lt;");
        check("no tags", "no tags");
        check("<p unfinished", "");
    }

    #[test]
    fn forms_and_links_are_found() {
        let page = page(concat!(
            r#"<a href="/x?a=1&amp;b=2">x</a><abbr href="no">"#,
            r#"<form method="post" action="/run"><input type="hidden" name="csrf" value="tok&#34;en">"#,
            r#"<input type="checkbox" name="tenant" value="acme"><input name="tenant" value="globex" type="checkbox">"#,
        ));
        assert_eq!(page.links(), ["/x?a=1&b=2"]);
        assert_eq!(page.form_actions(), ["/run"]);
        assert_eq!(page.form_token().as_deref(), Some("tok\"en"));
        assert_eq!(page.input_values("tenant"), ["acme", "globex"]);
        assert!(page.input_values("other").is_empty());
    }

    #[test]
    fn a_form_sends_its_defaults() {
        let page = page(concat!(
            r#"<input type="checkbox" name="a" value="1" checked><input type="checkbox" name="b" value="1">"#,
            r#"<input name="title" type="text" value="T &amp; U" required>"#,
            "<select name=\"s\" id=\"x\"><option value=\"\">-</option><option value=\"v\" selected>V</option></select>",
            "<textarea name=\"note\" rows=\"5\">\nline &lt;1&gt;</textarea>",
        ));
        let values = page.form_values();
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                ("a", "1"),
                ("title", "T & U"),
                ("s", "v"),
                ("note", "line <1>")
            ]
        );
    }
}
