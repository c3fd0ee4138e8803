//! Charts drawn as pictures.

use crate::support::{all, bytes, cached, docx, fill, json, names, p, render_error, sheet, text};

const ROWS: &str =
    r#"{"rows": [{"day": "Mon", "ok": 3, "failed": 1}, {"day": "Tue", "ok": 5, "failed": 2}]}"#;

#[test]
fn a_filter_draws_a_chart() {
    let body = p(
        "Before {{ rows|chart(\"line\", x=\"day\", width=\"12cm\", height=\"6cm\", title=\"Days\") }} behind",
    );
    let document = fill(&docx(&body, &[]), &json(ROWS));
    let written = text(&document, "word/document.xml");
    assert!(
        written.contains("<wp:extent cx=\"4320000\" cy=\"2160000\"/>"),
        "{written}"
    );
    assert_eq!(all(&written, "descr=\"", "\""), ["Days"]);
    let picture = names(&document)
        .into_iter()
        .find(|name| name.ends_with(".png"))
        .unwrap();
    let png = bytes(&document, &picture);
    // 12 by 6 cm at 200 dots an inch.
    assert_eq!(png[16..24], [0, 0, 3, 177, 0, 0, 1, 216]);
}

#[test]
fn the_same_chart_twice_is_one_picture() {
    let body = p("{{ rows|chart }}")
        + &p("{{ rows|chart }}{{ rows|chart(\"pie\", y=\"ok\", colours=[\"#ff0000\"]) }}");
    let document = fill(&docx(&body, &[]), &json(ROWS));
    let pictures = names(&document)
        .iter()
        .filter(|name| name.ends_with(".png"))
        .count();
    assert_eq!(pictures, 2);
    assert_eq!(
        text(&document, "word/document.xml")
            .matches("<w:drawing>")
            .count(),
        3
    );
}

#[test]
fn an_editable_chart_is_one_of_word_s_own() {
    let tag = "{{ rows|chart(\"column\", editable=true, title=\"Days\", colours=\"#ff0000\") }}";
    let body = p(tag) + &p(&format!("{{{{p {} }}}}", tag.trim_matches(['{', '}', ' '])));
    let document = fill(&docx(&body, &[]), &json(ROWS));
    let written = text(&document, "word/document.xml");
    let ids = all(&written, "r:id=\"", "\"");
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?}");
    for number in 1..=2 {
        let chart = text(&document, &format!("word/charts/chart{number}.xml"));
        assert_eq!(cached(&chart), "ok Mon Tue 3 5 failed Mon Tue 1 2");
        assert_eq!(all(&chart, "<a:t>", "<"), ["Days"]);
        // The document has no theme, whose colours would be taken.
        assert!(chart.contains("FF0000") && chart.contains("4472C4") && !chart.contains("accent"));
        let links = text(
            &document,
            &format!("word/charts/_rels/chart{number}.xml.rels"),
        );
        let book = all(&links, "Target=\"/", "\"")[0];
        assert_eq!(
            all(&sheet(&document, book), "<v>", "<"),
            ["3", "1", "5", "2"]
        );
    }
    let types = text(&document, "[Content_Types].xml");
    assert!(
        types.contains("PartName=\"/word/charts/chart2.xml\""),
        "{types}"
    );
}

#[test]
fn what_cannot_be_drawn_says_why() {
    let check = |tag: &str, expected: &str| {
        let error = render_error(&docx(&p(tag), &[]), &json(ROWS));
        assert!(error.contains(expected), "{error}");
    };
    check("{{ rows|chart(\"pei\") }}", "did you mean pie?");
    check(
        "{{ rows|chart(\"gantt\") }}",
        "there are: column, bar, line",
    );
    check("{{ rows|chart(width=\"wide\") }}", "is not a length");
    check("{{ rows|chart(width=\"600cm\") }}", "longer than the 42 cm");
    check("{{ rows|chart(colours=\"red\") }}", "is not a colour");
    check("{{ rows|chart(kind=\"pie\", colour=\"red\") }}", "kind");
    check(
        "{{ rows|chart(y=\"day\") }}",
        "a number is needed, not \"Mon\"",
    );
    check(
        "{{ [[\"a\", 1]]|chart(\"scatter\", editable=true) }}",
        "must be numbers or dates",
    );
    check("{{ missing|chart }}", "there is no missing in the values");
}
