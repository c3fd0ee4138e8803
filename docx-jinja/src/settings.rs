//! The document's settings: whether Word refreshes the fields when it opens the document.

use std::sync::Arc;

use minijinja::Error;

use crate::additions::{self, Original};
use crate::xml::{self, Kind};

/// The type of the part.
const CONTENT_TYPE: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.settings+xml";
/// A part without settings.
const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
    <w:settings xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"></w:settings>";

/// Settings that stand behind `w:updateFields` (ECMA-376 part 1, `CT_Settings`), besides those of other namespaces.
const LATER: &[&str] = &[
    "w:hdrShapeDefaults",
    "w:footnotePr",
    "w:endnotePr",
    "w:compat",
    "w:docVars",
    "w:rsids",
    "w:attachedSchema",
    "w:themeFontLang",
    "w:clrSchemeMapping",
    "w:doNotIncludeSubdocsInStats",
    "w:doNotAutoCompressPictures",
    "w:forceUpgrade",
    "w:captions",
    "w:readModeInkLockDown",
    "w:smartTagType",
    "w:shapeDefaults",
    "w:doNotEmbedSmartTags",
    "w:decimalSymbol",
    "w:listSeparator",
];

/// True for a part with a table of contents.
pub(crate) fn has_contents(text: &str) -> bool {
    if !text.contains("TOC") {
        return false;
    }
    let tokens = xml::tokenize(text).unwrap_or_default();
    let is_contents = |code: &str| code.split_whitespace().next() == Some("TOC");
    tokens.iter().any(|token| match token.kind {
        Kind::Text if token.parent != xml::NO_PARENT => {
            tokens[token.parent].name == "w:instrText" && is_contents(token.raw)
        }
        Kind::Open | Kind::Empty if token.name == "w:fldSimple" => {
            xml::attribute(token.raw, "w:instr").is_some_and(|code| is_contents(&code))
        }
        _ => false,
    })
}

/// Has Word refresh all fields when it opens the document.
pub(crate) fn refresh(original: &Arc<Original>) -> Result<(), Error> {
    let bytes = |text: &str| refreshing(text).into_bytes().into();
    match original.related("settings") {
        Some(entry) => {
            let text = original.text(&entry).unwrap_or_default();
            additions::replace(&entry, bytes(&text))
        }
        None => {
            let name = additions::part("word/settings.xml", CONTENT_TYPE, bytes(EMPTY))?;
            additions::relationship_of(original.main(), "settings", &name).map(drop)
        }
    }
}

/// Settings with `w:updateFields` in its place.
fn refreshing(text: &str) -> String {
    const REFRESH: &str = "<w:updateFields w:val=\"true\"/>";
    let tokens = xml::tokenize(text).unwrap_or_default();
    let root = tokens.iter().position(|token| token.name == "w:settings");
    let Some(root) = root else {
        return refreshing(EMPTY);
    };
    if tokens[root].kind == Kind::Empty {
        let open = tokens[root].raw.trim_end_matches("/>");
        return text.replace(tokens[root].raw, &format!("{open}>{REFRESH}</w:settings>"));
    }
    let mut out = String::with_capacity(text.len() + REFRESH.len());
    let mut done = false;
    let mut skip = None;
    for (at, token) in tokens.iter().enumerate() {
        let is_child = token.parent == root && matches!(token.kind, Kind::Open | Kind::Empty);
        if is_child && token.name == "w:updateFields" {
            skip = Some(token.partner);
        }
        let is_later = is_child && (LATER.contains(&token.name) || !token.name.starts_with("w:"));
        if !done && (is_later || at == tokens[root].partner) {
            out.push_str(REFRESH);
            done = true;
        }
        if skip.is_none_or(|last| at > last) {
            out.push_str(token.raw);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{has_contents, refreshing};

    #[test]
    fn the_setting_stands_where_the_schema_has_it() {
        let check = |inner: &str, expected: &str| {
            let settings =
                |inner: &str| format!("<?xml?><w:settings a=\"b\">{inner}</w:settings>\n");
            assert_eq!(refreshing(&settings(inner)), settings(expected));
        };
        let set = "<w:updateFields w:val=\"true\"/>";
        check("", set);
        check("<w:zoom/>", &format!("<w:zoom/>{set}"));
        check(
            "<w:zoom/><w:compat><w:x/></w:compat>",
            &format!("<w:zoom/>{set}<w:compat><w:x/></w:compat>"),
        );
        check("<m:mathPr/>", &format!("{set}<m:mathPr/>"));
        check(
            "<w:updateFields w:val=\"false\"/><w:rsids/>",
            &format!("{set}<w:rsids/>"),
        );
        assert_eq!(
            refreshing("<w:settings/>"),
            format!("<w:settings>{set}</w:settings>")
        );
        assert!(refreshing("").ends_with(&format!("{set}</w:settings>")));
    }

    #[test]
    fn tables_of_contents_are_found() {
        let check = |text: &str, expected: bool| assert_eq!(has_contents(text), expected, "{text}");
        check(
            "<w:r><w:instrText> TOC \\o \"1-3\" </w:instrText></w:r>",
            true,
        );
        check("<w:fldSimple w:instr=\"TOC \\h\"></w:fldSimple>", true);
        check(
            "<w:r><w:instrText> PAGEREF _TOC1 </w:instrText></w:r>",
            false,
        );
        check("<w:r><w:t>TOC</w:t></w:r>", false);
        check("<w:p/>", false);
    }
}
