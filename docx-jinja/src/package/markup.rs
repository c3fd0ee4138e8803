//! Markup that reaches outside the document or starts something, wherever it stands: names that hide behind other
//! prefixes, text in another encoding, linked pictures in VML and SVG, mail merge, form-field macros.

use std::collections::HashSet;

use super::damaged;
use super::refuse::{SAVE_AGAIN, refused};
use crate::error::TemplateError;
use crate::xml::{self, Kind, Token};

/// WordprocessingML, transitional and strict (ECMA-376 part 1 annex A, part 4 annex A).
const WORD_NAMESPACES: &[&str] = &[
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
];
/// Elements that are refused by their name alone, whatever their prefix: name, what it is, what to do.
const ELEMENTS: &[(&str, &str, &str)] = &[
    (
        "mailMerge",
        "a mail merge with its data source",
        "in Word, Mailings > Start Mail Merge > Normal Word Document",
    ),
    (
        "entryMacro",
        "a form field that starts a macro",
        "clear \"Run macro on\" in the field's properties",
    ),
    (
        "exitMacro",
        "a form field that starts a macro",
        "clear \"Run macro on\" in the field's properties",
    ),
    ("OLEObject", "an embedded OLE object", REMOVE),
    ("altChunk", "an embedded foreign document", REMOVE),
    ("subDoc", "a linked sub-document", REMOVE),
    ("control", "an ActiveX control", REMOVE),
    ("objectEmbed", "an embedded OLE object", REMOVE),
    ("objectLink", "a linked OLE object", REMOVE),
    ("movie", "a film", REMOVE),
    ("webVideoPr", "an online video", REMOVE),
    ("videoFile", "a film", REMOVE),
    ("quickTimeFile", "a film", REMOVE),
    ("audioFile", "a sound", REMOVE),
    ("frameset", "frames of a web page", REMOVE),
    (
        "saveThroughXslt",
        "a transformation when it is saved",
        REMOVE,
    ),
    ("webextensionref", "a web add-in", REMOVE),
];
/// The same, in an SVG picture.
const SVG_ELEMENTS: &[&str] = &["script", "foreignObject", "handler", "listener", "iframe"];
/// The namespaces of attributes that name relationships, transitional and strict.
const RELATIONSHIP_NAMESPACES: &[&str] = &[
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
];
/// Attributes that say, whatever their prefix, where something is fetched from.
const REFERENCES: &[&str] = &["althref", "href", "relid", "src"];
/// Attributes that name the relationship of a picture which is not in the package.
const PICTURE_LINKS: &[&str] = &["href", "link", "pict"];
const REMOVE: &str = "remove it in Word and save again";
const WRITE_LINK: &str =
    "write links as {{r address|link(\"text\") }}, and pictures with the image filter";
const EMBED: &str = "insert the picture into the document";

/// Checks one XML part; its text, when all is well.
pub(super) fn check<'b>(entry: &str, bytes: &'b [u8]) -> Result<&'b str, TemplateError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| damaged(entry, "it is not UTF-8".to_owned()))?;
    encoding(entry, text)?;
    let tokens = xml::tokenize(text).map_err(|what| damaged(entry, what))?;
    let is_svg = entry.to_ascii_lowercase().ends_with(".svg");
    let prefixes = relationship_prefixes(&tokens);
    for token in &tokens {
        match token.kind {
            Kind::Open | Kind::Empty if is_svg => svg(entry, token)?,
            Kind::Open | Kind::Empty => element(entry, token, &prefixes)?,
            Kind::Other if token.raw.starts_with("<![CDATA[") => {
                let what = "text in a CDATA section, which Word never writes";
                return Err(refused(entry, what, SAVE_AGAIN));
            }
            Kind::Other if token.raw.starts_with("<?xml-stylesheet") => {
                return Err(refused(entry, "a style sheet from outside", SAVE_AGAIN));
            }
            Kind::Text if is_svg && loads(token.raw) => return Err(linked(entry, token.raw)),
            _ => {}
        }
    }
    Ok(text)
}

/// A declared encoding under which the bytes would read as other text than was looked at.
fn encoding(entry: &str, text: &str) -> Result<(), TemplateError> {
    let text = text.trim_start_matches('\u{feff}');
    let declaration = text
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"));
    let Some((declaration, _)) = declaration else {
        return Ok(());
    };
    let declared = xml::attribute(declaration, "encoding");
    match declared {
        Some(name)
            if !["utf-8", "utf8", "us-ascii", "ascii"].contains(&&*name.to_ascii_lowercase()) =>
        {
            let what = format!("text in the encoding {name}");
            Err(refused(entry, &what, SAVE_AGAIN))
        }
        _ => Ok(()),
    }
}

