use serde_json::{Value, json};

use super::*;

fn form(name: &str, property: Value, required: bool) -> Form {
    let required = if required { vec![name] } else { vec![] };
    Form::from_schema(&json!({
        "type": "object", "additionalProperties": false, "properties": {name: property}, "required": required,
    }))
    .unwrap()
}

#[track_caller]
fn check(property: Value, text: &str, expected: Result<Value, &str>) {
    let form = form("field", property.clone(), true);
    let pairs = [
        ("field".to_string(), text.to_string()),
        ("token".into(), "x".into()),
    ];
    let read = form.read(&pairs);
    match expected {
        Ok(value) => assert_eq!(
            read.unwrap().get("field"),
            Some(&value),
            "{property} {text:?}"
        ),
        Err(sentence) => {
            let faults = read.unwrap_err();
            assert_eq!(faults.of("field"), Some(sentence), "{property} {text:?}");
            let controls = form.controls(Some(&pairs), &faults);
            assert_eq!(controls[0].fault, sentence);
            assert_eq!(controls[0].value, text, "what was typed is shown again");
        }
    }
}

#[test]
fn texts() {
    let property = json!({"type": "string", "minLength": 2, "maxLength": 5});
    check(property.clone(), "abcde", Ok(json!("abcde")));
    check(property.clone(), "  ab ", Ok(json!("ab")));
    check(property.clone(), "äöüéß", Ok(json!("äöüéß")));
    check(
        property.clone(),
        "abcdef",
        Err("Write at most 5 characters; this has 6."),
    );
    check(
        property.clone(),
        "a",
        Err("Write at least 2 characters; this has 1."),
    );
    check(property.clone(), "a\nb", Err("Write this on one line."));
    check(
        property.clone(),
        "a\u{7}b",
        Err("Leave out the control character U+0007."),
    );
    check(property.clone(), "", Err("Fill in this field."));
    check(property, "   ", Err("Fill in this field."));
    let long = json!({"type": "string", "maxLength": 500});
    check(long.clone(), "a\r\nb", Ok(json!("a\nb")));
    check(
        long,
        "a\u{1b}b",
        Err("Leave out the control character U+001B."),
    );
}

#[test]
fn integers() {
    let property = json!({"type": "integer", "minimum": 1, "maximum": 1000});
    let fault = Err("Enter a whole number from 1 to 1000.");
    check(property.clone(), "1", Ok(json!(1)));
    check(property.clone(), " 1000 ", Ok(json!(1000)));
    for text in [
        "0",
        "1001",
        "-1",
        "1.5",
        "1e2",
        "+5",
        "0x1",
        "ten",
        "1 0",
        "-",
        "99999999999999999999",
    ] {
        check(property.clone(), text, fault.clone());
    }
    check(
        json!({"type": "integer"}),
        "-9007199254740991",
        Ok(json!(-9_007_199_254_740_991_i64)),
    );
}

#[test]
fn numbers() {
    let property = json!({"type": "number", "minimum": 0, "maximum": 1});
    check(property.clone(), "0.5", Ok(json!(0.5)));
    for text in ["1.5", "-0.1", "nan", "inf", "0,5", "1e999"] {
        check(property.clone(), text, Err("Enter a number from 0 to 1."));
    }
    check(json!({"type": "number"}), "1e3", Ok(json!(1000.0)));
    check(
        json!({"type": "number"}),
        "x",
        Err("Enter a number, such as 12.5."),
    );
    check(
        json!({"type": "number", "minimum": 2}),
        "1",
        Err("Enter a number of at least 2."),
    );
    check(
        json!({"type": "number", "maximum": 2}),
        "3",
        Err("Enter a number of at most 2."),
    );
}

#[test]
fn choices_dates_and_boxes() {
    let choice =
        json!({"type": "string", "enum": ["all", "failed"], "x-labels": ["All", "Failed only"]});
    check(choice.clone(), "failed", Ok(json!("failed")));
    check(
        choice.clone(),
        "Failed only",
        Err("Choose one of the values in the list."),
    );
    check(choice, "", Err("Choose a value."));
    let date = json!({"type": "string", "format": "date"});
    check(date.clone(), "2026-02-28", Ok(json!("2026-02-28")));
    let fault = Err("Enter a day as year-month-day, such as 2026-01-31.");
    for text in [
        "2026-02-29",
        "28.02.2026",
        "2026-2-28",
        "2026-02-28T00:00",
        "tomorrow",
    ] {
        check(date.clone(), text, fault.clone());
    }
    let tick = json!({"type": "boolean"});
    check(tick.clone(), "true", Ok(json!(true)));
    check(tick.clone(), "on", Ok(json!(true)));
    check(tick.clone(), "", Ok(json!(false)));
    check(tick, "yes", Err("Tick the box or leave it empty."));
}

