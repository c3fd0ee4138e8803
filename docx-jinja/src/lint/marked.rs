//! A copy of a template with a Word comment at each fault.

mod comments;

use std::collections::{BTreeMap, BTreeSet};

use comments::{Comments, is_ours};

use crate::error::{TagError, TemplateError};
use crate::limits::Options;
use crate::locate::part_name;
use crate::package::{Package, damaged, write_entries};
use crate::xml::{self, Kind, NO_PARENT, Token};

const TYPES: &str = "[Content_Types].xml";
const COMMENTS_TYPE: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.comments+xml";
const COMMENTS_RELATIONSHIP: &str =
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

/// The template with each fault as a Word comment of `author` at its paragraph; faults of headers, footers and notes,
/// where Word has no comments, stand at the document's first paragraph. Comments that an earlier marking left are
/// removed. Tags inside such comments are never filled, so that a marked copy is a template again once it is mended.
///
/// # Errors
/// A package that is refused or damaged.
pub fn marked_copy(
    bytes: &[u8],
    faults: &[TagError],
    author: &str,
) -> Result<Vec<u8>, TemplateError> {
    let options = Options::default();
    let (mut package, parts) = Package::open(bytes, &options.limits)?;
    let mut entries = package.entries()?;
    let main = parts
        .iter()
        .find(|part| part.xml.contains("<w:document"))
        .map(|part| part.entry.clone())
        .ok_or_else(|| TemplateError::NotAPackage("it has no main document".to_owned()))?;
    let place = ensure_comments(&mut entries, &main)?;
    let mut comments = Comments::read(&place, text(&entries, &place)?)?;
    let document = text(&entries, &main)?;
    let tokens = xml::tokenize(document).map_err(|what| damaged(&main, what))?;
    let paragraphs = paragraphs(&tokens);
    let mut at: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for fault in faults {
        let anchor = match (fault.part == part_name(&main), fault.paragraph) {
            (true, Some(number)) => number.checked_sub(1).and_then(|n| paragraphs.get(n)),
            _ => None,
        };
        let is_here = anchor.is_some();
        if let Some(&anchor) = anchor.or_else(|| first_with_content(&tokens, &paragraphs)) {
            let id = comments.add(fault, is_here, author);
            at.entry(anchor).or_default().push(id);
        }
    }
    let document = mark(&tokens, &at, &comments.removed);
    let comments = comments.finish();
    for (name, bytes) in &mut entries {
        if *name == main {
            *bytes = document.clone().into_bytes();
        } else if *name == place {
            *bytes = comments.clone().into_bytes();
        }
    }
    write_entries(&entries, options.compression_level)
}

type Entries = Vec<(String, Vec<u8>)>;

fn text<'e>(entries: &'e Entries, name: &str) -> Result<&'e str, TemplateError> {
    let bytes = entries.iter().find(|(known, _)| known == name);
    let bytes = bytes.map_or(&[] as &[u8], |(_, bytes)| bytes);
    std::str::from_utf8(bytes).map_err(|_| damaged(name, "it is not UTF-8".to_owned()))
}

/// The entry of the comments; made, declared and related to the document where there is none.
fn ensure_comments(entries: &mut Entries, main: &str) -> Result<String, TemplateError> {
    let (folder, file) = main.rsplit_once('/').unwrap_or(("", main));
    let folder = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    let relationships = format!("{folder}_rels/{file}.rels");
    if !entries.iter().any(|(name, _)| *name == relationships) {
        let empty = format!("<Relationships xmlns=\"{RELATIONSHIPS}\"></Relationships>");
        entries.push((relationships.clone(), empty.into_bytes()));
    }
    let known = text(entries, &relationships)?;
    let tokens = xml::tokenize(known).map_err(|what| damaged(&relationships, what))?;
    let attribute = |token: &Token<'_>, name| {
        xml::attribute(token.raw, name)
            .unwrap_or_default()
            .into_owned()
    };
    let is_comments =
        |token: &&Token<'_>| attribute(token, "Type").ends_with("/relationships/comments");
    if let Some(token) = tokens.iter().find(is_comments) {
        let target = attribute(token, "Target");
        return Ok(match target.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("{folder}{target}"),
        });
    }
    let ids: BTreeSet<String> = tokens.iter().map(|token| attribute(token, "Id")).collect();
    let id = fresh(|number| format!("rIdMarks{number}"), |id| ids.contains(id));
    let taken = |name: &str| {
        entries
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    let place = fresh(
        |number| {
            format!(
                "{folder}comments{}.xml",
                if number == 1 {
                    String::new()
                } else {
                    number.to_string()
                }
            )
        },
        taken,
    );
    let target = place.strip_prefix(&folder).unwrap_or(&place);
    let related =
        format!("<Relationship Id=\"{id}\" Type=\"{COMMENTS_RELATIONSHIP}\" Target=\"{target}\"/>");
    insert(entries, &relationships, "Relationships", &related)?;
    let declared = format!("<Override PartName=\"/{place}\" ContentType=\"{COMMENTS_TYPE}\"/>");
    insert(entries, TYPES, "Types", &declared)?;
    entries.push((place.clone(), comments::EMPTY.as_bytes().to_vec()));
    Ok(place)
}

/// The first name that is not taken.
fn fresh(name: impl Fn(usize) -> String, taken: impl Fn(&str) -> bool) -> String {
    let mut number = 1;
    while taken(&name(number)) {
        number += 1;
    }
    name(number)
}

