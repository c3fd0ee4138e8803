use std::collections::HashSet;

use serde_json::json;

use super::Translator;
use crate::docxtemplater::expression::parse;
use crate::docxtemplater::sample::Shape;
use crate::docxtemplater::scopes::{Scope, ScopeKind, Scopes};

fn translate(text: &str, sample: Option<&Shape>) -> String {
    let item = sample.and_then(|shape| shape.field("rows")?.0.items.as_deref());
    let scopes = Scopes {
        root: sample,
        root_names: HashSet::new(),
        stack: vec![Scope {
            kind: ScopeKind::List("row".into()),
            shape: item,
            names: HashSet::new(),
        }],
    };
    let translator = Translator { scopes: &scopes };
    match parse(text).and_then(|expr| translator.value(&expr)) {
        Ok(piece) => piece.text,
        Err(fault) => format!("error: {fault}"),
    }
}

#[test]
fn expressions_keep_their_meaning() {
    let check = |text, expected: &str| assert_eq!(translate(text, None), expected, "{text}");
    check("a", "row.a");
    check(".", "row");
    check("a.b['c d']", "row.a.b[\"c d\"]");
    check("a[0].b", "row.a[0].b");
    check("$index + 1", "loop.index0 + 1");
    check("a.length > 0", "row.a|length > 0");
    check(
        "a && !b || c",
        "row.a|default and not row.b|default or row.c|default",
    );
    check("!(a || b)", "not (row.a|default or row.b|default)");
    check("a === 'x'", "row.a == \"x\"");
    check(
        "a ? 1 : b ? 2 : 3",
        "1 if row.a|default else 2 if row.b|default else 3",
    );
    check("(a ? 1 : 2) + 3", "(1 if row.a|default else 2) + 3");
    check("a + ' ' + b", "row.a ~ \" \" ~ row.b");
    check("a + b * 2", "row.a + row.b * 2");
    check("(a + b) * 2", "(row.a + row.b) * 2");
    check("a - (b - c)", "row.a - (row.b - row.c)");
    check("-a", "-row.a");
    check(
        "(a + 1) | toFixed:2",
        "(row.a + 1)|number(2, thousands=\"\")",
    );
    check("a | upper", "row.a|upper");
    check("a.toUpperCase()", "row.a|upper");
    check("a.join(', ')", "row.a|join(\", \")");
    check("a.includes('x')", "\"x\" in row.a");
    check("list | sortBy:'name'", "row.list|sort(attribute=\"name\")");
    check("'say \"hi\"'", "\"say \\\"hi\\\"\"");
    check("null", "none");
    check(
        "a | money",
        "error: the filter money is code of the old system that the template does not carry along",
    );
    check("a.foo()", "error: the method foo() has no counterpart");
    check(
        "1 + (b = 2)",
        "error: a value is given inside an expression",
    );
}

#[test]
fn a_sample_makes_it_exact() {
    let shape = Shape::of(&json!({
        "title": "t", "unit": "h",
        "rows": [{"a": "x", "n": 1, "b": true, "unit": "min"}, {"a": "y", "n": 2}],
    }));
    let check =
        |text, expected: &str| assert_eq!(translate(text, Some(&shape)), expected, "{text}");
    check("a", "row.a");
    check("title", "title");
    check("unit", "row.unit if row.unit is defined else unit");
    check("a && b", "row.a and row.b|default");
    check("b == true", "row.b|default == true");
    check("n + n", "row.n + row.n");
    check("a + n", "row.a ~ row.n");
    check("nowhere", "row.nowhere");
}
