//! Text with a look of its own.

use std::borrow::Cow;

use minijinja::{Error, Value};

use super::link::{address, around, look as link_look};
use super::look::Look;
use super::{Insert, RunPlace, RunProperties, Typed, text_run};
use crate::additions;
use crate::escape::{self, Style};

/// Text in pieces, each with its own [`Look`] over that of the place where it stands.
///
/// ```
/// use docx_jinja::values::{Look, RichText};
///
/// let text = RichText::new().text("Backup ").with("failed", Look::new().bold(true).colour("C00000")?);
/// # Ok::<(), docx_jinja::values::LookError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RichText {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
struct Piece {
    text: String,
    look: Look,
    /// An address that the piece leads to.
    address: Option<String>,
}

impl RichText {
    /// No text yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds text in the look of the place.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with(text, Look::new())
    }

    /// Adds text in a look of its own.
    #[must_use]
    pub fn with(mut self, text: impl Into<String>, look: Look) -> Self {
        self.pieces.push(Piece {
            text: text.into(),
            look,
            address: None,
        });
        self
    }

    /// Adds a hyperlink; an address that is not http, https or mailto leaves its text.
    #[must_use]
    pub fn link(mut self, url: &str, text: impl Into<String>, look: Look) -> Self {
        self.pieces.push(Piece {
            text: text.into(),
            look,
            address: address(url),
        });
        self
    }

    /// How many pieces it has.
    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// How much text it holds.
    pub(super) fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.text.len() + 1).sum()
    }

    /// Adds what another text holds.
    pub(super) fn extend(&mut self, other: &Self) {
        self.pieces.extend_from_slice(&other.pieces);
    }

    /// Puts a look under that of each piece, and an address under those that have none.
    pub(super) fn under(&mut self, look: &Look, url: Option<&str>) {
        let address = url.and_then(address);
        for piece in &mut self.pieces {
            piece.look = piece.look.over(look);
            piece.address = piece.address.take().or_else(|| address.clone());
        }
    }
}

impl From<RichText> for Value {
    fn from(text: RichText) -> Self {
        Typed::value(text)
    }
}

impl Insert for RichText {
    fn noun(&self) -> &'static str {
        "rich text"
    }

    fn text(&self) -> Cow<'_, str> {
        let pieces = self.pieces.iter();
        Cow::Owned(pieces.map(|piece| piece.text.as_str()).collect())
    }

    fn runs(&self, place: RunPlace<'_>) -> Result<Option<String>, Error> {
        let mut out = String::new();
        for piece in &self.pieces {
            let address = piece.address.as_ref().filter(|_| !place.linked);
            let base = match address {
                Some(_) => link_look(place.properties),
                None => place.properties.to_owned(),
            };
            let mut properties = RunProperties::read(&base);
            piece.look.apply(&mut properties)?;
            let text = escape::made(&piece.text, Style::Run);
            let properties = properties.write();
            let run = text_run(
                RunPlace {
                    properties: &properties,
                    linked: address.is_some() || place.linked,
                },
                &text,
            );
            match address {
                Some(address) => out.push_str(&around(&additions::link(address)?, &run)),
                None => out.push_str(&run),
            }
        }
        Ok(Some(out))
    }
}