/// Puts markup in front of the end of an entry's root element.
fn insert(
    entries: &mut Entries,
    entry: &str,
    root: &str,
    markup: &str,
) -> Result<(), TemplateError> {
    let known = text(entries, entry)?;
    let changed = with_inserted(known, root, markup)
        .ok_or_else(|| damaged(entry, format!("it has no <{root}>")))?;
    if let Some((_, bytes)) = entries.iter_mut().find(|(name, _)| name == entry) {
        *bytes = changed.into_bytes();
    }
    Ok(())
}

/// The text with markup in front of its root's end.
fn with_inserted(text: &str, root: &str, markup: &str) -> Option<String> {
    let tokens = xml::tokenize(text).ok()?;
    let mut out = String::with_capacity(text.len() + markup.len());
    let mut done = false;
    for token in &tokens {
        let is_root = token.parent == NO_PARENT && token.name.ends_with(root);
        match token.kind {
            Kind::Close if is_root => {
                out.push_str(markup);
                out.push_str(token.raw);
                done = true;
            }
            Kind::Empty if is_root => {
                let open = token.raw.trim_end_matches("/>");
                out.push_str(&format!("{open}>{markup}</{}>", token.name));
                done = true;
            }
            _ => out.push_str(token.raw),
        }
    }
    done.then_some(out)
}

/// The paragraphs by their number, each as the open token where a comment may be put: a text box has none of its own.
fn paragraphs(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.name == "w:p" && matches!(token.kind, Kind::Open | Kind::Empty) {
            let mut around = xml::ancestors(tokens, token.parent);
            let outermost = around
                .by_ref()
                .filter(|&at| tokens[at].name == "w:p")
                .last();
            found.push(outermost.unwrap_or(index));
        }
    }
    found
}

fn first_with_content<'p>(tokens: &[Token<'_>], paragraphs: &'p [usize]) -> Option<&'p usize> {
    let open = |at: &&usize| tokens[**at].kind == Kind::Open;
    paragraphs.iter().find(open).or(paragraphs.first())
}

/// The document with ranges and references of new comments, and without those of removed ones.
fn mark(
    tokens: &[Token<'_>],
    at: &BTreeMap<usize, Vec<u64>>,
    removed: &BTreeSet<String>,
) -> String {
    let dropped = dropped(tokens, removed);
    let mut out =
        String::with_capacity(tokens.iter().map(|token| token.raw.len()).sum::<usize>() + 1_024);
    for (index, token) in tokens.iter().enumerate() {
        if dropped.contains(&index) {
            continue;
        }
        let ids = at.get(&token.partner).filter(|_| token.kind == Kind::Close);
        ends(ids, &mut out);
        match (at.get(&index), token.kind) {
            (Some(ids), Kind::Empty) => {
                out.push_str(token.raw.trim_end_matches("/>"));
                out.push('>');
                starts(ids, &mut out);
                ends(Some(ids), &mut out);
                out.push_str("</w:p>");
            }
            _ => out.push_str(token.raw),
        }
        if let Some(ids) = starting(tokens, index, at) {
            starts(ids, &mut out);
        }
    }
    out
}

/// The comments that begin behind this token: its paragraph's, when the paragraph's properties end here.
fn starting<'i>(
    tokens: &[Token<'_>],
    index: usize,
    at: &'i BTreeMap<usize, Vec<u64>>,
) -> Option<&'i Vec<u64>> {
    let token = tokens[index];
    match (token.kind, token.name) {
        (Kind::Open, "w:p") => {
            let next = tokens.get(index + 1);
            let has_properties = next.is_some_and(|next| next.name == "w:pPr");
            at.get(&index).filter(|_| !has_properties)
        }
        (Kind::Close | Kind::Empty, "w:pPr") => at.get(&token.parent),
        _ => None,
    }
}

fn starts(ids: &[u64], out: &mut String) {
    for id in ids {
        out.push_str(&format!("<w:commentRangeStart w:id=\"{id}\"/>"));
    }
}

fn ends(ids: Option<&Vec<u64>>, out: &mut String) {
    for id in ids.into_iter().flatten() {
        out.push_str(&format!(
            "<w:commentRangeEnd w:id=\"{id}\"/><w:r><w:commentReference w:id=\"{id}\"/></w:r>"
        ));
    }
}

/// Tokens that belong to removed comments: ranges, and the runs of references.
fn dropped(tokens: &[Token<'_>], removed: &BTreeSet<String>) -> BTreeSet<usize> {
    let mut dropped = BTreeSet::new();
    if removed.is_empty() {
        return dropped;
    }
    for (index, token) in tokens.iter().enumerate() {
        let is_mark = matches!(
            token.name,
            "w:commentRangeStart" | "w:commentRangeEnd" | "w:commentReference"
        );
        if !is_mark || !is_ours(token, removed) {
            continue;
        }
        let run = xml::ancestor(tokens, token.parent, "w:r").filter(|&run| is_bare(tokens, run));
        match run {
            Some(run) if token.name == "w:commentReference" => {
                dropped.extend(run..=tokens[run].partner);
            }
            _ => dropped.extend(index..=token.partner.max(index)),
        }
    }
    dropped
}

/// True for a run that holds its properties and one reference.
fn is_bare(tokens: &[Token<'_>], run: usize) -> bool {
    let children = (run + 1..tokens[run].partner).filter(|&at| tokens[at].parent == run);
    children
        .filter(|&at| matches!(tokens[at].kind, Kind::Open | Kind::Empty))
        .all(|at| matches!(tokens[at].name, "w:rPr" | "w:commentReference"))
}
