//! What a section is: a loop, or a question. docxtemplater decides by the data when it fills; a template says it.

use std::collections::HashSet;

use super::expression::Expr;
use super::sample::Shape;
use super::scopes::{Scope, ScopeKind, Scopes, singular};
use super::translate::{OR, POSTFIX, Piece, Translator};

/// What stands inside a section, as far as it is needed to guess.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Names of tags that are in no section inside it.
    pub(super) names: HashSet<String>,
    /// Whether the item itself or its number is used.
    pub(super) uses_item: bool,
    /// Whether it repeats table rows.
    pub(super) repeats_rows: bool,
}

/// A section as a template has it.
#[derive(Debug)]
pub(super) struct Section<'s> {
    /// `for device in devices`
    pub(super) opening: String,
    /// `endfor`
    pub(super) closing: &'static str,
    /// Where names inside are looked for first.
    pub(super) scope: Option<Scope<'s>>,
    /// True when it was guessed.
    pub(super) guessed: bool,
}

/// Prefixes of names that ask a question.
const QUESTIONS: &[&str] = &[
    "is", "has", "have", "can", "show", "with", "no", "if", "should", "needs",
];

/// Decides what the section `{#expr}` or `{^expr}` is.
///
/// # Errors
/// What has no counterpart, in words.
pub(super) fn decide<'s>(
    expr: &Expr,
    inverted: bool,
    body: &Body,
    scopes: &Scopes<'s>,
    used: &Names,
) -> Result<Section<'s>, String> {
    let translator = Translator { scopes };
    if inverted {
        return Ok(Section {
            opening: format!(
                "if {}",
                translator.truth(&Expr::Not(Box::new(expr.clone())))?.text
            ),
            closing: "endif",
            scope: None,
            guessed: false,
        });
    }
    let value = translator.value(expr)?;
    let known = value.shape.filter(|shape| **shape != Shape::default());
    let (what, guessed) = match known {
        Some(shape) if shape.items.is_some() => (What::List, false),
        Some(shape) if shape.is_object() => (What::Object, false),
        Some(_) => (What::Question, false),
        None => guess(expr, body, used),
    };
    let asked = || translator.truth(expr);
    Ok(match what {
        What::List => list(expr, &value, body, scopes, used, guessed),
        What::Object => Section {
            opening: format!("if {}", asked()?.text),
            closing: "endif",
            scope: Some(scope(
                ScopeKind::Object(value.within(POSTFIX)),
                value.shape,
                body,
            )),
            guessed,
        },
        What::Either => Section {
            opening: format!("if {}", asked()?.text),
            closing: "endif",
            scope: Some(scope(ScopeKind::Either(value.within(POSTFIX)), None, body)),
            guessed,
        },
        What::Question => Section {
            opening: format!("if {}", asked()?.text),
            closing: "endif",
            scope: None,
            guessed,
        },
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    List,
    Object,
    Either,
    Question,
}

/// Names used in the whole document.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By tags that print a value.
    pub(super) printed: HashSet<String>,
    /// Anywhere: no loop's variable may be called so.
    pub(super) all: HashSet<String>,
}

fn list<'s>(
    expr: &Expr,
    value: &Piece<'s>,
    body: &Body,
    scopes: &Scopes<'s>,
    used: &Names,
    guessed: bool,
) -> Section<'s> {
    let mut taken = used.all.clone();
    taken.extend(scopes.stack.iter().filter_map(|scope| match &scope.kind {
        ScopeKind::List(variable) => Some(variable.clone()),
        _ => None,
    }));
    let variable = singular(name_of(expr).unwrap_or("items"), &taken);
    // Without a sample a list is taken to be there: that it is not is worth an error.
    let iterable = if value.sure || scopes.root.is_none() {
        // A choice would be read as a loop's filter.
        value.within(OR)
    } else {
        value.filtered("default([], true)")
    };
    let shape = value.shape.and_then(|shape| shape.items.as_deref());
    Section {
        opening: format!("for {variable} in {iterable}"),
        closing: "endfor",
        scope: Some(scope(ScopeKind::List(variable), shape, body)),
        guessed,
    }
}

fn scope<'s>(kind: ScopeKind, shape: Option<&'s Shape>, body: &Body) -> Scope<'s> {
    Scope {
        kind,
        shape,
        names: body.names.clone(),
    }
}

