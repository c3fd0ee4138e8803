//! Names as people read them: a template's as its author wrote them, and what is supplied, one by one.

use docx_jinja::{Shape, TagError};

/// A fault with the names that its tag has: `device.nmae` instead of `tenants[].devices.rows[].nmae`.
pub(crate) fn in_own_words(fault: &TagError) -> TagError {
    let Some((prefix, name)) = own_name(fault) else {
        return fault.clone();
    };
    let own = |text: &str| text.replace(prefix, name);
    TagError {
        message: own(&fault.message),
        hint: fault.hint.as_deref().map(own),
        ..fault.clone()
    }
}

/// The way to an item in a fault's message, and the name that the tag has for that item.
fn own_name(fault: &TagError) -> Option<(&str, &str)> {
    let words = fault.message.split_whitespace();
    let mut paths = words.filter(|word| word.contains("[]."));
    let path = paths.next()?;
    path.match_indices("[].").find_map(|(at, _)| {
        let (prefix, rest) = path.split_at(at + "[]".len());
        Some((prefix, name_before(&fault.tag, rest)?))
    })
}

/// The name that stands before `.rest` in a tag.
fn name_before<'t>(tag: &'t str, rest: &str) -> Option<&'t str> {
    let is_inside = |c: char| c.is_alphanumeric() || c == '_';
    tag.match_indices(rest).find_map(|(at, _)| {
        let (before, after) = (tag.get(..at)?, tag.get(at + rest.len()..)?);
        let outside = before.trim_end_matches(is_inside);
        let name = before.get(outside.len()..)?;
        let is_whole = !after.starts_with(is_inside) && !outside.ends_with(['.', ']', ')']);
        (is_whole && !name.is_empty()).then_some(name)
    })
}

/// The innermost names of a shape that stand on one of these paths or below it.
pub(super) fn leaves(shape: &Shape, paths: &[String]) -> Vec<String> {
    let mut list = Vec::new();
    add_leaves(shape, String::new(), &mut list);
    let is_below = |leaf: &String| {
        let mut rests = paths
            .iter()
            .filter_map(|path| leaf.strip_prefix(path.as_str()));
        rests.any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    list.retain(is_below);
    list
}

fn add_leaves(shape: &Shape, at: String, list: &mut Vec<String>) {
    match shape {
        Shape::Map(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                let is_plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
                let path = match (at.is_empty(), is_plain) {
                    (true, _) => name.clone(),
                    (false, true) => format!("{at}.{name}"),
                    (false, false) => format!("{at}[\"{name}\"]"),
                };
                add_leaves(field, path, list);
            }
        }
        Shape::List(item) => add_leaves(item, format!("{at}[]"), list),
        Shape::Optional(inner) => add_leaves(inner, at, list),
        Shape::Map(_) | Shape::Any | Shape::Plain => list.push(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_have_the_names_of_their_tags() {
        let check = |tag: &str, message: &str, hint: &str, expected: (&str, &str)| {
            let fault = TagError {
                part: "document".to_owned(),
                paragraph: Some(1),
                text: String::new(),
                tag: tag.to_owned(),
                message: message.to_owned(),
                hint: Some(hint.to_owned()),
            };
            let own = in_own_words(&fault);
            assert_eq!(
                (own.message.as_str(), own.hint.as_deref().unwrap()),
                expected
            );
        };
        check(
            "{{ device.nmae|upper }}",
            "there is no tenants[].devices.rows[].nmae in the values of tenants[].devices.rows[]",
            "did you mean tenants[].devices.rows[].name?",
            (
                "there is no device.nmae in the values of device",
                "did you mean device.name?",
            ),
        );
        check(
            "{%tr for device in tenant.devcies.rows %}",
            "there is no tenants[].devcies in the values of tenants[]",
            "did you mean tenants[].devices?",
            (
                "there is no tenant.devcies in the values of tenant",
                "did you mean tenant.devices?",
            ),
        );
        // Another name, a longer one, one below something else: as it is.
        for tag in [
            "{{ device.names }}",
            "{{ a.device.nmae }}",
            "{{ .nmae }}",
            "{{ nmae }}",
        ] {
            let message = "there is no devices[].nmae in the values of devices[]";
            let hint = "did you mean devices[].name?";
            check(tag, message, hint, (message, hint));
        }
        let message = "there is no report.titel in the values of report";
        check("{{ report.titel }}", message, "x", (message, "x"));
    }

    #[test]
    fn what_is_supplied_is_listed_name_by_name() {
        let row = Shape::map([
            ("name", Shape::Plain),
            ("an ip", Shape::optional(Shape::Any)),
        ]);
        let shape = Shape::map([
            ("rows", Shape::list(row)),
            ("rowsets", Shape::Plain),
            ("none", Shape::map::<String>([])),
        ]);
        let check = |paths: &[&str], expected: &[&str]| {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            assert_eq!(leaves(&shape, &paths), expected, "{paths:?}");
        };
        check(&["rows"], &["rows[][\"an ip\"]", "rows[].name"]);
        check(&["rows[].name", "none"], &["none", "rows[].name"]);
        check(&["rowsets"], &["rowsets"]);
        check(&[], &[]);
    }
}
