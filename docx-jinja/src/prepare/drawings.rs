//! Pictures of the template, which others can take the place of: each asks for its relationship when it is written.

use std::collections::HashMap;
use std::ops::Range;

use super::{Draft, Piece, inserts::quoted};
use crate::check;
use crate::engine;
use crate::limits::XML_BYTES_MAX;
use crate::locate::Place;
use crate::tags::{Tag, TagKind, scan};
use crate::values::{KEPT, PICTURE, PREFIX};
use crate::xml::{self, Kind, decode};

/// Attributes that may name a picture, most particular first.
const NAMES: [&str; 3] = ["descr", "title", "name"];
/// The attribute that leads to a picture's file.
const EMBED: &str = "r:embed=";

/// What a part's pictures ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pictures {
    None,
    /// They may be replaced.
    Some,
    /// One of them must be.
    Asked,
}

/// The names of pictures, looked up once for each drawing, or each picture of a group.
#[derive(Default)]
struct Names {
    /// Elements with a drawing's names, by the element around them.
    elements: HashMap<usize, Option<usize>>,
    /// As an expression, and what the author wrote first; by the drawing and the picture in it.
    known: HashMap<(usize, Option<usize>), (String, String)>,
    /// How much was written with them.
    written: usize,
}

/// Has every picture ask.
///
/// # Errors
/// Names that would be written again and again until they fill the memory.
pub(super) fn apply(draft: &mut Draft<'_>) -> Result<Pictures, String> {
    let mut found = Pictures::None;
    let mut all = Names::default();
    for at in 0..draft.tokens.len() {
        let token = draft.tokens[at];
        let is_element = matches!(token.kind, Kind::Open | Kind::Empty);
        if !is_element || draft.overrides.contains_key(&at) {
            continue;
        }
        let drawing = match token.name {
            "a:blip" | "asvg:svgBlip" => xml::ancestor(&draft.tokens, token.parent, "w:drawing"),
            _ => None,
        };
        let Some(drawing) = drawing else { continue };
        let (names, told) = all.of(draft, drawing, token.parent)?;
        if token.name == "a:blip" {
            let Some((before, id, behind)) = embedded(token.raw) else {
                continue;
            };
            let place = place(draft, told);
            let expression = format!("{PICTURE}({}, {names})", quoted(id));
            let pieces = vec![
                Piece::Raw(before),
                Piece::Told { place, expression },
                Piece::Raw(behind),
            ];
            draft.overrides.insert(at, (at, pieces));
            let asked = told.trim_start().starts_with(PREFIX);
            found = if asked || found == Pictures::Asked {
                Pictures::Asked
            } else {
                Pictures::Some
            };
        } else if let Some(extension) = xml::ancestor(&draft.tokens, token.parent, "a:ext")
            .filter(|extension| !draft.overrides.contains_key(extension))
        {
            // The same picture as a drawing, which Word would show instead.
            let close = draft.tokens[extension].partner;
            let markup: String = draft.tokens[extension..=close]
                .iter()
                .map(|token| token.raw)
                .collect();
            let place = place(draft, told);
            let expression = format!("{KEPT}({}, {names})", quoted(&markup));
            all.written(markup.len())?;
            draft
                .overrides
                .insert(extension, (close, vec![Piece::Told { place, expression }]));
        }
    }
    Ok(found)
}

/// The element's markup around the id that it embeds.
fn embedded(raw: &str) -> Option<(&str, &str, &str)> {
    let quote = raw.find(EMBED)? + EMBED.len();
    let start = quote + 1;
    let end = start + raw.get(start..)?.find(raw.get(quote..start)?)?;
    Some((&raw[..start], &raw[start..end], &raw[end..]))
}

impl Names {
    /// All names of a drawing and of the picture around `from`, as an expression, and what its author wrote first.
    fn of(
        &mut self,
        draft: &Draft<'_>,
        drawing: usize,
        from: usize,
    ) -> Result<(&str, &str), String> {
        let picture = xml::ancestor(&draft.tokens, from, "pic:pic");
        if !self.known.contains_key(&(drawing, picture)) {
            let named = [
                self.inside(draft, Some(drawing), "wp:docPr"),
                self.inside(draft, picture, "pic:cNvPr"),
            ];
            let names = names(draft, named.into_iter().flatten());
            self.known.insert((drawing, picture), names);
        }
        let bytes = self.known[&(drawing, picture)].0.len();
        self.written(bytes)?;
        let (names, told) = &self.known[&(drawing, picture)];
        Ok((names, told))
    }

    fn inside(&mut self, draft: &Draft<'_>, element: Option<usize>, name: &str) -> Option<usize> {
        let (element, tokens) = (element?, &draft.tokens);
        let found = self.elements.entry(element);
        *found.or_insert_with(|| {
            let mut range = element..tokens[element].partner;
            range.find(|&at| tokens[at].name == name)
        })
    }

