//! Tags in the texts of a chart that is filled: its title, the titles of its axes.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

use super::edits::{Edits, local};
use crate::budget;
use crate::escape::{self, Style};
use crate::filters::shown_text;
use crate::tags::{Tag, TagKind, scan};
use crate::xml::{self, Kind};

/// The texts of one chart that hold tags.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    runs: Vec<Run>,
    tags: Vec<Tag>,
}

/// One text, by its token, and what stands there instead.
#[derive(Debug)]
struct Run {
    token: usize,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
enum Piece {
    /// Escaped text of the template.
    Raw(String),
    /// What the tag of this number says.
    Tag(usize),
}

impl Texts {
    /// Finds the tags. One that is split over runs takes the look of its paragraph's first run along.
    ///
    /// # Errors
    /// The text of a tag that cannot stand in a chart, and why.
    pub(crate) fn read(xml: &str) -> Result<Self, (String, String)> {
        let mut texts = Self::default();
        let Ok(edits) = Edits::new(xml) else {
            return Ok(texts);
        };
        for paragraph in paragraphs(&edits) {
            let raw = |&token: &usize| edits.tokens[token].raw;
            let joined: String = paragraph.iter().map(raw).collect();
            if !joined.contains("{{") && !joined.contains("{%") {
                continue;
            }
            let whole = tags(&joined)?;
            let alone: Vec<_> = paragraph.iter().map(|token| scan(raw(token))).collect();
            let count: usize = alone.iter().flatten().map(Vec::len).sum();
            if count == whole.len() && alone.iter().all(Result::is_ok) {
                for (&token, tags) in paragraph.iter().zip(alone.into_iter().flatten()) {
                    texts.add(token, edits.tokens[token].raw, tags);
                }
                continue;
            }
            for (index, &token) in paragraph.iter().enumerate() {
                if index == 0 {
                    texts.add(token, &joined, whole.clone());
                } else {
                    texts.add(token, "", Vec::new());
                }
            }
        }
        Ok(texts)
    }

    /// The tags in reading order.
    pub(crate) fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// The chart with what the tags say.
    ///
    /// # Errors
    /// A value that does not exist, or is too large.
    pub(super) fn write(&self, xml: &str, values: &[Value]) -> Result<String, Error> {
        let mut said = Vec::new();
        let mut bytes: usize = 0;
        for (tag, value) in self.tags.iter().zip(values) {
            let text = text(tag, value)?;
            bytes = bytes.saturating_add(text.len());
            budget::charge(bytes)?;
            said.push(text);
        }
        let Ok(mut edits) = Edits::new(xml) else {
            return Ok(xml.to_owned());
        };
        for run in &self.runs {
            let pieces = run.pieces.iter().map(|piece| match piece {
                Piece::Raw(raw) => raw.as_str(),
                Piece::Tag(number) => said.get(*number).map_or("", String::as_str),
            });
            let text: String = pieces.collect();
            edits.replace(run.token, text);
        }
        Ok(edits.write())
    }

    fn add(&mut self, token: usize, raw: &str, tags: Vec<Tag>) {
        let mut pieces = Vec::new();
        let mut cursor = 0;
        for tag in tags {
            pieces.push(Piece::Raw(raw[cursor..tag.start].to_owned()));
            cursor = tag.end;
            if tag.kind == TagKind::Variable {
                pieces.push(Piece::Tag(self.tags.len()));
                self.tags.push(tag);
            }
        }
        pieces.push(Piece::Raw(raw[cursor..].to_owned()));
        self.runs.push(Run { token, pieces });
    }
}

/// The texts of each paragraph, by their tokens.
fn paragraphs(edits: &Edits<'_>) -> Vec<Vec<usize>> {
    let mut paragraphs: Vec<(usize, Vec<usize>)> = Vec::new();
    for (index, token) in edits.tokens.iter().enumerate() {
        if token.kind != Kind::Text || token.parent == xml::NO_PARENT {
            continue;
        }
        if local(edits.tokens[token.parent].name) != "t" {
            continue;
        }
        let around = xml::ancestors(&edits.tokens, token.parent)
            .find(|&at| local(edits.tokens[at].name) == "p")
            .unwrap_or(token.parent);
        match paragraphs.last_mut() {
            Some((last, texts)) if *last == around => texts.push(index),
            _ => paragraphs.push((around, vec![index])),
        }
    }
    paragraphs.into_iter().map(|(_, texts)| texts).collect()
}

fn tags(joined: &str) -> Result<Vec<Tag>, (String, String)> {
    let found = scan(joined).map_err(|unclosed| {
        (
            unclosed.shown,
            "the tag is never closed in its text".to_owned(),
        )
    })?;
    match found.iter().find(|tag| tag.kind == TagKind::Statement) {
        Some(tag) => Err((tag.shown(), "a chart can hold {{ }} tags only".to_owned())),
        None => Ok(found),
    }
}

fn text(tag: &Tag, value: &Value) -> Result<String, Error> {
    let text = match value.kind() {
        ValueKind::Undefined => {
            let message = format!("undefined value `{}`", tag.body);
            return Err(Error::new(ErrorKind::UndefinedError, message));
        }
        ValueKind::None => String::new(),
        ValueKind::String if value.is_safe() => escape::plain(value.as_str().unwrap_or_default()),
        ValueKind::String => value.as_str().unwrap_or_default().to_owned(),
        _ => shown_text(value)?,
    };
    Ok(escape::made(&text, Style::Plain))
}

#[cfg(test)]
mod tests {
    use minijinja::Value;

    use super::Texts;

    fn check(xml: &str, bodies: &[&str], expected: &str) {
        let texts = Texts::read(xml).unwrap();
        let found: Vec<_> = texts.tags().iter().map(|tag| tag.body.as_str()).collect();
        assert_eq!(found, bodies);
        let values: Vec<Value> = (1..=bodies.len())
            .map(|n| Value::from(format!("<{n}>")))
            .collect();
        assert_eq!(texts.write(xml, &values).unwrap(), expected);
    }

    #[test]
    fn tags_in_texts_say_what_they_mean() {
        check(
            "<c><a:p><a:r><a:t>Runs &amp; {{ a }}</a:t></a:r><a:r><a:t>!</a:t></a:r></a:p><c:v>{{ b }}</c:v></c>",
            &["a"],
            "<c><a:p><a:r><a:t>Runs &amp; &lt;1&gt;</a:t></a:r><a:r><a:t>!</a:t></a:r></a:p><c:v>{{ b }}</c:v></c>",
        );
        check(
            "<c><a:p><a:r><a:t>x{</a:t></a:r><a:r><a:t>{ a}} y {{b}}</a:t></a:r></a:p></c>",
            &["a", "b"],
            "<c><a:p><a:r><a:t>x&lt;1&gt; y &lt;2&gt;</a:t></a:r><a:r><a:t></a:t></a:r></a:p></c>",
        );
        check(
            "<c><a:p/><a:t>{#n#}</a:t></c>",
            &[],
            "<c><a:p/><a:t>{#n#}</a:t></c>",
        );
    }

    #[test]
    fn other_tags_are_refused() {
        let check = |text: &str, expected: &str| {
            let (_, why) = Texts::read(&format!("<a:t>{text}</a:t>")).unwrap_err();
            assert!(why.contains(expected), "{why}");
        };
        check("{% if x %}", "{{ }} tags only");
        check("{{ x", "never closed");
    }
}
