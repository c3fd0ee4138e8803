//! Content controls (`w:sdt`) with tags inside: what is filled in is content, no longer a placeholder.

use super::Draft;
use crate::tags::TagKind;
use crate::xml::{self, Kind};

/// The placeholder style as Word calls it in its languages; it shows text in grey.
const PLACEHOLDER_STYLES: &[&str] = &[
    "PlaceholderText",
    "Platzhaltertext",
    "Textedelespacerserv",
    "Textodelmarcadordeposicin",
    "Testosegnaposto",
    "Tekstvantijdelijkeaanduiding",
    "TextodoMarcadordePosio",
    "Pladsholdertekst",
    "Platshllartext",
    "Plassholdertekst",
];

/// Properties of the document that this engine fills too: a control bound to them shows the same.
const FILLED_STORES: &[&str] = &[
    "{6C3C8BC8-F283-45AE-878A-BAB7291924A1}",
    "{6668398D-A668-4E3E-A5EB-62B293D839F1}",
];

/// Takes from each control with tags the mark that its content is a placeholder, and the binding to data that
/// Word would show instead of what was filled in.
pub(super) fn apply(draft: &mut Draft<'_>) {
    let mut controls: Vec<usize> = Vec::new();
    for placed in &draft.tags {
        if placed.tag.kind == TagKind::Comment {
            continue;
        }
        let contents = xml::ancestors(&draft.tokens, draft.tokens[placed.token].parent)
            .filter(|&at| draft.tokens[at].name == "w:sdtContent");
        controls.extend(contents.map(|at| draft.tokens[at].parent));
    }
    controls.sort_unstable();
    controls.dedup();
    for control in controls {
        if control != xml::NO_PARENT && draft.tokens[control].name == "w:sdt" {
            fill(draft, control);
        }
    }
}

fn fill(draft: &mut Draft<'_>, control: usize) {
    let range = control + 1..draft.tokens[control].partner;
    let mut placeholder = false;
    let mut styles = Vec::new();
    for at in range {
        let token = draft.tokens[at];
        if !matches!(token.kind, Kind::Open | Kind::Empty) {
            continue;
        }
        let own = token.parent != xml::NO_PARENT && draft.tokens[token.parent].parent == control;
        let gone = match token.name {
            "w:showingPlcHdr" if own => {
                placeholder = true;
                true
            }
            "w:dataBinding" | "w15:dataBinding" if own => !bound_to_filled(token.raw),
            "w:rStyle" => {
                let style = xml::attribute(token.raw, "w:val").unwrap_or_default();
                if PLACEHOLDER_STYLES.contains(&style.as_ref()) {
                    styles.push(at);
                }
                false
            }
            _ => false,
        };
        if gone {
            draft.overrides.insert(at, (token.partner, Vec::new()));
        }
    }
    for at in styles.into_iter().filter(|_| placeholder) {
        let last = draft.tokens[at].partner;
        draft.overrides.insert(at, (last, Vec::new()));
    }
}

fn bound_to_filled(raw: &str) -> bool {
    xml::attribute(raw, "w:storeItemID").is_some_and(|store| {
        FILLED_STORES
            .iter()
            .any(|filled| filled.eq_ignore_ascii_case(&store))
    })
}