/// The name that a list goes by: the last of its path.
pub(super) fn name_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) | Expr::Field(_, name) => Some(name),
        Expr::Filter(inner, ..) | Expr::Call(inner, ..) => name_of(inner),
        Expr::At(inner, index) => match &**index {
            Expr::Text(name) => Some(name),
            _ => name_of(inner),
        },
        _ => None,
    }
}

/// What it is when no sample tells; true when it could be otherwise.
fn guess(expr: &Expr, body: &Body, used: &Names) -> (What, bool) {
    match expr {
        Expr::Both(..) | Expr::Not(_) | Expr::Bool(_) | Expr::Number(_) | Expr::Text(_) => {
            return (What::Question, false);
        }
        Expr::Filter(_, name, _) if name == "length" || name == "size" => {
            return (What::Question, false);
        }
        Expr::Filter(..) | Expr::List(_) => return (What::List, false),
        Expr::Field(_, name) if name == "length" => return (What::Question, false),
        _ => {}
    }
    let name = name_of(expr).unwrap_or_default();
    if body.uses_item {
        return (What::List, false);
    }
    if asks(name) || used.printed.contains(name) || body.names.is_empty() {
        return (What::Question, true);
    }
    let plural = name.ends_with('s')
        && !name.ends_with("ss")
        && !name.ends_with("us")
        && !name.ends_with("is");
    if plural
        || body.repeats_rows
        || ["rows", "list", "data", "items"]
            .iter()
            .any(|end| name.ends_with(end))
    {
        return (What::List, true);
    }
    (What::Either, true)
}

/// `hasKitty`, `is_open`
pub(super) fn asks(name: &str) -> bool {
    QUESTIONS.iter().any(|word| {
        name.strip_prefix(word)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_uppercase() || c == '_'))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::docxtemplater::expression::parse;

    fn section(text: &str, inverted: bool, body: &Body, sample: Option<&Shape>) -> (String, bool) {
        let scopes = Scopes {
            root: sample,
            root_names: HashSet::new(),
            stack: Vec::new(),
        };
        let used = Names {
            printed: HashSet::from(["note".to_owned()]),
            ..Names::default()
        };
        let section = decide(&parse(text).unwrap(), inverted, body, &scopes, &used).unwrap();
        (
            format!("{} … {}", section.opening, section.closing),
            section.guessed,
        )
    }

    #[test]
    fn a_sample_decides() {
        let shape = Shape::of(
            &json!({"devices": [{"a": 1}], "owner": {"name": "x"}, "open": true, "gap": null, "empty": []}),
        );
        let body = Body::default();
        let check = |text, inverted, expected: &str| {
            let (found, guessed) = section(text, inverted, &body, Some(&shape));
            assert_eq!(found, expected, "{text}");
            assert!(!guessed, "{text}");
        };
        check("devices", false, "for device in devices … endfor");
        check("devices", true, "if not devices … endif");
        check("owner", false, "if owner … endif");
        check("open", false, "if open … endif");
        check("empty", false, "for empty_item in empty … endfor");
        check("devices.length > 3", false, "if devices|length > 3 … endif");
        check(
            "devices | sortBy:'a'",
            false,
            "for device in devices|sort(attribute=\"a\") … endfor",
        );
        check("gap", true, "if not gap|default … endif");
    }

    #[test]
    fn without_a_sample_it_is_guessed() {
        let plain = Body {
            names: HashSet::from(["name".to_owned()]),
            ..Body::default()
        };
        let rows = Body {
            repeats_rows: true,
            names: HashSet::from(["name".to_owned()]),
            ..Body::default()
        };
        let item = Body {
            uses_item: true,
            ..Body::default()
        };
        let check = |text, body: &Body, expected: &str, expected_guess| {
            let (found, guessed) = section(text, false, body, None);
            assert_eq!(
                (found.as_str(), guessed),
                (expected, expected_guess),
                "{text}"
            );
        };
        check("devices", &plain, "for device in devices … endfor", true);
        check("unit", &rows, "for unit_item in unit … endfor", true);
        check("colour", &item, "for colour_item in colour … endfor", false);
        check("hasKitty", &plain, "if hasKitty|default … endif", true);
        check("note", &plain, "if note|default … endif", true);
        check("status", &plain, "if status|default … endif", true);
        check("flag", &Body::default(), "if flag|default … endif", true);
        check("a > 1", &plain, "if a > 1 … endif", false);
    }
}