#[test]
fn optional_fields_may_stay_empty_and_twice_is_refused() {
    let form = form("note", json!({"type": "string", "maxLength": 9}), false);
    let pair = |value: &str| ("note".to_string(), value.to_string());
    assert!(form.read(&[]).unwrap().is_empty());
    assert!(form.read(&[pair("")]).unwrap().is_empty());
    let faults = form.read(&[pair("a"), pair("b")]).unwrap_err();
    assert_eq!(faults.of("note"), Some("Send this field once only."));
}

#[test]
fn controls_follow_the_schema() {
    let form = Form::from_schema(&json!({
        "type": "object", "additionalProperties": false, "required": ["title"],
        "properties": {
            "title": {"type": "string", "maxLength": 200, "title": "Heading", "description": "On the cover.", "default": "Overview"},
            "remarks": {"type": "string", "maxLength": 201},
            "short_box": {"type": "string", "maxLength": 50, "x-multiline": true},
            "limit": {"type": "integer", "minimum": 1, "maximum": 9, "default": 5},
            "share": {"type": "number", "maximum": 0.5},
            "details": {"type": "boolean", "default": true},
            "kind": {"type": "string", "enum": ["a", "b"], "default": "b"},
            "since": {"type": "string", "format": "date"},
        },
    }))
    .unwrap();
    let controls = form.controls(None, &FormFaults::default());
    let widgets: Vec<_> = controls
        .iter()
        .map(|c| (c.name.as_str(), c.widget))
        .collect();
    let expected = [
        ("title", "text"),
        ("remarks", "area"),
        ("short_box", "area"),
        ("limit", "number"),
        ("share", "number"),
        ("details", "check"),
        ("kind", "select"),
        ("since", "date"),
    ];
    assert_eq!(widgets, expected);
    let title = &controls[0];
    assert_eq!(
        (
            title.title.as_str(),
            title.help.as_str(),
            title.value.as_str()
        ),
        ("Heading", "On the cover.", "Overview")
    );
    assert!(title.required && !controls[1].required);
    let optional: Vec<_> = controls.iter().filter(|c| c.optional).collect();
    let optional: Vec<_> = optional.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        optional,
        ["remarks", "short_box", "share", "since"],
        "neither what has a default nor a check box"
    );
    assert_eq!(
        (
            controls[3].min.as_str(),
            controls[3].max.as_str(),
            controls[3].step
        ),
        ("1", "9", "1")
    );
    assert_eq!((controls[4].max.as_str(), controls[4].step), ("0.5", "any"));
    assert!(controls[5].checked);
    assert!(controls[6].choices[1].selected && !controls[6].choices[0].selected);
    assert_eq!(controls[2].title, "short box");
}

#[track_caller]
fn refused(schema: Value, expected: &str) {
    let faults = Form::from_schema(&schema).unwrap_err();
    assert!(
        faults.iter().any(|f| f.starts_with(expected)),
        "{faults:#?} has no {expected:?}"
    );
}

#[test]
fn schemas_that_no_form_can_show_are_refused_with_all_faults() {
    let with = |property: Value| json!({"type": "object", "additionalProperties": false, "properties": {"a": property}});
    refused(json!([]), "the schema must be a JSON object");
    refused(
        json!({"type": "array", "additionalProperties": false}),
        "/type: must be",
    );
    refused(
        json!({"type": "object"}),
        "/additionalProperties: must be false",
    );
    refused(
        json!({"type": "object", "additionalProperties": false, "required": ["x"]}),
        "/required: \"x\" is not",
    );
    refused(
        json!({"type": "object", "additionalProperties": false, "allOf": []}),
        "/allOf: not a keyword",
    );
    refused(with(json!({"type": "array"})), "/properties/a/type: one of");
    refused(
        with(json!({"type": "string"})),
        "/properties/a/maxLength: every text needs one",
    );
    refused(
        with(json!({"type": "string", "maxLength": 5, "maxLenght": 9})),
        "/properties/a/maxLenght: not a keyword",
    );
    refused(
        with(json!({"type": "string", "maxLength": 5, "minLength": 6})),
        "/properties/a/minLength: is greater",
    );
    refused(
        with(json!({"type": "string", "format": "email"})),
        "/properties/a/format: only",
    );
    refused(
        with(json!({"type": "string", "enum": [1]})),
        "/properties/a/enum: a list of",
    );
    refused(
        with(json!({"type": "string", "enum": ["a"], "x-labels": []})),
        "/properties/a/x-labels: 0 labels",
    );
    refused(
        with(json!({"type": "integer", "minimum": 2, "maximum": 1})),
        "/properties/a/minimum: is greater",
    );
    refused(
        with(json!({"type": "integer", "minimum": 0.5})),
        "/properties/a/minimum: a whole number",
    );
    refused(
        with(json!({"type": "integer", "maximum": 5, "default": 6})),
        "/properties/a/default: 6 is not",
    );
    refused(
        with(json!({"type": "boolean", "default": "true"})),
        "/properties/a/default: \"true\" is not",
    );
    let two =
        Form::from_schema(&json!({"type": "object", "properties": {"a b": {"type": "boolean"}}}))
            .unwrap_err();
    assert_eq!(two.len(), 2, "{two:#?}");
}

