//! Field codes that fetch files or start programs when a document is opened or converted.

use super::damaged;
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
    if !text.contains("w:instr") {
        return Ok(());
    }
    let tokens = xml::tokenize(text).map_err(|what| damaged(entry, what))?;
    // The codes of the fields that are open: a code may be split over runs, and fields nest.
    let mut open: Vec<String> = Vec::new();
    for token in &tokens {
        match (token.kind, token.name) {
            (Kind::Open | Kind::Empty, "w:fldSimple") => {
                let instruction = xml::attribute(token.raw, "w:instr").unwrap_or_default();
                if instruction.contains("{{") || instruction.contains("{%") {
                    return Err(refused(entry, "a field whose code is a tag", MAKE_TEXT));
                }
                code(entry, &instruction)?;
            }
            (Kind::Open | Kind::Empty, "w:fldChar") => character(entry, token, &mut open)?,
            (Kind::Text, _)
                if token.parent != xml::NO_PARENT && tokens[token.parent].name == "w:instrText" =>
            {
                match open.last_mut() {
                    Some(instruction) => instruction.push_str(&xml::decode(token.raw)),
                    None => code(entry, &xml::decode(token.raw))?,
                }
            }
            _ => {}
        }
    }
    open.iter()
        .try_for_each(|instruction| code(entry, instruction))
}

fn character(entry: &str, token: &Token<'_>, open: &mut Vec<String>) -> Result<(), TemplateError> {
    match xml::attribute(token.raw, "w:fldCharType").as_deref() {
        Some("begin") => {
            // What such a field does is known only when Word has worked out the inner one.
            if open.last().is_some_and(|around| around.trim().is_empty()) {
                let what = "a field whose code is another field";
                return Err(refused(entry, what, MAKE_TEXT));
            }
            open.push(String::new());
        }
        Some("separate") => {
            return open
                .last()
                .map_or(Ok(()), |instruction| code(entry, instruction));
        }
        Some("end") => {
            return open
                .pop()
                .map_or(Ok(()), |instruction| code(entry, &instruction));
        }
        _ => {}
    }
    Ok(())
}

fn code(entry: &str, instruction: &str) -> Result<(), TemplateError> {
    let word = instruction
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    if OUTSIDE.contains(&word.as_str()) {
        let what = format!("a field that reaches outside the document ({word})");
        return Err(refused(entry, &what, MAKE_TEXT));
    }
    if word == "HYPERLINK" {
        return link(entry, instruction);
    }
    Ok(())
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
