//! Finds docxtemplater's tags in the joined text of a paragraph.

use crate::markup::character;

/// What opens and closes a tag; a tag such as `{=[[ ]]=}` changes them for what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delimiters {
    /// `{`
    pub open: String,
    /// `}`
    pub close: String,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self {
            open: "{".to_owned(),
            close: "}".to_owned(),
        }
    }
}

/// One tag, by where it begins and ends in the raw text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) start: usize,
    pub(super) end: usize,
    /// As its author sees it.
    pub(super) shown: String,
    pub(super) mark: Mark,
}

/// What a tag is, and what stands behind its first sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// `{x}`
    Value(String),
    /// `{#x}`, `{^x}`, `{-w:p x}`
    Open {
        body: String,
        inverted: bool,
        expand: Option<String>,
    },
    /// `{/x}`
    Close(String),
    /// `{%x}`, and `{%%x}` for a picture that is centred.
    Picture { body: String, centred: bool },
    /// `{=[[ ]]=}`
    Delimiters,
    /// What has no counterpart: why, and what to do instead.
    Foreign(&'static str, &'static str),
    /// A tag that never ends in its paragraph.
    Unclosed,
}

/// Every tag of `raw`, which is XML text with its entities unresolved.
pub(super) fn scan(raw: &str, delimiters: &mut Delimiters) -> Vec<Tag> {
    let (text, places) = decoded(raw);
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(&delimiters.open).map(|found| at + found) {
        let inner = start + delimiters.open.len();
        let Some(end) = text[inner..]
            .find(&delimiters.close)
            .map(|found| inner + found)
        else {
            let shown = text[start..].chars().take(60).collect();
            tags.push(Tag {
                start: places[start],
                end: places[start],
                shown,
                mark: Mark::Unclosed,
            });
            break;
        };
        let mut after = end + delimiters.close.len();
        let mut mark = mark(&text[inner..end]);
        if let Some((length, changed)) = change(&text[inner..], &delimiters.close) {
            mark = Mark::Delimiters;
            after = inner + length;
            *delimiters = changed;
        }
        tags.push(Tag {
            start: places[start],
            end: places[after],
            shown: text[start..after].to_owned(),
            mark,
        });
        at = after;
    }
    tags
}

/// The text, and for each of its bytes where the character begins in `raw`; one more for the end.
fn decoded(raw: &str) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(raw.len());
    let mut places = Vec::with_capacity(raw.len() + 1);
    let mut at = 0;
    while let Some((c, length)) = character(&raw[at..]) {
        text.push(c);
        places.resize(text.len(), at);
        at += length;
    }
    places.push(raw.len());
    (text, places)
}

/// `=[[ ]]=` and the end of the tag: its length, and what holds from there on.
fn change(inner: &str, close: &str) -> Option<(usize, Delimiters)> {
    let rest = inner.strip_prefix('=')?;
    let (pair, tail) = rest.split_once('=')?;
    let (open, shut) = pair.split_once(' ')?;
    let gap = tail.find(close)?;
    let whole = !open.is_empty() && !shut.is_empty() && !shut.contains(' ');
    (whole && tail[..gap].trim().is_empty()).then(|| {
        let length = 1 + pair.len() + 1 + gap + close.len();
        let changed = Delimiters {
            open: open.to_owned(),
            close: shut.to_owned(),
        };
        (length, changed)
    })
}

const RAW: (&str, &str) = (
    "raw XML has no counterpart: a value can only ever become text",
    "write the formatting into the template, or use {{p value|markdown }}",
);
const HTML: (&str, &str) = (
    "HTML has no counterpart",
    "have the value written in Markdown and use {{p value|markdown }}",
);
const CHART: (&str, &str) = (
    "a chart is chosen by its alternative text here",
    "give the chart the alternative text \"chart: rows\"",
);
const INCLUDE: (&str, &str) = (
    "a document inside the document is given by the program that fills the template",
    "copy its content into the template",
);
const PAID: (&str, &str) = (
    "this kind of tag belongs to an extension that has no counterpart",
    "write it anew in the template",
);

