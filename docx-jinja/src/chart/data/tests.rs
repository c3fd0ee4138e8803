use minijinja::value::Kwargs;
use minijinja::{Value, context};

use super::{Cell, ChartData, Columns, read};
use crate::limits::{CHART_POINTS_MAX, CHART_SERIES_MAX};

fn json(text: &str) -> Value {
    value(&serde_json::from_str(text).unwrap())
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(b) => Value::from(*b),
        serde_json::Value::Number(n) => n
            .as_i64()
            .map_or_else(|| Value::from(n.as_f64()), Value::from),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from_iter(items.iter().map(value)),
        serde_json::Value::Object(map) => {
            Value::from_pairs(map.iter().map(|(key, item)| (key.as_str(), value(item))))
        }
    }
}

fn columns(options: &str) -> Columns {
    let options = json(options);
    let pairs = options.try_iter().unwrap().map(|key| {
        let value = options.get_item(&key).unwrap();
        (key.to_string(), value)
    });
    Columns::read(&pairs.collect::<Kwargs>()).unwrap()
}

/// A table as text: categories, then each series as `name: values`.
fn shown(data: &ChartData) -> String {
    let number = |value: &Option<f64>| value.map_or("-".to_owned(), |n| n.to_string());
    let cell = |cell: &Cell| match cell {
        Cell::Empty => "-".to_owned(),
        Cell::Text(text) => text.clone(),
        Cell::Number(number) => format!("#{number}"),
    };
    let list = |cells: &[Cell]| cells.iter().map(cell).collect::<Vec<_>>().join(",");
    let mut out = list(&data.categories);
    for series in &data.series {
        let values: Vec<_> = series.values.iter().map(number).collect();
        let name = series.name.as_deref().unwrap_or("?");
        out.push_str(&format!(" | {name}: {}", values.join(",")));
        if let Some(x) = &series.x {
            out.push_str(&format!(" x {}", list(x)));
        }
        if let Some(sizes) = &series.sizes {
            let sizes: Vec<_> = sizes.iter().map(number).collect();
            out.push_str(&format!(" size {}", sizes.join(",")));
        }
    }
    out
}

fn check(value: &str, options: &str, expected: &str) {
    let data = read(&json(value), &columns(options)).unwrap_or_else(|e| panic!("{value}: {e:#}"));
    assert_eq!(shown(&data), expected, "{value}");
}

fn refused(value: &Value, options: &str, expected: &str) {
    let error = read(value, &columns(options)).expect_err("a chart that is refused");
    let message = error.detail().unwrap_or_default();
    assert!(message.contains(expected), "{message}");
}

