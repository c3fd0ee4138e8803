//! How a chart, its workbook and what shows it know each other.

use std::collections::HashMap;

use super::edits::{Edits, prefix};
use crate::xml::{self, Kind, Token};

const PACKAGE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/package";
const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const EMPTY: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"></Relationships>";
/// The id of a workbook's relationship where the template's chart has none.
pub(super) const WORKBOOK_ID: &str = "rIdWorkbook";

/// Relationships with a workbook of this id and entry, without those whose type ends so.
pub(super) fn with(
    relationships: Option<&str>,
    (id, workbook): (&str, &str),
    without: &[&str],
) -> String {
    let text = relationships.unwrap_or(EMPTY);
    let Ok(mut edits) = Edits::new(text) else {
        return text.to_owned();
    };
    let Some(root) = edits.root() else {
        return text.to_owned();
    };
    let p = prefix(edits.tokens[root].name).to_owned();
    let gone = |token: Token<'_>| {
        let kind = xml::attribute(token.raw, "Type").unwrap_or_default();
        xml::attribute(token.raw, "Id").as_deref() == Some(id)
            || without.iter().any(|end| kind.ends_with(end))
    };
    let children: Vec<usize> = edits.children(root).collect();
    for at in children {
        if gone(edits.tokens[at]) {
            edits.replace(at, "");
        }
    }
    let made = format!("<{p}Relationship Id=\"{id}\" Type=\"{PACKAGE}\" Target=\"/{workbook}\"/>");
    edits.append(root, &made);
    edits.write()
}

/// The entries that relationships lead to inside the package, by their ids.
pub(super) fn targets(from: &str, relationships: &str) -> HashMap<String, String> {
    let tokens = xml::tokenize(relationships).unwrap_or_default();
    let elements = tokens
        .iter()
        .filter(|token| matches!(token.kind, Kind::Open | Kind::Empty));
    elements
        .filter_map(|token| {
            let id = xml::attribute(token.raw, "Id")?;
            let target = xml::attribute(token.raw, "Target")?;
            Some((id.into_owned(), entry(from, &target)?))
        })
        .collect()
}

/// The entry that a target means; none outside the package.
fn entry(from: &str, target: &str) -> Option<String> {
    if let Some(absolute) = target.strip_prefix('/') {
        return Some(absolute.to_owned());
    }
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for step in target.split('/') {
        match step {
            "." | "" => {}
            ".." => {
                path.pop()?;
            }
            step => path.push(step),
        }
    }
    Some(path.join("/"))
}

/// The relationship of a chart's workbook.
pub(super) fn workbook_id(xml: &str) -> Option<String> {
    let edits = Edits::new(xml).ok()?;
    let data = edits.child(edits.root()?, "externalData")?;
    xml::attributes(edits.tokens[data].raw)
        .find(|(name, _)| name.ends_with(":id"))
        .map(|(_, id)| xml::decode(id).into_owned())
}

/// A chart that knows its workbook.
pub(super) fn with_workbook(xml: &str) -> String {
    let Ok(mut edits) = Edits::new(xml) else {
        return xml.to_owned();
    };
    let Some(root) = edits.root() else {
        return xml.to_owned();
    };
    let p = prefix(edits.tokens[root].name);
    let made = format!(
        "<{p}externalData xmlns:r=\"{RELATIONSHIPS}\" r:id=\"{WORKBOOK_ID}\"><{p}autoUpdate val=\"0\"/></{p}externalData>"
    );
    let front = ["txPr", "spPr", "chart"]
        .iter()
        .find_map(|name| edits.child(root, name));
    if let Some(front) = front {
        edits.behind(front, &made);
    }
    edits.write()
}

#[cfg(test)]
mod tests {
    use super::{targets, with_workbook, workbook_id};

    #[test]
    fn relationships_are_followed() {
        let check = |to: &str, expected: Option<&str>| {
            let text =
                format!("<Relationships><Relationship Id=\"a\" Target=\"{to}\"/></Relationships>");
            let known = targets("word/charts/c.xml", &text);
            assert_eq!(known.get("a").map(String::as_str), expected, "{to}");
        };
        check("../embeddings/b.xlsx", Some("word/embeddings/b.xlsx"));
        check("/word/b.xlsx", Some("word/b.xlsx"));
        check("./s.xml", Some("word/charts/s.xml"));
        check("../../../b", None);
    }

    #[test]
    fn a_chart_without_a_workbook_is_given_one() {
        let literal = include_str!("../../tests/charts/bar-literal.xml");
        assert_eq!(workbook_id(literal), None);
        let with = with_workbook(literal);
        assert_eq!(workbook_id(&with).as_deref(), Some("rIdWorkbook"));
        assert!(with.contains("</c:chart><c:externalData"));
        let column = include_str!("../../tests/charts/column.xml");
        assert_eq!(workbook_id(column).as_deref(), Some("rId3"));
    }
}