fn mark(inner: &str) -> Mark {
    let inner = inner.trim();
    let mut chars = inner.chars();
    let first = chars.next();
    let rest = || chars.as_str().trim().to_owned();
    match first {
        Some('#') => Mark::Open {
            body: rest(),
            inverted: false,
            expand: None,
        },
        Some('^') => Mark::Open {
            body: rest(),
            inverted: true,
            expand: None,
        },
        Some('/') => Mark::Close(rest()),
        Some('-') => match chars.as_str().split_once(char::is_whitespace) {
            Some((element, body)) if element.contains(':') => Mark::Open {
                body: body.trim().to_owned(),
                inverted: false,
                expand: Some(element.to_owned()),
            },
            _ => Mark::Value(inner.to_owned()),
        },
        Some('%') => {
            let body = chars.as_str();
            let centred = body.starts_with('%');
            Mark::Picture {
                body: body.trim_start_matches('%').trim().to_owned(),
                centred,
            }
        }
        Some('@') => Mark::Foreign(RAW.0, RAW.1),
        Some('~') => Mark::Foreign(HTML.0, HTML.1),
        // `$index` is a value; `$data` is a chart.
        Some('$') if !chars.as_str().starts_with("index") => Mark::Foreign(CHART.0, CHART.1),
        Some(':') => Mark::Foreign(INCLUDE.0, INCLUDE.1),
        Some('>' | '*' | '?' | '&' | '=') => Mark::Foreign(PAID.0, PAID.1),
        _ => Mark::Value(inner.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, delimiters: (&str, &str), expected: &[(&str, Mark)]) {
        let mut delimiters = Delimiters {
            open: delimiters.0.into(),
            close: delimiters.1.into(),
        };
        let tags = scan(raw, &mut delimiters);
        let found: Vec<_> = tags
            .iter()
            .map(|tag| (&raw[tag.start..tag.end], tag.mark.clone()))
            .collect();
        assert_eq!(found, expected, "{raw}");
    }

    fn value(text: &str) -> Mark {
        Mark::Value(text.into())
    }

    fn open(body: &str, inverted: bool, expand: Option<&str>) -> Mark {
        Mark::Open {
            body: body.into(),
            inverted,
            expand: expand.map(Into::into),
        }
    }

    #[test]
    fn tags_are_found_and_told_apart() {
        let braces = ("{", "}");
        check(
            "Dear {name}, {a.b}",
            braces,
            &[("{name}", value("name")), ("{a.b}", value("a.b"))],
        );
        check(
            "{#a}{^b}{/b}{/}{-w:tr c}",
            braces,
            &[
                ("{#a}", open("a", false, None)),
                ("{^b}", open("b", true, None)),
                ("{/b}", Mark::Close("b".into())),
                ("{/}", Mark::Close(String::new())),
                ("{-w:tr c}", open("c", false, Some("w:tr"))),
            ],
        );
        check(
            "{-x}{$index}",
            braces,
            &[("{-x}", value("-x")), ("{$index}", value("$index"))],
        );
        check(
            "{%a}{%%b}",
            braces,
            &[
                (
                    "{%a}",
                    Mark::Picture {
                        body: "a".into(),
                        centred: false,
                    },
                ),
                (
                    "{%%b}",
                    Mark::Picture {
                        body: "b".into(),
                        centred: true,
                    },
                ),
            ],
        );
        check("{@x}", braces, &[("{@x}", Mark::Foreign(RAW.0, RAW.1))]);
        check("{a &gt; 1}", braces, &[("{a &gt; 1}", value("a > 1"))]);
        check("no } tag { here", braces, &[("", Mark::Unclosed)]);
    }

    #[test]
    fn delimiters_can_be_others_and_change_on_the_way() {
        check("{{a}} {b}", ("{{", "}}"), &[("{{a}}", value("a"))]);
        check(
            "&lt;&lt;a&gt;&gt;",
            ("<<", ">>"),
            &[("&lt;&lt;a&gt;&gt;", value("a"))],
        );
        check(
            "{a}{=[[ ]]=}[[b]]{c}",
            ("{", "}"),
            &[
                ("{a}", value("a")),
                ("{=[[ ]]=}", Mark::Delimiters),
                ("[[b]]", value("b")),
            ],
        );
    }
}