#[test]
fn tables_have_many_forms() {
    let rows =
        r#"[{"month": "Jan", "ok": 3, "failed": 1}, {"month": "Feb", "ok": 4.5, "failed": null}]"#;
    check(rows, "{}", "Jan,Feb | ok: 3,4.5 | failed: 1,-");
    check(rows, r#"{"y": "failed"}"#, "Jan,Feb | failed: 1,-");
    check(
        rows,
        r#"{"x": "month", "y": ["failed", "ok"], "names": ["Bad", "Good"]}"#,
        "Jan,Feb | Bad: 1,- | Good: 3,4.5",
    );
    check(
        r#"[{"a": {"b": 2}, "t": 2020}]"#,
        r#"{"x": "t", "y": "a.b"}"#,
        "#2020 | a.b: 2",
    );
    check(
        r#"[{"x": 1, "y": 2, "n": 9}]"#,
        r#"{"size": "n"}"#,
        "#1 | y: 2 size 9",
    );
    check(
        r#"[["a", 1, 2], ["b", 3, 4]]"#,
        "{}",
        "a,b | ?: 1,3 | ?: 2,4",
    );
    check(
        r#"{"ok": 3, "failed": 4}"#,
        r#"{"names": "Runs"}"#,
        "ok,failed | Runs: 3,4",
    );
    check(
        r#"{"categories": ["a", null], "series": [{"name": "n", "values": [1, null]}]}"#,
        "{}",
        "a,- | n: 1,-",
    );
    check(
        r#"{"series": [{"name": "n", "x": [1, 2], "y": [3, 4], "size": [5, 6]}]}"#,
        "{}",
        "#1,#2 | n: 3,4 x #1,#2 size 5,6",
    );
    check("[]", "{}", "");
    check("[]", r#"{"y": ["ok"]}"#, " | ok: ");
}

#[test]
fn what_is_no_number_is_refused_with_its_place() {
    let rows = json(r#"[{"m": "a", "v": 1}, {"m": "b", "v": "2"}]"#);
    refused(
        &rows,
        "{}",
        "row 2, column \"v\" of the chart: a number is needed, not \"2\"",
    );
    refused(
        &json(r#"[{"m": "a", "v": true}]"#),
        "{}",
        "not a value of type bool",
    );
    refused(
        &json(r#"[{"m": "a", "value": 1}]"#),
        r#"{"y": "valeu"}"#,
        "did you mean value?",
    );
    refused(&json(r#"[{"m": [1], "v": 1}]"#), "{}", "as category");
    refused(
        &json(r#"[{"m": "a"}]"#),
        "{}",
        "a column of categories and one of values",
    );
    refused(
        &json(r#"[["a", 1], ["b"]]"#),
        "{}",
        "row 2 of the chart has 0 values",
    );
    refused(&json(r#"[3]"#), "{}", "row 1 of the chart is");
    refused(&json(r#""text""#), "{}", "a chart needs rows");
    refused(&json("null"), "{}", "a chart needs rows");
    refused(
        &json(r#"{"categories": ["a"], "series": [{"values": [1, 2]}]}"#),
        "{}",
        "2 values for 1 categories",
    );
    refused(&json(r#"{"series": [{}]}"#), "{}", "series 1 has no values");
    refused(
        &Value::from(vec![context! { m => "a", v => f64::NAN }]),
        "{}",
        "a number is needed",
    );
}

#[test]
fn points_and_series_are_bounded() {
    let pairs = |count: usize| Value::from_iter((0..count).map(|n| Value::from(vec![n, n])));
    let fits = read(&pairs(CHART_POINTS_MAX), &Columns::default()).unwrap();
    assert_eq!(fits.categories.len(), CHART_POINTS_MAX);
    refused(&pairs(CHART_POINTS_MAX + 1), "{}", "1000 points");
    let wide = |count: usize| Value::from(vec![(0..=count).collect::<Vec<usize>>()]);
    let fits = read(&wide(CHART_SERIES_MAX), &Columns::default()).unwrap();
    assert_eq!(fits.series.len(), CHART_SERIES_MAX);
    refused(&wide(CHART_SERIES_MAX + 1), "{}", "50 series, not 51");
    let row = Value::from_pairs((0..1_000_000).map(|n| (n.to_string(), Value::from(n))));
    refused(&Value::from(vec![row]), "{}", "50 series");
    let long = Value::from_pairs([("ä".repeat(300), Value::from(1))]);
    let cut = read(&long, &Columns::default()).unwrap();
    assert_eq!(cut.categories, [Cell::Text("ä".repeat(255) + "…")]);
}

#[test]
fn what_a_tally_counted_is_a_table() {
    let rows = json(r#"[{"result": "ok"}, {"result": "failed"}, {"result": "ok"}]"#);
    let mut state = crate::engine::base().empty_state();
    let tally = state
        .apply_filter("tally", &[rows, Value::from("result")])
        .unwrap();
    let of = tally.get_attr("result").unwrap().get_attr("of").unwrap();
    let data = read(&of, &columns("{}")).unwrap();
    assert_eq!(
        shown(&data),
        shown(&read(&json(r#"{"failed": 1, "ok": 2}"#), &columns("{}")).unwrap())
    );
}
