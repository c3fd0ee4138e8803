//! How a piece of text looks.

use minijinja::Error;

use super::RunProperties;
use crate::additions;
use crate::budget::refused;
use crate::escape::{self, Style};
use crate::suggest;

/// Longest name of a font or style, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Sizes that Word knows, in points.
const POINTS: std::ops::RangeInclusive<f64> = 1.0..=1_638.0;
/// Colours of Word's text marker (ECMA-376 part 1, §17.18.40).
const HIGHLIGHTS: &[&str] = &[
    "black",
    "blue",
    "cyan",
    "darkBlue",
    "darkCyan",
    "darkGray",
    "darkGreen",
    "darkMagenta",
    "darkRed",
    "darkYellow",
    "green",
    "lightGray",
    "magenta",
    "none",
    "red",
    "white",
    "yellow",
];
/// Lines under text that people ask for (ECMA-376 part 1, §17.18.99).
const UNDERLINES: &[&str] = &[
    "single",
    "words",
    "double",
    "thick",
    "dotted",
    "dash",
    "dotDash",
    "dotDotDash",
    "wave",
    "none",
];

/// A look that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is not {what}\nhint: {hint}")]
pub struct LookError {
    given: String,
    what: &'static str,
    hint: String,
}

/// How text looks; what is not set stays as the place has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    bold: Option<bool>,
    italic: Option<bool>,
    strike: Option<bool>,
    caps: Option<bool>,
    small_caps: Option<bool>,
    underline: Option<&'static str>,
    colour: Option<String>,
    highlight: Option<&'static str>,
    /// Behind the text, where no colour of the marker fits.
    shade: Option<String>,
    /// In half points.
    size: Option<u32>,
    font: Option<String>,
    style: Option<String>,
    raised: Option<&'static str>,
}

impl Look {
    /// The look of the place.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bold or not.
    #[must_use]
    pub fn bold(mut self, on: bool) -> Self {
        self.bold = Some(on);
        self
    }

    /// Italic or not.
    #[must_use]
    pub fn italic(mut self, on: bool) -> Self {
        self.italic = Some(on);
        self
    }

    /// Struck through or not.
    #[must_use]
    pub fn strike(mut self, on: bool) -> Self {
        self.strike = Some(on);
        self
    }

    /// In capitals or not.
    #[must_use]
    pub fn caps(mut self, on: bool) -> Self {
        self.caps = Some(on);
        self
    }

    /// In small capitals or not.
    #[must_use]
    pub fn small_caps(mut self, on: bool) -> Self {
        self.small_caps = Some(on);
        self
    }

    /// Lower and smaller.
    #[must_use]
    pub fn subscript(mut self) -> Self {
        self.raised = Some("subscript");
        self
    }

    /// Higher and smaller.
    #[must_use]
    pub fn superscript(mut self) -> Self {
        self.raised = Some("superscript");
        self
    }

    /// The line under it: `single`, `double`, `wave`, …
    ///
    /// # Errors
    /// A line that Word does not know.
    pub fn underline(mut self, line: &str) -> Result<Self, LookError> {
        self.underline = Some(one_of(line, UNDERLINES, "a line under text")?);
        Ok(self)
    }

    /// Its colour: `C00000`, `#c00` or `auto`.
    ///
    /// # Errors
    /// What is no colour.
    pub fn colour(mut self, colour: &str) -> Result<Self, LookError> {
        self.colour = Some(if colour == "auto" {
            colour.to_owned()
        } else {
            hex(colour)?
        });
        Ok(self)
    }

    /// The colour behind it: one of Word's text marker (`yellow`), or any other (`FFF2CC`).
    ///
    /// # Errors
    /// What is no colour.
    pub fn highlight(mut self, colour: &str) -> Result<Self, LookError> {
        match hex(colour) {
            Ok(colour) => self.shade = Some(colour),
            Err(_) => {
                self.highlight = Some(one_of(colour, HIGHLIGHTS, "a colour to mark text with")?)
            }
        }
        Ok(self)
    }

    /// Its size in points.
    ///
    /// # Errors
    /// A size that Word does not know.
    pub fn size(mut self, points: f64) -> Result<Self, LookError> {
        if !POINTS.contains(&points) {
            return Err(LookError {
                given: points.to_string(),
                what: "a size of text",
                hint: "write points from 1 to 1638".to_owned(),
            });
        }
        self.size = Some((points * 2.0).round() as u32);
        Ok(self)
    }

    /// Its font, by name.
    #[must_use]
    pub fn font(mut self, name: &str) -> Self {
        self.font = Some(name.chars().take(NAME_CHARS_MAX).collect());
        self
    }

