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
        FieldKind::Bits => format!("{value}|number if {value} else \"\""),
        FieldKind::List => format!("{path}|default([], true)|join(\", \")"),
        // A text that fills its line would leave a comma to the next one.
        FieldKind::Lines => format!("{path}|default([], true)|join(\"\\n\")"),
        FieldKind::Other => format!("{path}|default(none)|default(\"\", true)"),
    };
    format!("{{{{ {body} }}}}")
}

/// Whether its values stand at the right, as quantities do.
pub(super) fn is_right(field: &Field) -> bool {
    matches!(
        field.kind,
        FieldKind::Count
            | FieldKind::Bits
            | FieldKind::Quantity
            | FieldKind::Bytes
            | FieldKind::Seconds
            | FieldKind::Money
    )
}

/// The width of a bold letter in a table, and of what stands around a cell's text, in twentieths of a point.
const LETTER: usize = 100;
const AROUND: usize = 190;

/// The least width of its column: the longest word of its title.
pub(super) fn least(field: &Field) -> usize {
    let words = field.title.split_whitespace();
    let longest = words.map(|word| word.chars().count()).max();
    longest.unwrap_or(0) * LETTER + AROUND
}

/// The width that its values want.
pub(super) fn wanted(field: &Field) -> usize {
    let letters = match &field.kind {
        FieldKind::Truth => 5,
        FieldKind::Count
        | FieldKind::Bits
        | FieldKind::Bytes
        | FieldKind::Seconds
        | FieldKind::Quantity => 9,
        FieldKind::Choice(texts) => {
            let longest = texts.iter().map(|text| text.chars().count()).max();
            longest.unwrap_or(8)
        }
        FieldKind::Money => 12,
        // "22 November 2026", and with a time.
        FieldKind::Day => 16,
        FieldKind::Moment => 23,
        FieldKind::Text => {
            let most = field.length_max.unwrap_or(40) / 5;
            most.clamp(9, 24) as usize
        }
        FieldKind::List | FieldKind::Lines | FieldKind::Other => 20,
    };
    letters * LETTER + AROUND
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
            FieldKind::Bits,
            false,
            "{{ row.x|number if row.x else \"\" }}",
        );
        check(
            FieldKind::Lines,
            false,
            "{{ row.x|default([], true)|join(\"\\n\") }}",
        );
        check(
            FieldKind::List,
            false,
            "{{ row.x|default([], true)|join(\", \") }}",
        );
    }
}
