//! The shipped folder has no fault; each rule refuses the folder once it is broken.

use serde_json::{Value, json};

use super::*;
use crate::folder::INDEX;

const ROW: &str = "devices/v1/row.schema.json";
const PARAMS: &str = "devices/v1/params.schema.json";
const UI: &str = "devices/v1/params.ui.json";
const ABOUT: &str = "devices/dataset.json";

fn shipped() -> Folder {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let mut folder = Folder::read(&root).unwrap();
    // Another test may be rewriting the index just now.
    let index = folder.index();
    folder.insert(INDEX, index.into_bytes());
    folder
}

fn change(folder: &mut Folder, path: &str, edit: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(folder.get(path).unwrap()).unwrap();
    edit(&mut value);
    folder.insert(path, value.to_string().into_bytes());
}

/// Makes an edit and looks for the one fault that it must bring; the index is brought up to date.
#[track_caller]
fn refused(edit: impl FnOnce(&mut Folder), rule: Rule, expected: &str) {
    let mut folder = shipped();
    edit(&mut folder);
    let index = folder.index();
    folder.insert(INDEX, index.into_bytes());
    let faults = lint(&folder);
    let told: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(
        faults
            .iter()
            .any(|fault| fault.rule == rule && fault.to_string().contains(expected)),
        "no {} with {expected:?} in {told:#?}",
        rule.as_str()
    );
}

/// Edits a schema; the rule speaks, and without it the schema of schemas would (`in_meta`).
#[track_caller]
fn schema(path: &str, pointer: &str, to: Value, rule: Rule, expected: &str, in_meta: bool) {
    let edit = |schema: &mut Value| {
        let (place, key) = pointer.rsplit_once('/').unwrap();
        let place = schema.pointer_mut(place).unwrap().as_object_mut().unwrap();
        if to.is_null() {
            place.shift_remove(key);
        } else {
            place.insert(key.to_owned(), to.clone());
        }
    };
    refused(|folder| change(folder, path, edit), rule, expected);
    let mut edited: Value = serde_json::from_slice(shipped().get(path).unwrap()).unwrap();
    edit(&mut edited);
    let mut faults = Faults::default();
    meta::Meta::Contract.check(&edited, &mut faults);
    assert_eq!(
        faults.count() > 0,
        in_meta,
        "the schema of schemas: {:?}",
        faults.all
    );
}

