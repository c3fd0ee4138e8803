use std::path::Path;

use docx_jinja::{Shape, Template};
use serde_json::json;
use spokegate_contract::Registry;

use super::supplied;
use crate::relay::Contracts;
use crate::render::value;
use crate::reports::outline;
use crate::testing::schemas;

fn overview() -> (std::path::PathBuf, Shape) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/customer-overview");
    let contracts = Contracts::compile(&Registry::open(&schemas()).unwrap()).unwrap();
    let outline = outline(&folder, &contracts).unwrap();
    let shape = supplied(&outline.needs, &outline.form, &contracts);
    (folder, shape)
}

/// Every path of a shape that has fields, with `?` for those that may be left out.
fn paths(shape: &Shape, at: &str, list: &mut Vec<String>) {
    match shape {
        Shape::Map(fields) => {
            for (name, field) in fields {
                paths(field, &format!("{at}.{name}"), list);
            }
        }
        Shape::List(item) => paths(item, &format!("{at}[]"), list),
        Shape::Optional(inner) => paths(inner, &format!("{at}?"), list),
        Shape::Any => list.push(format!("{at}*")),
        Shape::Plain => list.push(at.to_owned()),
    }
}

#[test]
fn the_shape_of_a_run_is_that_of_its_sample() {
    let (folder, shape) = overview();
    let sample = std::fs::read(folder.join("sample.json")).unwrap();
    let sample = Shape::of(&value(serde_json::from_slice(&sample).unwrap()));
    let listed = |shape| {
        let mut list = Vec::new();
        paths(shape, "", &mut list);
        list
    };
    let known = listed(&shape);
    assert!(
        known.contains(&".tenants[].devices.rows[].hostname".to_owned()),
        "{known:#?}"
    );
    // What is null in the sample has a type in the contract.
    for path in listed(&sample) {
        let path = path.trim_end_matches('*').replace('?', "");
        assert!(
            known.iter().any(|known| known.replace('?', "") == path),
            "{path} is in the sample only"
        );
    }
}

#[test]
fn the_shipped_template_fits_its_report() {
    let (folder, shape) = overview();
    let template =
        Template::compile(&std::fs::read(folder.join("template.docx")).unwrap()).unwrap();
    let comparison = template.inspect().compare(&shape);
    assert_eq!(comparison.faults, []);
    assert_eq!(comparison.warnings, []);
}

#[test]
fn schemas_give_shapes() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["a", "list"],
        "properties": {
            "a": {"type": "string"},
            "b": {"type": ["integer", "null"]},
            "list": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "open": {"type": "object"},
            "either": {"oneOf": [{"type": "string"}, {"type": "object"}]},
        },
        "$defs": {"item": {"type": "object", "additionalProperties": false, "required": ["x"],
            "properties": {"x": {"enum": [1, 2]}, "again": {"$ref": "#/$defs/nowhere"}}}},
    });
    let item = Shape::map([("x", Shape::Plain), ("again", Shape::optional(Shape::Any))]);
    let expected = Shape::map([
        ("a", Shape::Plain),
        ("b", Shape::optional(Shape::Plain)),
        ("list", Shape::list(item)),
        ("open", Shape::optional(Shape::Any)),
        ("either", Shape::optional(Shape::Any)),
    ]);
    assert_eq!(super::shape::of_schema(&schema, &schema, 0), expected);
}