    /// One of the template's character styles, by the name that Word shows.
    #[must_use]
    pub fn style(mut self, name: &str) -> Self {
        self.style = Some(name.chars().take(NAME_CHARS_MAX).collect());
        self
    }

    /// This look where it says something, else the other.
    pub(super) fn over(&self, other: &Self) -> Self {
        let own = self.clone();
        let other = other.clone();
        Self {
            bold: own.bold.or(other.bold),
            italic: own.italic.or(other.italic),
            strike: own.strike.or(other.strike),
            caps: own.caps.or(other.caps),
            small_caps: own.small_caps.or(other.small_caps),
            underline: own.underline.or(other.underline),
            colour: own.colour.or(other.colour),
            highlight: own.highlight.or(other.highlight),
            shade: own.shade.or(other.shade),
            size: own.size.or(other.size),
            font: own.font.or(other.font),
            style: own.style.or(other.style),
            raised: own.raised.or(other.raised),
        }
    }

    /// Changes the properties of a run.
    ///
    /// # Errors
    /// A style that the template does not have.
    pub(super) fn apply(&self, run: &mut RunProperties) -> Result<(), Error> {
        if let Some(name) = &self.style {
            set(run, "w:rStyle", &character_style(name)?);
        }
        if let Some(font) = &self.font {
            let font = escape::made(font, Style::Plain);
            let names = ["ascii", "hAnsi", "cs", "eastAsia"]
                .map(|script| format!(" w:{script}=\"{font}\""));
            run.set("w:rFonts", format!("<w:rFonts{}/>", names.concat()));
        }
        let switches = [
            (self.bold, ["w:b", "w:bCs"]),
            (self.italic, ["w:i", "w:iCs"]),
            (self.strike, ["w:strike", ""]),
            (self.caps, ["w:caps", ""]),
            (self.small_caps, ["w:smallCaps", ""]),
        ];
        for (on, names) in switches {
            for name in names.into_iter().filter(|name| !name.is_empty()) {
                match on {
                    Some(true) => run.set(name, format!("<{name}/>")),
                    Some(false) => run.set(name, format!("<{name} w:val=\"0\"/>")),
                    None => {}
                }
            }
        }
        let values = [
            ("w:color", self.colour.as_deref()),
            ("w:highlight", self.highlight),
            ("w:u", self.underline),
            ("w:vertAlign", self.raised),
        ];
        for (name, value) in values {
            if let Some(value) = value {
                set(run, name, value);
            }
        }
        if let Some(colour) = &self.shade {
            run.set(
                "w:shd",
                format!("<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"{colour}\"/>"),
            );
        }
        if let Some(size) = self.size {
            set(run, "w:sz", &size.to_string());
            set(run, "w:szCs", &size.to_string());
        }
        Ok(())
    }
}

fn set(run: &mut RunProperties, name: &str, value: &str) {
    let value = escape::made(value, Style::Plain);
    run.set(name, format!("<{name} w:val=\"{value}\"/>"));
}

fn character_style(name: &str) -> Result<String, Error> {
    let Some(original) = additions::original() else {
        return Ok(name.to_owned());
    };
    let styles = original.styles();
    if let Some(id) = styles.named("character", name) {
        return Ok(id.to_owned());
    }
    let hint = suggest::closest(name, styles.names("character")).map_or_else(
        || "make a character style of this name in the template".to_owned(),
        |found| format!("did you mean \"{found}\"?"),
    );
    Err(refused(format!(
        "the template has no character style \"{name}\"\nhint: {hint}"
    )))
}

fn one_of(
    given: &str,
    known: &[&'static str],
    what: &'static str,
) -> Result<&'static str, LookError> {
    let mut all = known.iter();
    let found = all.find(|name| name.eq_ignore_ascii_case(given));
    found.copied().ok_or_else(|| LookError {
        given: given.chars().take(40).collect(),
        what,
        hint: format!("there are: {}", known.join(", ")),
    })
}

/// Six digits of `C00000`, `#C00000` or `#c00`.
fn hex(given: &str) -> Result<String, LookError> {
    let digits = given.trim().trim_start_matches('#').to_ascii_uppercase();
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match digits.len() {
        6 if is_hex => Ok(digits),
        3 if is_hex => Ok(digits.chars().flat_map(|digit| [digit, digit]).collect()),
        _ => Err(LookError {
            given: given.chars().take(40).collect(),
            what: "a colour",
            hint: "write six digits like \"C00000\"".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
