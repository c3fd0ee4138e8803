//! Field codes that fetch files or start programs when a document is opened or converted.

use super::damaged;
use super::markup::holds_tag;
use super::refuse::refused;
use super::relationships::SCHEMES;
use crate::error::TemplateError;
use crate::xml::{self, Kind, Token};

/// Field codes that reach outside the document (ECMA-376 part 1, §17.16.5, and Word's own).
const OUTSIDE: &[&str] = &[
    "ADDIN",
    "AUTOTEXT",
    "CONTROL",
    "DATABASE",
    "DDE",
    "DDEAUTO",
    "EMBED",
    "GLOSSARY",
    "HTMLCONTROL",
    "IMPORT",
    "INCLUDE",
    "INCLUDEPICTURE",
    "INCLUDETEXT",
    "LINK",
    "MACROBUTTON",
    "PRINT",
    "RD",
];

/// The next step for most of them.
const MAKE_TEXT: &str = "in Word, click the field and press Ctrl+Shift+F9 to make it text";

/// Checks the fields of one part.
pub(super) fn check(entry: &str, text: &str) -> Result<(), TemplateError> {
    if !text.contains("w:instr") && !text.contains("w:fldChar") {
        return Ok(());
    }
    let tokens = xml::tokenize(text).map_err(|what| damaged(entry, what))?;
    let mut fields = Fields {
        entry,
        open: Vec::new(),
        coding: 0,
    };
    for token in &tokens {
        match (token.kind, token.name) {
            (Kind::Open | Kind::Empty, "w:fldSimple") => fields.simple(token)?,
            (Kind::Open | Kind::Empty, "w:fldChar") => fields.character(token)?,
            (Kind::Open | Kind::Empty, "w:br" | "w:cr" | "w:p" | "w:ptab" | "w:tab") => {
                fields.add(" ", true);
            }
            (Kind::Text, _) if token.parent != xml::NO_PARENT => {
                fields.text(token.raw, tokens[token.parent].name)?;
            }
            _ => {}
        }
    }
    let mut open = fields.open.iter().filter(|field| !field.separated);
    open.try_for_each(|field| field.check(entry))
}

/// A field whose end has not come yet.
#[derive(Debug, Default)]
struct Field {
    /// Its code, which may be split over runs.
    code: String,
    /// The same without text that is no field code by its element: a tag around it could take it away.
    instruction: String,
    /// True behind the mark that ends the code.
    separated: bool,
}

impl Field {
    fn check(&self, entry: &str) -> Result<(), TemplateError> {
        code(entry, &self.code)?;
        code(entry, &self.instruction)
    }

    /// True where what follows may still become the name of a field that reaches outside.
    fn is_undecided(&self) -> bool {
        [&self.code, &self.instruction].into_iter().any(|code| {
            let Some((word, rest)) = word(code) else {
                return false;
            };
            rest.is_empty() && OUTSIDE.iter().any(|name| name.starts_with(&word))
        })
    }
}

/// The fields that are open at a place; they nest.
struct Fields<'e> {
    entry: &'e str,
    open: Vec<Field>,
    /// How many of them are still before the end of their code.
    coding: usize,
}

