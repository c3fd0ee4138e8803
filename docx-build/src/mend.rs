//! Mends what docx-rs writes: children in the order of the schema (ECMA-376 part 1, annex A), heading rows marked, parts
//! compressed.

use std::collections::HashSet;

use docx_rs::Docx;

use crate::BuildError;
use crate::markup::{Kind, Token, attribute, tokenize};
use crate::package::{self, Entry};

/// Elements whose children have an order, which docx-rs does not always keep.
const ORDERS: &[(&str, &[&str])] = &[
    (
        "w:pPr",
        &[
            "pStyle",
            "keepNext",
            "keepLines",
            "pageBreakBefore",
            "framePr",
            "widowControl",
            "numPr",
            "suppressLineNumbers",
            "pBdr",
            "shd",
            "tabs",
            "suppressAutoHyphens",
            "kinsoku",
            "wordWrap",
            "overflowPunct",
            "topLinePunct",
            "autoSpaceDE",
            "autoSpaceDN",
            "bidi",
            "adjustRightInd",
            "snapToGrid",
            "spacing",
            "ind",
            "contextualSpacing",
            "mirrorIndents",
            "suppressOverlap",
            "jc",
            "textDirection",
            "textAlignment",
            "textboxTightWrap",
            "outlineLvl",
            "divId",
            "cnfStyle",
            "rPr",
            "sectPr",
            "pPrChange",
        ],
    ),
    (
        "w:rPr",
        &[
            "rStyle",
            "rFonts",
            "b",
            "bCs",
            "i",
            "iCs",
            "caps",
            "smallCaps",
            "strike",
            "dstrike",
            "outline",
            "shadow",
            "emboss",
            "imprint",
            "noProof",
            "snapToGrid",
            "vanish",
            "webHidden",
            "color",
            "spacing",
            "w",
            "kern",
            "position",
            "sz",
            "szCs",
            "highlight",
            "u",
            "effect",
            "bdr",
            "shd",
            "fitText",
            "vertAlign",
            "rtl",
            "cs",
            "em",
            "lang",
            "eastAsianLayout",
            "specVanish",
            "oMath",
        ],
    ),
    (
        "w:tblPr",
        &[
            "tblStyle",
            "tblpPr",
            "tblOverlap",
            "bidiVisual",
            "tblStyleRowBandSize",
            "tblStyleColBandSize",
            "tblW",
            "jc",
            "tblCellSpacing",
            "tblInd",
            "tblBorders",
            "shd",
            "tblLayout",
            "tblCellMar",
            "tblLook",
        ],
    ),
    (
        "w:tcPr",
        &[
            "cnfStyle",
            "tcW",
            "gridSpan",
            "hMerge",
            "vMerge",
            "tcBorders",
            "shd",
            "noWrap",
            "tcMar",
            "textDirection",
            "tcFitText",
            "vAlign",
            "hideMark",
        ],
    ),
    ("w:numPr", &["ilvl", "numId"]),
    (
        "w:settings",
        &[
            "zoom",
            "defaultTabStop",
            "evenAndOddHeaders",
            "compat",
            "docVars",
        ],
    ),
    (
        "w:tblBorders",
        &[
            "top", "left", "start", "bottom", "right", "end", "insideH", "insideV",
        ],
    ),
    (
        "w:tblCellMar",
        &["top", "left", "start", "bottom", "right", "end"],
    ),
    (
        "w:sectPr",
        &[
            "headerReference",
            "footerReference",
            "footnotePr",
            "endnotePr",
            "type",
            "pgSz",
            "pgMar",
            "paperSrc",
            "pgBorders",
            "lnNumType",
            "pgNumType",
            "cols",
            "formProt",
            "vAlign",
            "noEndnote",
            "titlePg",
            "textDirection",
            "bidi",
            "rtlGutter",
            "docGrid",
        ],
    ),
    (
        "w:style",
        &[
            "name",
            "aliases",
            "basedOn",
            "next",
            "link",
            "autoRedefine",
            "hidden",
            "uiPriority",
            "semiHidden",
            "unhideWhenUsed",
            "qFormat",
            "locked",
            "rsid",
            "pPr",
            "rPr",
            "tblPr",
            "trPr",
            "tcPr",
            "tblStylePr",
        ],
    ),
];

/// The standard style as docx-rs always writes it.
const NORMAL_STYLE: &str = "<w:style w:type=\"paragraph\" w:styleId=\"Normal\"><w:name w:val=\"Normal\" />\
    <w:qFormat /><w:pPr></w:pPr></w:style>";

/// The package's index of content types.
const CONTENT_TYPES: &str = "[Content_Types].xml";

/// The document as a package.
pub(crate) fn package(document: Docx) -> Result<Vec<u8>, BuildError> {
    let mut stored = std::io::Cursor::new(Vec::new());
    document
        .build()
        .pack(&mut stored)
        .map_err(|error| BuildError(error.to_string()))?;
    let mut entries = package::read(&stored.into_inner()).map_err(BuildError)?;
    for entry in &mut entries {
        mend(entry)?;
    }
    drop_strays(&mut entries)?;
    package::write(&entries).map_err(BuildError)
}

fn mend(entry: &mut Entry) -> Result<(), BuildError> {
    let fault = |what: String| BuildError(format!("{}: {what}", entry.name));
    if !entry.name.starts_with("word/") || !entry.name.ends_with(".xml") {
        return Ok(());
    }
    let text = std::str::from_utf8(&entry.bytes).map_err(|error| fault(error.to_string()))?;
    let tokens = tokenize(text).map_err(fault)?;
    let mut mended = String::with_capacity(text.len());
    write(&tokens, 0, tokens.len(), &mut mended);
    let mended = with_heading_rows(&mended);
    // It writes the properties of runs where there are none, also where none may stand.
    let mended = mended.replace("<w:rPr />", "");
    // Its own standard style stands before ours, and neither is said to be the standard.
    let mended = mended.replace(NORMAL_STYLE, "");
    let named = "<w:style w:type=\"paragraph\" w:styleId=\"Normal\">";
    let mended = mended.replace(
        named,
        &named.replace("w:styleId", "w:default=\"1\" w:styleId"),
    );
    entry.bytes = mended.into_bytes();
    Ok(())
}