    fn written(&mut self, bytes: usize) -> Result<(), String> {
        self.written += bytes;
        if self.written as u64 > XML_BYTES_MAX {
            return Err("the names of its pictures are too long for how many there are".to_owned());
        }
        Ok(())
    }
}

/// What these elements are called, as an expression, and what their author wrote first.
fn names(draft: &Draft<'_>, named: impl Iterator<Item = usize>) -> (String, String) {
    let mut names = Vec::new();
    let mut told = String::new();
    for at in named {
        for attribute in NAMES {
            let found = xml::attributes(draft.tokens[at].raw).find(|(name, _)| *name == attribute);
            if let Some((_, value)) = found.filter(|(_, value)| !value.trim().is_empty()) {
                if told.is_empty() {
                    told = decode(value).into_owned();
                }
                names.push(pieces(value));
            }
        }
    }
    (format!("[{}]", names.join(", ")), told)
}

/// An attribute's value as a list of its pieces: text, and what its tags say.
fn pieces(value: &str) -> String {
    let mut pieces = Vec::new();
    let mut from = 0;
    for tag in scan(value).unwrap_or_default() {
        pieces.push(quoted(&decode(&value[from..tag.start])));
        // A tag that cannot be read is a fault already, where it stands.
        let is_own = engine::names_engine(&tag.body) != Some(false);
        if let (TagKind::Variable, false, Ok(Some(body))) = (tag.kind, is_own, check::guarded(&tag))
        {
            pieces.push(format!("({body})"));
        }
        from = tag.end;
    }
    pieces.push(quoted(&decode(&value[from..])));
    format!("[{}]", pieces.join(", "))
}

fn place(draft: &Draft<'_>, told: &str) -> Place {
    let tag = Tag {
        start: 0,
        end: 0,
        kind: TagKind::Comment,
        lift: None,
        body: String::new(),
        trim: (false, false),
    };
    let mut place = Place::new(draft.part, None, "", &tag);
    place.tag = told.chars().take(80).collect();
    place
}

/// What stands before and behind the number in a piece of a drawing's tag: inside a loop each pass needs one of its
/// own.
pub(super) fn numbered<'p>(tag: &str, piece: &'p str) -> Option<(&'p str, &'p str)> {
    if !tag.starts_with("<wp:docPr") {
        return None;
    }
    let is_id = |value: &Range<usize>| {
        let before = tag[..value.start].trim_end_matches(['"', '\'']);
        let name = before.trim_end().strip_suffix('=').map(str::trim_end);
        name.and_then(|name| name.strip_suffix("id"))
            .is_some_and(|rest| rest.ends_with(char::is_whitespace))
    };
    let value = xml::values(tag).find(is_id)?;
    // A piece is cut out of the tag it belongs to.
    let offset = piece.as_ptr().addr().checked_sub(tag.as_ptr().addr())?;
    let (start, end) = (value.start.checked_sub(offset)?, value.end - offset);
    Some((piece.get(..start)?, piece.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::{embedded, numbered, pieces};

    #[test]
    fn ids_are_found_in_raw_tags() {
        assert_eq!(
            embedded("<a:blip r:embed=\"rId4\" x=\"y\"/>"),
            Some(("<a:blip r:embed=\"", "rId4", "\" x=\"y\"/>"))
        );
        assert_eq!(
            embedded("<a:blip r:embed='r'>"),
            Some(("<a:blip r:embed='", "r", "'>"))
        );
        assert_eq!(embedded("<a:blip r:link=\"rId4\"/>"), None);
        assert_eq!(embedded("<a:blip r:embed="), None);
        let check = |tag: &str, from: usize, expected| {
            assert_eq!(numbered(tag, &tag[from..]), expected, "{tag}");
        };
        let tag = "<wp:docPr id=\"7\" name=\"n\"/>";
        check(tag, 0, Some(("<wp:docPr id=\"", "\" name=\"n\"/>")));
        check(tag, 16, None);
        let tag = "<wp:docPr descr=\"id='1' {{ a }}\" id = '7'/>";
        check(tag, 31, Some(("\" id = '", "'/>")));
        check("<wp:docPr mid=\"7\"/>", 0, None);
        check("<wp:docPr name=\"n\"/>", 0, None);
        check("<w:t id=\"7\">", 0, None);
    }

    #[test]
    fn names_may_hold_tags() {
        assert_eq!(pieces("a&amp;\"b\\"), "[\"a&\\\"b\\\\\"]");
        assert_eq!(
            pieces("picture:{{ r.logo }}!"),
            "[\"picture:\", (r.logo), \"!\"]"
        );
    }
}
