//! What is wrong with a chart is said with its place.

use crate::support::{
    COLUMN, LITERAL, STOCK, chart, compile_error, docx, json, p, package, render_error,
};

fn check(directive: &str, xml: &str, expected: &[&str]) {
    let error = compile_error(&docx(&(p("First") + &chart(1, directive)), &[xml]));
    for piece in expected {
        assert!(error.contains(piece), "{piece} in {error}");
    }
    assert!(error.starts_with("document, paragraph 2: "), "{error}");
}

#[test]
fn directives_are_checked_when_the_template_is_compiled() {
    check(
        "chart:",
        COLUMN,
        &["does not say which rows", "hint: write chart:"],
    );
    check("chart: rows +", COLUMN, &["chart: rows +: unexpected"]);
    check(
        "chart: rows|sotr",
        COLUMN,
        &["there is no filter \"sotr\"", "did you mean sort?"],
    );
    check(
        "chart: rows, title=\"{{ t }}\"",
        COLUMN,
        &["tags cannot stand inside", "title=report.title"],
    );
    check("chart: rows", STOCK, &["a stock chart cannot be filled"]);
    check(
        "chart: rows",
        &COLUMN.replace("c:ser>", "c:other>"),
        &["the chart has no series"],
    );
    let lost = COLUMN.replace("externalData r:id=\"rId3\"", "externalData r:id=\"rId9\"");
    check(
        "chart: rows",
        &lost,
        &["the chart's workbook is not in the package"],
    );
    let title = |text: &str| COLUMN.replace("Title of the template", text);
    check(
        "chart: rows",
        &title("{{ x +}}"),
        &["{{ x + }}", "unexpected"],
    );
    check(
        "chart: rows",
        &title("{% if x %}"),
        &["a chart can hold {{ }} tags only"],
    );
    let unknown = docx(&chart(2, "chart: rows"), &[COLUMN]);
    assert!(compile_error(&unknown).contains("the chart is not in the package"));
    let none = chart(1, "chart: rows").replace("<c:chart ", "<c:other ");
    assert!(
        compile_error(&docx(&none, &[COLUMN]))
            .contains("there is no chart at this alternative text")
    );
    let new = chart(1, "chart: rows")
        .replace("drawingml/2006/chart\">", "office/drawing/2014/chartex\">");
    assert!(compile_error(&docx(&new, &[COLUMN])).contains("this kind of chart cannot be filled"));
}

#[test]
fn values_are_checked_when_the_document_is_made() {
    let check = |directive: &str, values: &str, expected: &[&str]| {
        let template = docx(&(p("First") + &chart(1, directive)), &[COLUMN]);
        let error = render_error(&template, &json(values));
        for piece in expected {
            assert!(error.contains(piece), "{piece} in {error}");
        }
        assert!(
            error.starts_with(&format!("document, paragraph 2: {directive}")),
            "{error}"
        );
    };
    check("chart: rows", "{}", &["there is no rows in the values"]);
    check(
        "chart: r.rows",
        r#"{"r": {"row": 1}}"#,
        &["there is no r.rows", "did you mean r.row?"],
    );
    check(
        "chart: rows",
        r#"{"rows": [{"m": "a", "v": "x"}]}"#,
        &["row 1, column \"v\" of the chart: a number is needed, not \"x\""],
    );
    check(
        "chart: rows, y=\"w\"",
        r#"{"rows": [{"m": "a", "v": 1}]}"#,
        &["has no column \"w\""],
    );
    check(
        "chart: rows, colour=1",
        r#"{"rows": []}"#,
        &["unknown keyword argument 'colour'"],
    );
    check(
        "chart: rows, x=month",
        r#"{"rows": {"ok": 1}}"#,
        &[
            "there is no month in the values",
            "put it in quotes: \"month\"",
        ],
    );
    check(
        "chart: rows, title=report.titel",
        r#"{"rows": {"ok": 1}, "report": {"title": "x"}}"#,
        &["there is no report.titel", "did you mean report.title?"],
    );
    check("chart: range(1001)|batch(1)", "{}", &["1000 points"]);
}

#[test]
fn many_drawings_are_refused_soon() {
    let twice = docx(
        &(chart(1, "chart: rows") + &chart(1, "chart: rows")),
        &[COLUMN],
    );
    assert!(compile_error(&twice).contains("another drawing shows the same chart"));
    let many = "<wp:docPr descr=\"chart: rows\"/>".repeat(200_000);
    let error = compile_error(&docx(&many, &[COLUMN]));
    assert!(
        error.contains("there is no chart at this alternative text"),
        "{error}"
    );
}

#[test]
fn a_value_that_a_title_asks_for_must_be_there() {
    let titled = COLUMN.replace("Title of the template", "{{ report.titel }}");
    let template = docx(&chart(1, "chart: rows"), &[&titled]);
    let values = json(r#"{"rows": {"ok": 1}, "report": {"title": "x"}}"#);
    let error = render_error(&template, &values);
    assert!(
        error.contains("there is no report.titel in the values"),
        "{error}"
    );
    assert!(error.contains("did you mean report.title?"), "{error}");
}

#[test]
fn a_workbook_of_another_kind_is_refused() {
    let made = docx(&chart(1, "chart: rows"), &[COLUMN]);
    let entries: Vec<(String, Vec<u8>)> = crate::support::names(&made)
        .into_iter()
        .map(|name| {
            let bytes = crate::support::bytes(&made, &name);
            let text = String::from_utf8(bytes).unwrap();
            (
                name.replace("Sheet1.xlsx", "Sheet1.ods"),
                text.replace("Sheet1.xlsx", "Sheet1.ods").into_bytes(),
            )
        })
        .collect();
    assert!(compile_error(&package(&entries)).contains("not in an .xlsx workbook"));
    // A chart that keeps its numbers itself needs none.
    docx_jinja::Template::compile(&docx(&chart(1, "chart: rows"), &[LITERAL])).unwrap();
}