/// docx-rs has no heading rows: a table's first row is one where it may not break over pages.
fn with_heading_rows(xml: &str) -> String {
    let mut pieces = xml.split("<w:cantSplit />");
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let table = whole.rfind("<w:tbl>").unwrap_or(0);
        let rows = whole.get(table..).unwrap_or_default();
        let is_first = rows.matches("<w:tr>").count() <= 1;
        whole.push_str("<w:cantSplit/>");
        whole.push_str(if is_first { "<w:tblHeader/>" } else { "" });
        whole.push_str(piece);
    }
    whole
}

/// Takes parts away that nothing leads to: docx-rs writes some of them always.
fn drop_strays(entries: &mut Vec<Entry>) -> Result<(), BuildError> {
    let mut related = HashSet::new();
    for rels in entries.iter().filter(|entry| entry.name.ends_with(".rels")) {
        // `word/_rels/document.xml.rels` speaks of what lies in `word/`.
        let folder = rels.name.split("_rels/").next().unwrap_or_default();
        for token in tokenize(text(rels)?).map_err(BuildError)? {
            if let Some(target) = attribute(token.raw, "Target") {
                related.insert(match target.strip_prefix('/') {
                    Some(absolute) => absolute.to_owned(),
                    None => format!("{folder}{target}"),
                });
            }
        }
    }
    entries.retain(|entry| {
        let is_index = entry.name == CONTENT_TYPES || entry.name.ends_with(".rels");
        is_index || related.contains(&entry.name)
    });
    let kept: HashSet<String> = entries
        .iter()
        .map(|entry| format!("/{}", entry.name))
        .collect();
    let Some(index) = entries.iter_mut().find(|entry| entry.name == CONTENT_TYPES) else {
        return Ok(());
    };
    let tokens = tokenize(text(index)?).map_err(BuildError)?;
    let is_kept = |token: &&Token<'_>| {
        attribute(token.raw, "PartName").is_none_or(|part| kept.contains(part.as_ref()))
    };
    let types: String = tokens
        .iter()
        .filter(is_kept)
        .map(|token| token.raw)
        .collect();
    index.bytes = types.into_bytes();
    Ok(())
}

fn text(entry: &Entry) -> Result<&str, BuildError> {
    std::str::from_utf8(&entry.bytes)
        .map_err(|error| BuildError(format!("{}: {error}", entry.name)))
}

/// Writes the tokens from `at` up to `end`, children sorted where they have an order.
fn write(tokens: &[Token<'_>], mut at: usize, end: usize, out: &mut String) {
    while at < end {
        let token = tokens[at];
        match token.name {
            // A column's width has no unit.
            "w:gridCol" => out.push_str(&token.raw.replace(" w:type=\"dxa\"", "")),
            _ => out.push_str(token.raw),
        }
        let order = ORDERS.iter().find(|(name, _)| *name == token.name);
        let (Some((_, order)), Kind::Open) = (order, token.kind) else {
            at += 1;
            continue;
        };
        let mut children = Vec::new();
        let mut child = at + 1;
        while child < token.partner {
            let last = if tokens[child].kind == Kind::Open {
                tokens[child].partner
            } else {
                child
            };
            children.push((child, last + 1));
            child = last + 1;
        }
        let place = |name: &str| {
            let name = name.strip_prefix("w:").unwrap_or(name);
            order
                .iter()
                .position(|known| *known == name)
                .unwrap_or(order.len())
        };
        children.sort_by_key(|(first, _)| place(tokens[*first].name));
        for (first, last) in children {
            write(tokens, first, last, out);
        }
        at = token.partner;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_come_in_the_schemas_order() {
        let check = |source: &str, expected: &str| {
            let mut entry = Entry {
                name: "word/document.xml".into(),
                bytes: source.into(),
            };
            mend(&mut entry).unwrap();
            assert_eq!(String::from_utf8(entry.bytes).unwrap(), expected);
        };
        check(
            "<w:p><w:pPr><w:rPr><w:sz/><w:b/></w:rPr><w:jc/><w:pStyle/></w:pPr>t</w:p>",
            "<w:p><w:pPr><w:pStyle/><w:jc/><w:rPr><w:b/><w:sz/></w:rPr></w:pPr>t</w:p>",
        );
        check(
            "<w:tcPr><w:shd/><w:tcW/></w:tcPr>",
            "<w:tcPr><w:tcW/><w:shd/></w:tcPr>",
        );
        check(
            "<w:trPr><w:cantSplit /></w:trPr>",
            "<w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>",
        );
        check(
            "<w:tbl><w:tr><w:trPr><w:cantSplit /></w:trPr></w:tr><w:tr><w:trPr><w:cantSplit /></w:trPr></w:tr></w:tbl>",
            "<w:tbl><w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr></w:tr><w:tr><w:trPr><w:cantSplit/></w:trPr></w:tr></w:tbl>",
        );
        check(
            "<w:pPr><w:numPr><w:numId/><w:ilvl/></w:numPr><w:rPr /></w:pPr>",
            "<w:pPr><w:numPr><w:ilvl/><w:numId/></w:numPr></w:pPr>",
        );
        check("<w:x><w:b/><w:a/></w:x>", "<w:x><w:b/><w:a/></w:x>");
    }
}