/// The prefixes of attributes that name relationships.
fn relationship_prefixes<'a>(tokens: &[Token<'a>]) -> HashSet<&'a str> {
    let declarations = tokens
        .iter()
        .filter(|token| token.raw.contains("xmlns:"))
        .flat_map(|token| xml::attributes(token.raw));
    let bound = declarations.filter_map(|(name, value)| {
        let prefix = name.strip_prefix("xmlns:")?;
        RELATIONSHIP_NAMESPACES
            .contains(&xml::decode(value).trim())
            .then_some(prefix)
    });
    bound.chain(["r"]).collect()
}

/// True for an attribute that leads somewhere or binds a prefix: what was checked here must be what is written.
fn leads(attribute: &str, prefixes: &HashSet<&str>) -> bool {
    let (prefix, name) = attribute.split_once(':').unwrap_or(("", attribute));
    REFERENCES.contains(&name)
        || prefix == "xmlns"
        || attribute == "xmlns"
        || prefixes.contains(prefix)
}

/// True for text that the engine would fill.
pub(super) fn holds_tag(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

fn element(entry: &str, token: &Token<'_>, prefixes: &HashSet<&str>) -> Result<(), TemplateError> {
    let name = local(token.name);
    if let Some((_, what, hint)) = ELEMENTS.iter().find(|(refused, ..)| *refused == name) {
        return Err(refused(entry, what, hint));
    }
    for (attribute, value) in xml::attributes(token.raw) {
        let value = xml::decode(value);
        let value = value.trim();
        if holds_tag(value) && leads(attribute, prefixes) {
            let what = format!("a tag in a reference ({attribute}=\"{}\")", short(value));
            return Err(refused(entry, &what, WRITE_LINK));
        }
        let hides = attribute != "xmlns:w"
            && (attribute == "xmlns" || attribute.starts_with("xmlns:"))
            && WORD_NAMESPACES.contains(&value);
        if hides {
            return Err(refused(
                entry,
                "Word's markup under another prefix than w",
                SAVE_AGAIN,
            ));
        }
        // Whatever kind the relationship says it is of: an address may stand in one that poses as a link's.
        let (prefix, reference) = attribute.split_once(':').unwrap_or(("", attribute));
        if prefixes.contains(prefix) && PICTURE_LINKS.contains(&reference) && !value.is_empty() {
            return Err(linked(entry, value));
        }
        match local(attribute) {
            "src" | "althref" if outside(value) => return Err(linked(entry, value)),
            "href" if outside(value) && !is_web(value) => {
                return Err(refused(
                    entry,
                    &format!(
                        "a link that is not http, https or mailto (\"{}\")",
                        short(value)
                    ),
                    "change the link in Word",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn svg(entry: &str, token: &Token<'_>) -> Result<(), TemplateError> {
    let name = local(token.name);
    if SVG_ELEMENTS
        .iter()
        .any(|refused| name.eq_ignore_ascii_case(refused))
    {
        return Err(refused(entry, "a drawing with a program in it", EMBED));
    }
    for (attribute, value) in xml::attributes(token.raw) {
        let (attribute, value) = (local(attribute), xml::decode(value));
        if attribute.starts_with("on") {
            return Err(refused(entry, "a drawing with a program in it", EMBED));
        }
        let inside = value.trim().starts_with('#') || value.trim().starts_with("data:image/");
        if attribute == "href" && !inside || loads(&value) {
            return Err(linked(entry, value.trim()));
        }
    }
    Ok(())
}

/// True for style text that fetches.
fn loads(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let mut urls = lower.split("url(").skip(1);
    lower.contains("@import")
        || urls.any(|url| {
            !url.trim_start_matches(['"', '\'', ' '])
                .starts_with(['#', 'd'])
        })
}

/// True for an address that leaves the package: with a scheme, or on another computer.
fn outside(value: &str) -> bool {
    let scheme = value.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    scheme || value.starts_with("\\\\") || value.starts_with("//")
}

fn is_web(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    super::relationships::SCHEMES
        .iter()
        .any(|scheme| lower.starts_with(scheme))
}

fn linked(entry: &str, target: &str) -> TemplateError {
    let what = format!(
        "a picture that is linked instead of embedded (\"{}\")",
        short(target)
    );
    refused(entry, &what, EMBED)
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}