/// The form of two fields, dressed.
fn dressed(ui: Value) -> Result<Form, Vec<String>> {
    Form::from_schema(&json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "note": {"type": "string", "maxLength": 50, "description": "From the schema."},
            "kind": {"type": "string", "enum": ["a", "b"]},
            "limit": {"type": "integer", "minimum": 1, "maximum": 9},
        },
    }))
    .unwrap()
    .dressed(&ui)
}

#[test]
fn a_form_is_shown_as_its_ui_file_says_and_reads_the_same_values() {
    let form = dressed(json!({
        "ui:order": ["kind", "*", "note"],
        "note": {"ui:widget": "textarea", "ui:placeholder": "Write here", "ui:help": "From the file.", "ui:title": "A note"},
        "kind": {"ui:widget": "select", "ui:options": {"enumNames": ["First", "Second"]}},
    }))
    .unwrap();
    let controls = form.controls(None, &FormFaults::default());
    let names: Vec<_> = controls.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["kind", "limit", "note"]);
    let labels: Vec<_> = controls[0]
        .choices
        .iter()
        .map(|c| (c.value.as_str(), c.label.as_str()))
        .collect();
    assert_eq!(labels, [("a", "First"), ("b", "Second")]);
    let note = &controls[2];
    assert_eq!(
        (
            note.widget,
            note.placeholder.as_str(),
            note.help.as_str(),
            note.title.as_str()
        ),
        ("area", "Write here", "From the file.", "A note")
    );
    let read = form
        .read(&[("kind".into(), "b".into()), ("note".into(), "x".into())])
        .unwrap();
    assert_eq!(Value::Object(read), json!({"kind": "b", "note": "x"}));
    assert_eq!(
        dressed(json!({})).unwrap().fields()[0].help,
        "From the schema."
    );
}

#[test]
fn a_ui_file_that_speaks_of_something_else_is_refused() {
    let refused = |ui: Value, expected: &str| {
        let faults = dressed(ui).unwrap_err();
        assert!(
            faults.iter().any(|fault| fault.contains(expected)),
            "{faults:#?}"
        );
    };
    refused(json!([]), "must be a JSON object");
    refused(json!({"colour": {"ui:help": "x"}}), "/colour: is no field");
    refused(
        json!({"note": {"ui:hlep": "x"}}),
        "/note/ui:hlep: not understood",
    );
    refused(
        json!({"note": {"ui:widget": "select"}}),
        "takes text or textarea",
    );
    refused(json!({"limit": {"ui:widget": "text"}}), "takes updown");
    refused(
        json!({"kind": {"ui:options": {"enumNames": ["First"]}}}),
        "a text for each value",
    );
    refused(
        json!({"note": {"ui:options": {"enumNames": ["First"]}}}),
        "a text for each value",
    );
    refused(json!({"ui:order": ["kind"]}), "leaves out \"note\"");
    refused(
        json!({"ui:order": ["colour", "*"]}),
        "\"colour\" is no field",
    );
}

