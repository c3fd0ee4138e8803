//! Charts drawn as pictures.

use crate::support::{all, bytes, docx, fill, json, names, p, render_error, text};

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
    check("{{ missing|chart }}", "undefined value");
}
