//! How a field is shown.

use crate::shape::{Field, FieldKind};

/// The tag that prints a field of the object `base`.
pub(super) fn tag(base: &str, field: &Field) -> String {
    let name = &field.name;
    let path = if is_plain(name) {
        format!("{base}.{name}")
    } else {
        format!("{base}[\"{name}\"]")
    };
    // Filters print nothing for null.
    let value = if field.optional {
        format!("{path}|default(none)")
    } else {
        path.clone()
    };
    let body = match field.kind {
        FieldKind::Text | FieldKind::Choice(_) => value,
        FieldKind::Count => format!("{value}|number"),
        FieldKind::Quantity => format!("{value}|number(2)"),
        FieldKind::Bytes => format!("{value}|bytes"),
        FieldKind::Seconds => format!("{value}|duration"),
        FieldKind::Day => format!("{value}|date"),
        FieldKind::Moment => format!("{value}|datetime"),
        FieldKind::Truth if field.optional => {
            format!(
                "\"yes\" if {path}|default(none) else \"\" if {path}|default(none) is none else \"no\""
            )
        }
        FieldKind::Truth => format!("\"yes\" if {path} else \"no\""),
        FieldKind::Money if field.optional => format!(
            "({path}.minor_units / 100)|currency({path}.currency) if {path}|default(none) is not none else \"\""
        ),
        FieldKind::Money => format!("({path}.minor_units / 100)|currency({path}.currency)"),
        FieldKind::List => format!("{path}|default([], true)|join(\", \")"),
        FieldKind::Other => format!("{path}|default(none)|default(\"\", true)"),
    };
    format!("{{{{ {body} }}}}")
}

/// Whether its values stand at the right, as quantities do.
pub(super) fn is_right(field: &Field) -> bool {
    matches!(
        field.kind,
        FieldKind::Count
            | FieldKind::Quantity
            | FieldKind::Bytes
            | FieldKind::Seconds
            | FieldKind::Money
    )
}

/// How much of a table's width it wants.
pub(super) fn weight(field: &Field) -> u64 {
    let wanted = match &field.kind {
        FieldKind::Truth => 7,
        FieldKind::Count | FieldKind::Bytes | FieldKind::Seconds | FieldKind::Quantity => 9,
        FieldKind::Choice(texts) => texts
            .iter()
            .map(|text| text.len() as u64 + 2)
            .max()
            .unwrap_or(8),
        FieldKind::Day | FieldKind::Money => 12,
        FieldKind::Moment => 15,
        FieldKind::Text => (field.length_max.unwrap_or(40) / 5).clamp(9, 24),
        FieldKind::List | FieldKind::Other => 20,
    };
    // The title must have its place too.
    let longest = field.title.split(' ').map(str::len).max().unwrap_or(0) as u64;
    wanted.max(longest + 2)
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_shown_by_what_they_hold() {
        let check = |kind: FieldKind, optional, expected: &str| {
            let field = Field {
                name: "x".into(),
                title: "X".into(),
                kind,
                optional,
                length_max: None,
            };
            assert_eq!(tag("row", &field), expected);
        };
        check(FieldKind::Text, false, "{{ row.x }}");
        check(FieldKind::Text, true, "{{ row.x|default(none) }}");
        check(FieldKind::Count, false, "{{ row.x|number }}");
        check(FieldKind::Bytes, true, "{{ row.x|default(none)|bytes }}");
        check(FieldKind::Moment, false, "{{ row.x|datetime }}");
        check(
            FieldKind::Truth,
            false,
            "{{ \"yes\" if row.x else \"no\" }}",
        );
        check(
            FieldKind::List,
            false,
            "{{ row.x|default([], true)|join(\", \") }}",
        );
    }
}