impl Fields<'_> {
    fn simple(&mut self, token: &Token<'_>) -> Result<(), TemplateError> {
        let instruction = xml::attribute(token.raw, "w:instr").unwrap_or_default();
        if holds_tag(&instruction) {
            return self.refuse("a field whose code is a tag");
        }
        self.begins()?;
        code(self.entry, &instruction)
    }

    fn character(&mut self, token: &Token<'_>) -> Result<(), TemplateError> {
        let kind = xml::attribute(token.raw, "w:fldCharType").unwrap_or_default();
        match &*kind {
            "begin" => {
                self.begins()?;
                self.open.push(Field::default());
                self.coding += 1;
            }
            "separate" => {
                if let Some(field) = self.open.last_mut().filter(|field| !field.separated) {
                    field.separated = true;
                    self.coding -= 1;
                    return field.check(self.entry);
                }
            }
            "end" => {
                if let Some(field) = self.open.pop().filter(|field| !field.separated) {
                    self.coding -= 1;
                    return field.check(self.entry);
                }
            }
            other if other.contains('{') => return self.refuse("a field whose mark is a tag"),
            _ => {}
        }
        Ok(())
    }

    /// What a field does whose name another one makes is known only when Word has worked out the inner one.
    fn begins(&self) -> Result<(), TemplateError> {
        let around = self.open.last().filter(|field| !field.separated);
        if around.is_some_and(Field::is_undecided) {
            return self.refuse("a field whose code is another field");
        }
        Ok(())
    }

    fn text(&mut self, raw: &str, element: &str) -> Result<(), TemplateError> {
        let is_code = element == "w:instrText";
        let is_deleted = matches!(element, "w:delText" | "w:delInstrText");
        // Tags in field codes proper are told with their paragraph.
        if self.coding > 0 && !is_code && !is_deleted && raw.contains(['{', '}']) {
            return self.refuse("a tag inside a field's code");
        }
        if !is_code && element != "w:t" {
            return Ok(());
        }
        let text = xml::decode(raw);
        let is_inside = self.open.last().is_some_and(|field| !field.separated);
        if is_code && !is_inside {
            return code(self.entry, &text);
        }
        self.add(&text, is_code);
        Ok(())
    }

    /// Adds to the code of the innermost field.
    fn add(&mut self, text: &str, is_code: bool) {
        if let Some(field) = self.open.last_mut().filter(|field| !field.separated) {
            field.code.push_str(text);
            if is_code {
                field.instruction.push_str(text);
            }
        }
    }

    fn refuse(&self, what: &str) -> Result<(), TemplateError> {
        Err(refused(self.entry, what, MAKE_TEXT))
    }
}

fn code(entry: &str, instruction: &str) -> Result<(), TemplateError> {
    let Some((word, _)) = word(instruction) else {
        return Ok(());
    };
    if OUTSIDE.contains(&word.as_str()) {
        let what = format!("a field that reaches outside the document ({word})");
        return Err(refused(entry, &what, MAKE_TEXT));
    }
    if word == "HYPERLINK" {
        return link(entry, instruction);
    }
    Ok(())
}

/// The name of a field in capitals, without quotes before it, and what follows it; none for a formula.
fn word(instruction: &str) -> Option<(String, &str)> {
    let code = instruction.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '=');
    if code.starts_with('=') {
        return None;
    }
    let end = code.find(|c: char| !c.is_ascii_alphanumeric());
    let (word, rest) = code.split_at(end.unwrap_or(code.len()));
    Some((word.to_ascii_uppercase(), rest))
}

/// The target of a link by field, which is a link like any other.
fn link(entry: &str, instruction: &str) -> Result<(), TemplateError> {
    let mut words = words(instruction).into_iter().skip(1);
    while let Some(word) = words.next() {
        match word.to_ascii_lowercase().as_str() {
            // A bookmark, a tip, a frame: the next word is theirs.
            "\\l" | "\\o" | "\\s" | "\\t" => drop(words.next()),
            switch if switch.starts_with('\\') && !switch.starts_with("\\\\") => {}
            target if SCHEMES.iter().any(|scheme| target.starts_with(scheme)) => {}
            target if target.is_empty() || target.starts_with('#') => {}
            _ => {
                let shown: String = word.chars().take(80).collect();
                let what = format!("a hyperlink that is not http, https or mailto (\"{shown}\")");
                return Err(refused(entry, &what, "change the link in Word"));
            }
        }
    }
    Ok(())
}

/// The words of a field's code; a quoted text is one word.
fn words(instruction: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, piece) in instruction.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(piece.to_owned());
        } else {
            words.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    words
}
