//! Relationships that point out of the package: hyperlinks to the web and to mail only.

use super::refuse::{active_type, refused};
use super::{damaged, utf8};
use crate::error::TemplateError;
use crate::xml::{self, Kind};

/// Schemes that a hyperlink may have.
pub(super) const SCHEMES: &[&str] = &["http://", "https://", "mailto:"];

/// Checks every relationships part.
pub(super) fn check(texts: &[(String, Option<Vec<u8>>)]) -> Result<(), TemplateError> {
    for (entry, bytes) in texts {
        if let (true, Some(bytes)) = (entry.to_ascii_lowercase().ends_with(".rels"), bytes) {
            check_part(entry, utf8(entry, bytes)?)?;
        }
    }
    Ok(())
}

fn check_part(entry: &str, text: &str) -> Result<(), TemplateError> {
    let tokens = xml::tokenize(text).map_err(|what| damaged(entry, what))?;
    for token in tokens
        .iter()
        .filter(|t| matches!(t.kind, Kind::Open | Kind::Empty))
    {
        let value = |name| xml::attribute(token.raw, name).unwrap_or_default();
        let kind = value("Type");
        active_type(entry, &kind)?;
        if value("TargetMode").eq_ignore_ascii_case("external") {
            external(entry, &kind, value("Target").trim())?;
        } else {
            internal(entry, value("Target").trim())?;
        }
    }
    Ok(())
}

/// A target inside the package: a path that does not climb out of it.
fn internal(entry: &str, target: &str) -> Result<(), TemplateError> {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    // `word/_rels/document.xml.rels` speaks of parts beside `word/document.xml`.
    let mut depth = entry.split('/').count().saturating_sub(2);
    if path.starts_with('/') {
        depth = 0;
    }
    let climbs = path.split('/').any(|segment| {
        match segment {
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            "" | "." => {}
            _ => depth += 1,
        }
        false
    });
    if climbs || path.contains([':', '\\']) || path.starts_with("//") {
        let shown: String = target.chars().take(80).collect();
        let what = format!("a part outside the template (\"{shown}\")");
        return Err(refused(entry, &what, super::refuse::SAVE_AGAIN));
    }
    Ok(())
}

fn external(entry: &str, kind: &str, target: &str) -> Result<(), TemplateError> {
    let lower = target.to_ascii_lowercase();
    let is_link = kind.ends_with("/hyperlink");
    if is_link && SCHEMES.iter().any(|scheme| lower.starts_with(scheme)) {
        return Ok(());
    }
    let shown: String = target.chars().take(80).collect();
    let (what, hint) = if is_link {
        (
            "a hyperlink that is not http, https or mailto",
            "change the link in Word",
        )
    } else if kind.ends_with("/attachedTemplate") {
        (
            "a link to another template file",
            "in Word, Developer > Document Template, set it to Normal",
        )
    } else if kind.ends_with("/image") {
        (
            "a picture that is linked instead of embedded",
            "insert the picture into the document",
        )
    } else {
        (
            "a link to a file outside the template",
            "remove it in Word and save again",
        )
    };
    Err(refused(entry, &format!("{what} (\"{shown}\")"), hint))
}
