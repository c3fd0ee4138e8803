//! Colours for series and points that the template does not have: each gets one that is not yet in use.

use std::collections::BTreeSet;

use super::edits::{Edits, local};

/// How many accents a theme has.
const ACCENTS: usize = 6;
/// Colours where a template names them by number: Office's own, then darker ones.
const PALETTE: [&str; 12] = [
    "4472C4", "ED7D31", "A5A5A5", "FFC000", "5B9BD5", "70AD47", "264478", "9E480E", "636363",
    "997300", "255E91", "43682B",
];

/// The colours that a piece of a chart fills and draws with, in upper case.
pub(super) fn used(fragment: &Edits<'_>) -> BTreeSet<String> {
    let Some(root) = fragment.root() else {
        return BTreeSet::new();
    };
    colours(fragment, root)
        .into_iter()
        .map(|(_, colour)| colour)
        .collect()
}

/// Gives a copied piece a colour of its own; `position` counts from 0. What it had beside its first colour stays.
pub(super) fn change(fragment: &str, position: usize, used: &BTreeSet<String>) -> String {
    let Ok(mut edits) = Edits::new(fragment) else {
        return fragment.to_owned();
    };
    let Some(root) = edits.root() else {
        return fragment.to_owned();
    };
    let colours = colours(&edits, root);
    let Some((_, first)) = colours.first().cloned() else {
        return fragment.to_owned();
    };
    let is_accent = first.starts_with("ACCENT");
    let free = |candidate: &String| !used.contains(&candidate.to_uppercase());
    let fresh = if is_accent {
        let mut accents = (1..=ACCENTS).map(|number| format!("accent{number}"));
        accents
            .find(free)
            .unwrap_or_else(|| format!("accent{}", position % ACCENTS + 1))
    } else {
        let mut palette = PALETTE.iter().map(|&colour| colour.to_owned());
        palette
            .find(free)
            .unwrap_or_else(|| PALETTE[position % PALETTE.len()].to_owned())
    };
    let darker = is_accent && used.contains(&fresh.to_uppercase());
    for (at, _) in colours.iter().filter(|(_, colour)| *colour == first) {
        let token = edits.tokens[*at];
        let quoted = token.raw.find(['"', '\'']).unwrap_or(token.raw.len());
        let name = token.name;
        let attribute = token.raw[name.len() + 1..quoted].to_owned();
        let inside: String = if token.partner > *at {
            edits.tokens[at + 1..token.partner]
                .iter()
                .map(|t| t.raw)
                .collect()
        } else if darker {
            let prefix = super::edits::prefix(name);
            format!("<{prefix}lumMod val=\"{}\"/>", shade(position))
        } else {
            String::new()
        };
        let made = format!("<{name}{attribute}\"{fresh}\">{inside}</{name}>");
        edits.replace(*at, made);
    }
    edits.write()
}

/// How bright the accents are in each further round, in thousandths of a percent.
fn shade(position: usize) -> u32 {
    [100_000, 60_000, 80_000, 50_000, 70_000][position / ACCENTS % 5]
}

/// Theme accents and numbered colours below an element, but not those of single points and labels.
fn colours(edits: &Edits<'_>, root: usize) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    for at in root..=edits.tokens[root].partner {
        let token = edits.tokens[at];
        let wanted = match local(token.name) {
            "schemeClr" => true,
            "srgbClr" => false,
            _ => continue,
        };
        let single = crate::xml::ancestors(&edits.tokens, token.parent)
            .take_while(|&above| above != root)
            .any(|above| {
                matches!(
                    local(edits.tokens[above].name),
                    "dPt" | "dLbls" | "txPr" | "extLst"
                )
            });
        let value = edits.val(at).unwrap_or_default().to_uppercase();
        if !single && !value.is_empty() && (!wanted || value.starts_with("ACCENT")) {
            found.push((at, value));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{change, used};
    use crate::chart::edits::Edits;

    fn check(fragment: &str, position: usize, others: &[&str], expected: &str) {
        let others = others.iter().map(|&o| o.to_owned()).collect();
        assert_eq!(change(fragment, position, &others), expected);
    }

    #[test]
    fn a_copy_takes_the_next_free_colour() {
        let accent = "<s><a:schemeClr val=\"accent2\"/><a:schemeClr val=\"bg1\"/></s>";
        check(
            accent,
            2,
            &["ACCENT1", "ACCENT2"],
            "<s><a:schemeClr val=\"accent3\"></a:schemeClr><a:schemeClr val=\"bg1\"/></s>",
        );
        let all = [
            "ACCENT1", "ACCENT2", "ACCENT3", "ACCENT4", "ACCENT5", "ACCENT6",
        ];
        check(
            accent,
            6,
            &all,
            "<s><a:schemeClr val=\"accent1\"><a:lumMod val=\"60000\"/></a:schemeClr><a:schemeClr val=\"bg1\"/></s>",
        );
        check(
            "<s><a:srgbClr val='004586'/><d:dPt><a:srgbClr val=\"004586\"/></d:dPt></s>",
            1,
            &["004586", "4472C4"],
            "<s><a:srgbClr val=\"ED7D31\"></a:srgbClr><d:dPt><a:srgbClr val=\"004586\"/></d:dPt></s>",
        );
        check("<s><x/></s>", 1, &[], "<s><x/></s>");
    }

    #[test]
    fn colours_of_points_are_not_the_series_own() {
        let edits =
            Edits::new("<s><dPt><srgbClr val=\"ffffff\"/></dPt><srgbClr val=\"00ff00\"/></s>")
                .unwrap();
        assert_eq!(used(&edits).into_iter().collect::<Vec<_>>(), ["00FF00"]);
    }
}