#[test]
fn the_shipped_folder_has_no_fault() {
    let told: Vec<String> = lint(&shipped()).iter().map(Fault::to_string).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn keywords_and_words() {
    let check = |pointer, to, rule, expected| schema(ROW, pointer, to, rule, expected, true);
    check(
        "/properties/os/maxLenght",
        json!(9),
        Rule::Keyword,
        "\"maxLenght\" is misspelt",
    );
    check(
        "/properties/os/patternProperties",
        json!({}),
        Rule::Keyword,
        "patternProperties",
    );
    check("/$dynamicRef", json!("#x"), Rule::Keyword, "$dynamicRef");
    check(
        "/properties/os/format",
        json!("hostnam"),
        Rule::Keyword,
        "\"format\" must be one of",
    );
    check(
        "/properties/os/title",
        Value::Null,
        Rule::Words,
        "has no \"title\"",
    );
    check(
        "/properties/os/description",
        Value::Null,
        Rule::Words,
        "has no \"description\"",
    );
    check(
        "/properties/os/type",
        Value::Null,
        Rule::Type,
        "has no \"type\"",
    );
    check(
        "/properties/os/type",
        json!("text"),
        Rule::Type,
        "\"type\" must be",
    );
    check(
        "/properties/os/type",
        json!(["string", "integer"]),
        Rule::Type,
        "\"type\" must be",
    );
    check(
        "/properties/os/x-sensitivity",
        Value::Null,
        Rule::Sensitivity,
        "x-sensitivity",
    );
    check(
        "/properties/os/x-sensitivity",
        json!("secret"),
        Rule::Sensitivity,
        "none, internal or personal",
    );
    check(
        "/$schema",
        json!("http://json-schema.org/draft-07/schema#"),
        Rule::Identity,
        "2020-12",
    );
    schema(
        ROW,
        "/$id",
        json!("https://schemas.spokegate.invalid/devices/v2/row.json"),
        Rule::Identity,
        "v1/row.json",
        false,
    );
    let stranger =
        json!({"title": "A", "description": "B", "type": "boolean", "x-sensitivity": "none"});
    check(
        "/properties/Os Version",
        stranger,
        Rule::Words,
        "lower-case",
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn nothing_is_open_or_unbounded() {
    let check = |pointer, to, rule, expected| schema(ROW, pointer, to, rule, expected, true);
    check(
        "/additionalProperties",
        Value::Null,
        Rule::Open,
        "undeclared members",
    );
    check(
        "/additionalProperties",
        json!(true),
        Rule::Open,
        "undeclared members",
    );
    check(
        "/properties/os/maxLength",
        Value::Null,
        Rule::Bounds,
        "a text needs \"maxLength\"",
    );
    check(
        "/properties/os/maxLength",
        json!(65_537),
        Rule::Bounds,
        "a text needs \"maxLength\"",
    );
    check(
        "/properties/os/x-text",
        Value::Null,
        Rule::TextClass,
        "a text needs \"x-text\"",
    );
    check(
        "/properties/os/x-text",
        json!("lines"),
        Rule::TextClass,
        "\"x-text\" must be",
    );
    check(
        "/properties/os/x-text",
        json!("ident"),
        Rule::TextClass,
        "needs a \"pattern\"",
    );
    let number = |minimum: Value, maximum: Value| json!({"title": "N", "description": "N.", "type": "integer", "minimum": minimum, "maximum": maximum, "x-sensitivity": "none"});
    check(
        "/properties/n",
        number(Value::Null, json!(1)),
        Rule::Bounds,
        "a number needs",
    );
    check(
        "/properties/n",
        number(json!(0), json!(1e17)),
        Rule::Bounds,
        "a number needs",
    );
    schema(
        ROW,
        "/properties/n",
        number(json!(2), json!(1)),
        Rule::Bounds,
        "is greater",
        false,
    );
    let array = |more: Value| {
        let mut array = json!({"title": "A", "description": "A.", "type": "array"});
        array
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        array
    };
    let items = number(json!(0), json!(1));
    check(
        "/properties/a",
        array(json!({"items": items})),
        Rule::Bounds,
        "needs \"maxItems\"",
    );
    check(
        "/properties/a",
        array(json!({"maxItems": 3})),
        Rule::Type,
        "\"items\"",
    );
    check(
        "/properties/a",
        array(json!({"items": items, "maxItems": 20_001})),
        Rule::Bounds,
        "needs \"maxItems\"",
    );
    let map =
        json!({"title": "M", "description": "M.", "type": "object", "additionalProperties": items});
    check("/properties/m", map, Rule::Open, "lets any name in");
    schema(
        ROW,
        "/properties/os/minLength",
        json!(81),
        Rule::Bounds,
        "\"minLength\" is greater",
        false,
    );
    let large = |row: &mut Value| {
        for name in ["os", "owner"] {
            row["properties"][name]["maxLength"] = json!(40_000);
        }
    };
    refused(
        |folder| change(folder, ROW, large),
        Rule::RowSize,
        "a row may have 131",
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn patterns_and_references_and_branches() {
    let check = |pointer, to, rule, expected| schema(ROW, pointer, to, rule, expected, false);
    schema(
        ROW,
        "/properties/os/pattern",
        json!("[a-z]+"),
        Rule::Pattern,
        "must begin with ^",
        true,
    );
    check(
        "/properties/os/pattern",
        json!("^a|b$"),
        Rule::Pattern,
        "must begin with ^",
    );
    check(
        "/properties/os/pattern",
        json!("^a\\$"),
        Rule::Pattern,
        "must begin with ^",
    );
    check(
        "/properties/os/pattern",
        json!("^(a)\\1$"),
        Rule::Pattern,
        "does not compile",
    );
    check(
        "/properties/os/pattern",
        json!("^((((a{100}){100}){100}){100})$"),
        Rule::Pattern,
        "does not compile",
    );
    let away = json!({"$ref": "https://example.org/x.json"});
    schema(
        ROW,
        "/properties/os",
        away,
        Rule::Reference,
        "no shared type",
        true,
    );
    let missing = json!({"$ref": "https://schemas.spokegate.invalid/_common/v1/nothing.json"});
    check("/properties/os", missing, Rule::Reference, "no shared type");
    schema(
        ROW,
        "/properties/hostname/maxLength",
        json!(9),
        Rule::Reference,
        "\"maxLength\" beside",
        true,
    );
    let local = json!({"title": "L", "description": "L.", "$ref": "#/$defs/nothing"});
    check(
        "/properties/local",
        local.clone(),
        Rule::Reference,
        "leads nowhere",
    );
    check(
        "/$defs",
        json!({"nothing": local}),
        Rule::Reference,
        "in a circle",
    );
    let branch = json!({"minLength": 1});
    schema(
        ROW,
        "/properties/os/anyOf",
        json!(vec![branch; 9]),
        Rule::Branches,
        "more than 8 branches",
        true,
    );
    // 4 ways each of 5 steps deep: 1,024.
    let steep = (0..5).fold(
        json!({"minLength": 1}),
        |inner, _| json!({"anyOf": [inner, inner, inner, inner]}),
    );
    check(
        "/properties/os/anyOf",
        json!([steep, {"minLength": 1}]),
        Rule::Branches,
        "ways through",
    );
    let conditions = (0..4).fold(
        json!({"minLength": 1}),
        |inner, _| json!({"if": {"minLength": 2}, "then": inner}),
    );
    check(
        "/properties/os/allOf",
        json!([conditions]),
        Rule::Branches,
        "deeper than 3 conditions",
    );
    let deep = (0..17).fold(
        json!({"minLength": 1}),
        |inner, _| json!({"allOf": [inner]}),
    );
    check(
        "/properties/os/allOf",
        json!([deep]),
        Rule::Bounds,
        "nested deeper",
    );
}

#[test]
fn a_schema_does_not_speak_against_itself() {
    let check = |pointer, to, expected, in_meta| {
        schema(ROW, pointer, to, Rule::Consistency, expected, in_meta)
    };
    check(
        "/required",
        json!(["hostname", "colour"]),
        "requires \"colour\"",
        false,
    );
    check(
        "/properties/os/default",
        json!(5),
        "the schema itself refuses",
        false,
    );
    check(
        "/properties/kind/enum",
        json!(["server", 5]),
        "the schema itself refuses",
        false,
    );
    schema(
        ROW,
        "/properties/kind/enum",
        json!([]),
        Rule::Bounds,
        "1 to 200 values",
        true,
    );
}

#[test]
fn parameters_fit_a_form() {
    let items =
        json!({"title": "I", "description": "I.", "type": "boolean", "x-sensitivity": "none"});
    let list =
        json!({"title": "L", "description": "L.", "type": "array", "maxItems": 3, "items": items});
    schema(
        PARAMS,
        "/properties/list",
        list,
        Rule::Params,
        "no control",
        false,
    );
    let ui = |pointer: &'static str, to: Value, expected: &str| {
        let edit = move |value: &mut Value| *value.pointer_mut(pointer).unwrap() = to;
        refused(|folder| change(folder, UI, edit), Rule::Ui, expected);
    };
    ui("/ui:order", json!(["kind"]), "leaves \"limit\" out");
    ui(
        "/ui:order",
        json!(["kind", "colour", "*"]),
        "\"colour\" is no parameter; known: kind, limit",
    );
    ui("/kind/ui:widget", json!("text"), "takes select");
    ui("/limit/ui:widget", json!("checkbox"), "takes updown");
    ui(
        "/kind/ui:options/enumNames",
        json!(["Server"]),
        "1 labels for 6 values",
    );
    let stranger = |ui: &mut Value| ui["colour"] = json!({"ui:help": "Which?"});
    refused(
        |folder| change(folder, UI, stranger),
        Rule::Ui,
        "known: kind, limit",
    );
    let help = |ui: &mut Value| ui["kind"]["ui:hlep"] = json!("Which?");
    refused(
        |folder| change(folder, UI, help),
        Rule::Metaschema,
        "ui.meta.json",
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_dataset_is_whole() {
    let about = |edit: fn(&mut Value), rule, expected: &str| {
        refused(|folder| change(folder, ABOUT, edit), rule, expected)
    };
    about(
        |a| a["id"] = json!("device"),
        Rule::Dataset,
        "as the folder",
    );
    about(
        |a| a["deprecated"] = json!([1]),
        Rule::Dataset,
        "the newest major",
    );
    about(
        |a| a["deprecated"] = json!([7]),
        Rule::Dataset,
        "v7 has no folder",
    );
    about(
        |a| a["personal_data"] = json!(false),
        Rule::Sensitivity,
        "must be true",
    );
    about(
        |a| a["limits"]["rows"] = json!(1_000_001),
        Rule::Metaschema,
        "/limits/rows",
    );
    about(
        |a| drop(a.as_object_mut().unwrap().shift_remove("limits")),
        Rule::Metaschema,
        "dataset.meta.json",
    );
    about(|a| a["kinds"] = json!([]), Rule::Metaschema, "/kinds");
    about(
        |a| a["owner"] = json!("me"),
        Rule::Metaschema,
        "additionalProperties",
    );
    let gone = |path: &'static str, rule, expected: &str| {
        refused(|folder| folder.remove(path), rule, expected)
    };
    gone(
        ROW,
        Rule::Layout,
        "row.schema.json: layout: the file is missing",
    );
    gone(PARAMS, Rule::Layout, "the file is missing");
    gone(ABOUT, Rule::Layout, "the file is missing");
    gone("devices/v1/CHANGELOG.md", Rule::Changelog, "# devices v1");
    gone(
        "devices/v1/examples/ok-least.json",
        Rule::Examples,
        "has 1 ok-*.json",
    );
    refused(
        |folder| {
            let place = "devices/v1/examples/params";
            let names: Vec<String> = folder.below(place).map(str::to_owned).collect();
            for name in names.iter().filter(|name| name.starts_with("bad-")) {
                folder.remove(&format!("{place}/{name}"));
            }
        },
        Rule::Examples,
        "has 2 ok-*.json and 0 bad-*.json, needs at least 1 and 1",
    );
    let put = |path: &'static str, text: &'static str, rule, expected: &str| {
        refused(|folder| folder.insert(path, text.into()), rule, expected)
    };
    put(
        "devices/v1/CHANGELOG.md",
        "# devices v1\n\n## 1.0\n",
        Rule::Changelog,
        "what changed",
    );
    put(
        "devices/v1/CHANGELOG.md",
        "# devices v2\n\n## 1.0\n\n- First.\n",
        Rule::Changelog,
        "# devices v1",
    );
    put(
        "devices/v1/rows.schema.json",
        "{}",
        Rule::Layout,
        "no file of this name",
    );
    put(
        "devices/v1/examples/good.json",
        "{}",
        Rule::Layout,
        "no file of this name",
    );
    put(
        "_meta/contract.meta.json",
        "{}",
        Rule::Layout,
        "another schema of schemas",
    );
    put(
        "_common/v1/new.json",
        "{}",
        Rule::Identity,
        "_common/v1/new.json",
    );
    put(ROW, "{", Rule::Json, "is not JSON");
}

#[test]
fn the_index_is_up_to_date() {
    let mut folder = shipped();
    folder.insert(INDEX, b"{}".to_vec());
    let told: Vec<_> = lint(&folder).iter().map(|fault| fault.rule).collect();
    assert_eq!(told, [Rule::Index]);
}