#[test]
fn a_period_is_a_word_or_two_days() {
    let form = form("span", json!({"type": "string", "x-ui": "period"}), false);
    let read = |pairs: &[(&str, &str)]| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect();
        let read = form.read(&pairs);
        (read, pairs)
    };
    let value = |pairs: &[(&str, &str)]| read(pairs).0.unwrap().get("span").cloned();
    assert_eq!(value(&[("span", "last-month")]), Some(json!("last-month")));
    let own = [
        ("span", "own"),
        ("span-from", "2026-01-02"),
        ("span-to", "2026-01-03"),
    ];
    assert_eq!(value(&own), Some(json!("2026-01-02/2026-01-03")));
    // Days that belong to no choice of one's own are not looked at.
    let unused = [("span", "last-year"), ("span-from", "x"), ("span-to", "")];
    assert_eq!(value(&unused), Some(json!("last-year")));
    assert_eq!(
        value(&[("span", "2026-01-02/2026-01-03")]),
        Some(json!("2026-01-02/2026-01-03"))
    );
    assert_eq!(value(&[]), None);
    let (refused, pairs) = read(&[
        ("span", "own"),
        ("span-from", "2026-01-02"),
        ("span-to", ""),
    ]);
    let faults = refused.unwrap_err();
    let sentence = "Enter the last day as year-month-day, such as 2026-01-31.";
    assert_eq!(faults.of("span"), Some(sentence));
    let control = form.controls(Some(&pairs), &faults).remove(0);
    assert_eq!(control.days, ["2026-01-02".to_owned(), String::new()]);
    let chosen: Vec<&str> = control
        .choices
        .iter()
        .filter(|c| c.selected)
        .map(|c| c.value.as_str())
        .collect();
    assert_eq!(chosen, ["own"]);
    let twice = read(&[("span", "last-month"), ("span", "last-year")]).0;
    assert!(twice.is_err());
    // A form that is not filled in yet proposes last month.
    let fresh = form.controls(None, &FormFaults::default()).remove(0);
    assert_eq!(
        (fresh.widget, fresh.value.as_str()),
        ("period", "last-month")
    );
}

/// The form of these fields, each a text whose choices come from data.
fn filled_from(properties: Value) -> Result<Form, Vec<String>> {
    Form::from_schema(&json!({
        "type": "object", "additionalProperties": false, "properties": properties,
    }))
}

#[test]
fn choices_come_from_data() {
    let from = json!({
        "dataset": "devices", "value": "/hostname", "label": "/owner", "params": { "kind": "$kind" },
        "where": { "/site": "$site" }, "free": true, "keep_s": 5,
    });
    let form = filled_from(json!({
        "kind": { "type": "string", "maxLength": 9 },
        "site": { "type": "string", "maxLength": 9 },
        "device": { "type": "string", "maxLength": 63, "x-ui": { "options-from": from } },
    }))
    .unwrap();
    let options = form.fields()[2].options.as_ref().unwrap();
    assert_eq!(
        (options.free, options.keep_ms, options.label.as_deref()),
        (true, 5_000, Some("/owner"))
    );
    assert_eq!(options.follows(), ["kind", "site"].map(String::from).into());
    let control = &form.controls(None, &FormFaults::default())[2];
    assert_eq!(control.widget, "options");
    for expected in [
        "from:#customers",
        "from:#f-kind",
        "from:#f-site",
        "from:#f-device",
    ] {
        assert!(control.reload().contains(expected), "{}", control.reload());
    }
    // One field with a fault does not hide the others.
    let sent = [("kind", "far too long for it"), ("site", "hq")];
    let sent = sent.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(Value::Object(form.filled(&sent)), json!({ "site": "hq" }));
}

#[test]
fn faults_of_choices_from_data() {
    let text =
        |from: Value| json!({ "type": "string", "maxLength": 9, "x-ui": { "options-from": from } });
    let follows = |field: &str| text(json!({ "value": "/x", "where": { "/x": field } }));
    let check = |properties: Value, expected: &str| {
        let faults = filled_from(properties).unwrap_err().join("; ");
        assert!(faults.contains(expected), "{faults} has no {expected:?}");
    };
    check(
        json!({ "a": text(json!({ "dataset": "devices" })) }),
        "missing field `value`",
    );
    check(json!({ "a": text(json!({ "value": 7 })) }), "invalid type");
    check(
        json!({ "a": text(json!({ "value": "/x", "keep_s": 9_999 })) }),
        "keep_s must be 0 to 3600",
    );
    check(json!({ "a": follows("hq") }), "such as \"$kind\"");
    check(
        json!({ "a": follows("$b") }),
        "follows \"$b\", which is no field",
    );
    check(json!({ "a": follows("$a") }), "\"a\" follows itself");
    check(
        json!({ "a": follows("$b"), "b": follows("$c"), "c": follows("$a") }),
        "\"b\" follows itself",
    );
    for other in [json!("calendar"), json!({ "options": {} }), json!({})] {
        let field = json!({ "type": "string", "maxLength": 9, "x-ui": other });
        check(
            json!({ "a": field }),
            "must be \"period\" or {\"options-from\": {…}}",
        );
    }
    let mut long = text(json!({ "value": "/x" }));
    long["maxLength"] = json!(500);
    check(json!({ "a": long }), "a text of one line");
    let number = json!({ "type": "integer", "x-ui": { "options-from": { "value": "/x" } } });
    check(json!({ "a": number }), "x-ui: not a keyword");
}
