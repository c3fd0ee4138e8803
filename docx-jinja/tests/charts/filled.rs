//! A chart whose alternative text names rows shows them.

use docx_jinja::{Shape, Template};

use crate::support::{
    COLUMN, KINDS, LITERAL, PIE, all, bytes, cached, chart, docx, fill, json, names, p,
    render_error, sheet, text,
};

const ROWS: &str = r#"{"rows": [{"month": "Jan", "ok": 30, "failed": 1}, {"month": "Feb", "ok": 28, "failed": null}], "title": "Runs <& more>"}"#;

#[test]
fn a_chart_shows_the_rows_and_its_workbook_has_them() {
    let template = docx(&chart(1, "chart: rows, title=title"), &[COLUMN]);
    let document = fill(&template, &json(ROWS));
    let filled = text(&document, "word/charts/chart1.xml");
    assert_eq!(cached(&filled), "ok Jan Feb 30 28 failed Jan Feb 1");
    assert!(
        filled.contains("Runs &lt;&amp; more&gt;") && !filled.contains("Title of the template")
    );
    let sheet = sheet(&document, "word/embeddings/Microsoft_Excel_Sheet1.xlsx");
    assert_eq!(
        all(&sheet, "preserve\">", "<"),
        ["ok", "failed", "Jan", "Feb"]
    );
    assert_eq!(all(&sheet, "<v>", "<"), ["30", "1", "28"]);
    let written = text(&document, "word/document.xml");
    assert!(
        written.contains("descr=\"Runs &lt;&amp; more&gt;\""),
        "{written}"
    );
    assert!(written.contains("r:id=\"rId1\"/>"));
    assert_eq!(names(&document).len(), names(&template).len());
}

