//! Field codes that fetch files or start programs when a document is opened or converted.

use super::damaged;
use super::refuse::refused;
use crate::error::TemplateError;
use crate::xml::{self, Kind, Token};

/// Field codes that reach outside the document (ECMA-376 part 1, §17.16.5, and Word's own).
const OUTSIDE: &[&str] = &[
    "AUTOTEXT",
    "DATABASE",
    "DDE",
    "DDEAUTO",
    "IMPORT",
    "INCLUDE",
    "INCLUDEPICTURE",
    "INCLUDETEXT",
    "LINK",
    "MACROBUTTON",
    "RD",
];

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
                code(
                    entry,
                    &xml::attribute(token.raw, "w:instr").unwrap_or_default(),
                )?;
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
        Some("begin") => open.push(String::new()),
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
        return Err(refused(
            entry,
            &what,
            "in Word, click the field and press Ctrl+Shift+F9 to make it text",
        ));
    }
    Ok(())
}