#[test]
fn rows_and_columns_that_may_be_left_out_draw_nothing() {
    let row = Shape::map([
        ("month", Shape::Plain),
        ("ok", Shape::Plain),
        ("failed", Shape::optional(Shape::Plain)),
    ]);
    let shape = Shape::map([
        ("rows", Shape::list(row.clone())),
        ("more", Shape::optional(Shape::list(row))),
        ("note", Shape::optional(Shape::Plain)),
    ]);
    let values = shape.completed(json(r#"{"rows": [{"month": "Jan", "ok": 30}]}"#));
    let check = |directive: &str, expected: &str| {
        let titled = COLUMN.replace("Title of the template", "[{{ note }}]");
        let document = fill(&docx(&chart(1, directive), &[&titled]), &values);
        let filled = text(&document, "word/charts/chart1.xml");
        assert_eq!(cached(&filled), expected, "{directive}");
        assert!(filled.contains("[]"), "{directive}");
    };
    check(
        "chart: rows, x=\"month\", y=[\"ok\", \"failed\"]",
        "ok Jan 30 failed Jan",
    );
    check("chart: more, x=\"month\", y=\"ok\"", "ok");
    let template = docx(&chart(1, "chart: rows, y=\"faild\""), &[COLUMN]);
    let error = render_error(&template, &values);
    assert!(error.contains("no column \"faild\""), "{error}");
}

#[test]
fn the_alternative_text_says_what_is_shown() {
    let check = |directive: &str, expected: &str| {
        let document = fill(&docx(&chart(1, directive), &[COLUMN]), &json(ROWS));
        let written = text(&document, "word/document.xml");
        assert_eq!(all(&written, "descr=\"", "\""), [expected], "{directive}");
    };
    check("chart: rows", "ok, failed");
    check("Chart: {{ rows }}", "ok, failed");
    check(
        "chart: rows, y=\u{201c}failed\u{201d}, names=[\u{201e}Fehler\u{201c}]",
        "Fehler",
    );
    check(
        "chart: rows|selectattr(\"failed\"), title=\"T\" ~ 1, alt='A \"q\"'",
        "A &quot;q&quot;",
    );
}

#[test]
fn what_names_no_rows_stays_byte_for_byte() {
    let template = docx(&(chart(1, "A chart: of sales") + &p("{{ x }}")), &[COLUMN]);
    let document = fill(&template, &json(r#"{"x": 1}"#));
    for name in names(&template) {
        if name != "word/document.xml" {
            assert_eq!(bytes(&document, &name), bytes(&template, &name), "{name}");
        }
    }
    assert!(text(&document, "word/document.xml").contains("descr=\"A chart: of sales\""));
}

#[test]
fn a_chart_in_a_loop_is_another_one_each_time() {
    let body = p("{%p for t in tenants %}")
        + &p("{{ t.name }}")
        + &chart(1, "chart: t.rows")
        + &p("{%p endfor %}");
    let template = docx(&body, &[PIE]);
    let values = json(
        r#"{"tenants": [
        {"name": "A", "rows": {"ok": 1, "failed": 2}},
        {"name": "B", "rows": {"ok": 3, "failed": 4}},
        {"name": "C", "rows": {"ok": 5, "failed": 6}}]}"#,
    );
    let document = fill(&template, &values);
    let written = text(&document, "word/document.xml");
    let ids = all(&written, "drawingml/2006/chart\" r:id=\"", "\"");
    let numbers = all(&written, "<wp:docPr id=\"", "\"");
    let unlike =
        |list: &[&str]| list.iter().collect::<std::collections::BTreeSet<_>>().len() == list.len();
    assert!(ids.len() == 3 && unlike(&ids), "{ids:?}");
    assert!(numbers.len() == 3 && unlike(&numbers), "{numbers:?}");
    let known = text(&document, "word/_rels/document.xml.rels");
    let types = text(&document, "[Content_Types].xml");
    for (id, expected) in ids.iter().zip(["1 2", "3 4", "5 6"]) {
        let target = known
            .split("<Relationship ")
            .find(|r| r.contains(&format!("\"{id}\"")))
            .unwrap();
        let entry = format!("word/{}", all(target, "Target=\"", "\"")[0]);
        let filled = text(&document, &entry);
        assert!(
            cached(&filled).ends_with(&format!("ok failed {expected}")),
            "{filled}"
        );
        assert!(types.contains(&format!("PartName=\"/{entry}\"")), "{types}");
        let file = entry.rsplit('/').next().unwrap();
        let links = text(&document, &format!("word/charts/_rels/{file}.rels"));
        let book = links
            .split("<Relationship ")
            .find(|r| r.contains("\"rId3\""))
            .unwrap();
        let book = all(book, "Target=\"", "\"")[0].replace("..", "word");
        let cells = sheet(&document, book.trim_start_matches('/'));
        assert_eq!(all(&cells, "<v>", "<").join(" "), expected);
    }
    // Done again, the same template gives the same document.
    assert_eq!(fill(&template, &values), document);
}

#[test]
fn no_pass_leaves_the_template_s_chart_out() {
    let body = p("{%p for t in tenants %}") + &chart(1, "chart: t.rows") + &p("{%p endfor %}");
    let document = fill(&docx(&body, &[COLUMN]), &json(r#"{"tenants": []}"#));
    assert!(!text(&document, "word/document.xml").contains("c:chart"));
}

#[test]
fn a_chart_without_a_workbook_gets_one() {
    let body = p("{%p for n in [1, 2] %}") + &chart(1, "chart: rows") + &p("{%p endfor %}");
    let document = fill(&docx(&body, &[LITERAL]), &json(ROWS));
    let mut books = 0;
    for name in names(&document)
        .iter()
        .filter(|name| name.starts_with("word/charts/chart"))
    {
        let filled = text(&document, name);
        let id = all(&filled, "r:id=\"", "\"")[0];
        let file = name.rsplit('/').next().unwrap();
        let links = text(&document, &format!("word/charts/_rels/{file}.rels"));
        assert!(links.contains(&format!("Id=\"{id}\"")), "{links}");
        let book = all(&links, "Target=\"/", "\"")[0];
        assert_eq!(all(&sheet(&document, book), "<v>", "<"), ["30", "1", "28"]);
        books += 1;
    }
    assert_eq!(books, 2);
}

#[test]
fn several_charts_of_one_document_are_filled() {
    let kinds: Vec<&str> = KINDS.iter().map(|(_, xml)| *xml).collect();
    let body: String = (1..=kinds.len())
        .map(|n| chart(n, "chart: points, size=\"s\""))
        .collect();
    let values = json(r#"{"points": [{"x": 1, "v": 81, "s": 3}, {"x": 2, "v": 82, "s": 4}]}"#);
    let document = fill(&docx(&body, &kinds), &values);
    for number in 1..=kinds.len() {
        let filled = text(&document, &format!("word/charts/chart{number}.xml"));
        let cached = cached(&filled);
        assert!(cached.starts_with("v 1 2 81 82"), "{cached}");
    }
}

#[test]
fn charts_count_among_the_variables() {
    let template = Template::compile(&docx(
        &chart(1, "chart: report.rows, title=report.title"),
        &[COLUMN],
    ))
    .unwrap();
    let expected = ["report.rows", "report.title"].map(str::to_owned);
    assert_eq!(
        template.variables().into_iter().collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn tags_in_a_chart_s_texts_are_filled() {
    let titled = COLUMN.replace("Title of the template", "Runs of {{ t.name }}");
    let body = p("{%p for t in tenants %}") + &chart(1, "chart: t.rows") + &p("{%p endfor %}");
    let values = json(
        r#"{"tenants": [{"name": "A & B", "rows": {"ok": 1}}, {"name": "C", "rows": {"ok": 2}}]}"#,
    );
    let document = fill(&docx(&body, &[&titled]), &values);
    let mut titles: Vec<String> = Vec::new();
    for name in names(&document)
        .iter()
        .filter(|name| name.starts_with("word/charts/chart"))
    {
        titles.push(all(&text(&document, name), "<a:t>", "<")[0].to_owned());
    }
    titles.sort();
    assert_eq!(titles, ["Runs of A &amp; B", "Runs of C"]);
    // One that keeps its numbers is filled like any other part.
    let template = docx(
        &chart(1, "Sales"),
        &[&COLUMN.replace("Title of the template", "{{ name|upper }}")],
    );
    let filled = text(
        &fill(&template, &json(r#"{"name": "x & y"}"#)),
        "word/charts/chart1.xml",
    );
    assert_eq!(filled, COLUMN.replace("Title of the template", "X &amp; Y"));
}
