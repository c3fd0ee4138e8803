//! What cells ask for with `colspan`, `cellbg`, `vm` and `hm`.

use docx_jinja::minijinja::context;
use docx_jinja::{Template, TemplateError, Value};

use crate::support::{body, docx, p, render_error, row, text};

fn values() -> Value {
    context! {
        n => 3, colour => "#d9e2f3", bad => "ugly", row => context! { colour => "red" },
        rows => vec![context! { x => "a", c => "red" }, context! { x => "b", c => "" }],
        columns => vec!["k", "l", "m"],
    }
}

/// A table with one row whose only cell has this content.
fn one(content: &str) -> String {
    format!("<w:tbl><w:tr><w:tc>{content}</w:tc></w:tr></w:tbl>")
}

fn check(template: &str, expected: &str) {
    assert_eq!(body(template, values()), expected, "{template}");
}

fn check_fault(template: &str, part: &str) {
    match Template::compile(&docx(template)) {
        Err(TemplateError::Tags(faults)) => {
            assert!(faults.to_string().contains(part), "{template}: {faults}");
        }
        other => panic!("{template}: {other:?}"),
    }
}

const T: &str = "<w:t xml:space=\"preserve\">";

#[test]
fn a_cell_covers_columns_and_has_a_colour() {
    let filled =
        |fill: &str| format!("<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"{fill}\"/>");
    check(
        &one(&p("{% colspan n %}x")),
        &one(&format!(
            "<w:tcPr><w:gridSpan w:val=\"3\"/></w:tcPr><w:p><w:r>{T}x</w:t></w:r></w:p>"
        )),
    );
    for (colour, fill) in [
        ("colour", "D9E2F3"),
        ("\"abc\"", "aabbcc"),
        ("112233", "112233"),
        ("\"Red\"", "FF0000"),
        ("none", "auto"),
    ] {
        check(
            &one(&p(&format!("x{{% cellbg {colour} %}}"))),
            &one(&format!(
                "<w:tcPr>{}</w:tcPr><w:p><w:r>{T}x</w:t></w:r></w:p>",
                filled(fill)
            )),
        );
    }
    check(
        &one(&format!(
            "<w:tcPr/>{}",
            p("{% cellbg colour %}{% colspan n - 1 %}")
        )),
        &one(&format!(
            "<w:tcPr><w:gridSpan w:val=\"2\"/>{}</w:tcPr><w:p><w:r>{T}</w:t></w:r></w:p>",
            filled("D9E2F3")
        )),
    );
}

#[test]
fn what_a_cell_has_already_gives_way_and_the_order_is_the_schemas() {
    let properties = |inner: &str| {
        format!(
            "<w:tcPr><w:tcW w:w=\"900\" w:type=\"dxa\"/>{inner}<w:vAlign w:val=\"center\"/></w:tcPr>"
        )
    };
    let own = "<w:shd w:val=\"pct10\" w:fill=\"EEEEEE\"></w:shd>";
    let content = format!("<w:p><w:r>{T}</w:t></w:r></w:p>");
    check(
        &one(&(properties(own) + &p("{% cellbg colour %}{% colspan 2 %}"))),
        &one(&(properties(
            "<w:gridSpan w:val=\"2\"/><w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"D9E2F3\"/>",
        ) + &content)),
    );
    check(
        &one(&(properties(own) + &p("{% cellbg none %}"))),
        &one(
            &(properties("<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"EEEEEE\"/>") + &content),
        ),
    );
    check(
        &one(&(properties("<w:gridSpan w:val=\"5\"/>") + &p("{% colspan 1 %}"))),
        &one(&(properties("<w:gridSpan w:val=\"1\"/>") + &content)),
    );
}

#[test]
fn a_tag_split_over_runs_and_in_a_loop_of_rows() {
    let split = "<w:p><w:r><w:t>{% cell</w:t></w:r><w:r><w:t>bg r.c %}{{ r.x }}</w:t></w:r></w:p>";
    let table = format!(
        "<w:tbl>{}<w:tr><w:tc>{split}</w:tc></w:tr>{}</w:tbl>",
        row(&["{%tr for r in rows %}"]),
        row(&["{%tr endfor %}"])
    );
    let out = body(&table, values());
    assert_eq!(text(&out), "a¶b¶");
    let fills: Vec<&str> = out.split("w:fill=\"").skip(1).map(|at| &at[..4]).collect();
    assert_eq!(fills, ["FF00", "auto"]);
}

#[test]
fn cells_merge_over_the_rows_of_a_loop() {
    let merged = "<w:tc><w:p><w:pPr><w:jc w:val=\"center\"/></w:pPr><w:r><w:t>{% vm %}All {{ n }}</w:t></w:r></w:p></w:tc>";
    let table = format!(
        "<w:tbl>{}<w:tr>{merged}<w:tc>{}</w:tc></w:tr>{}</w:tbl>",
        row(&["{%tr for r in rows %}"]),
        p("{{ r.x }}"),
        row(&["{%tr endfor %}"])
    );
    let out = body(&table, values());
    assert_eq!(text(&out), "All 3¶a¶¶b¶");
    let restart = "<w:tc><w:tcPr><w:vMerge w:val=\"restart\"/></w:tcPr><w:p><w:pPr><w:jc w:val=\"center\"/></w:pPr><w:r>";
    let follow = "<w:tc><w:tcPr><w:vMerge w:val=\"continue\"/></w:tcPr><w:p><w:pPr><w:jc w:val=\"center\"/></w:pPr></w:p></w:tc>";
    assert_eq!(out.matches(restart).count(), 1, "{out}");
    assert_eq!(out.matches(follow).count(), 1, "{out}");
}

#[test]
fn cells_merge_over_the_columns_of_a_loop() {
    let sized = |content: &str, width: u32| {
        format!(
            "<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/></w:tcPr>{}</w:tc>",
            p(content)
        )
    };
    let grid = "<w:tblGrid><w:gridCol w:w=\"1000\"/><w:gridCol w:w=\"100\"/><w:gridCol w:w=\"2800\"/><w:gridCol w:w=\"100\"/></w:tblGrid>";
    let line = |content: &str| {
        format!(
            "<w:tr>{}{}{}{}</w:tr>",
            sized("head", 1000),
            sized("{%tc for c in columns %}", 100),
            sized(content, 2800),
            sized("{%tc endfor %}", 100)
        )
    };
    let table = format!(
        "<w:tbl>{grid}{}{}{}</w:tbl>",
        line("{% hm %}over {{ n }}"),
        line("{% colspan 2 %}{% hm %}twice"),
        line("{{ c }}")
    );
    let out = body(&table, values());
    assert_eq!(text(&out), "head¶over 3¶head¶twice¶head¶k¶l¶m¶");
    assert_eq!(
        out.matches("<w:tcW w:w=\"3000\" w:type=\"dxa\"/><w:gridSpan w:val=\"3\"/>")
            .count(),
        1,
        "{out}"
    );
    assert_eq!(out.matches("<w:gridSpan w:val=\"6\"/>").count(), 1, "{out}");
    assert_eq!(out.matches("<w:gridCol w:w=\"1000\"/>").count(), 4, "{out}");
    let none = context! { n => 1, columns => Vec::<i32>::new() };
    assert_eq!(text(&body(&table, none)), "head¶head¶head¶");
}

#[test]
fn directives_that_make_no_sense_are_refused() {
    let rows = |content: &str| {
        format!(
            "<w:tbl>{}<w:tr><w:tc>{content}</w:tc></w:tr>{}</w:tbl>",
            row(&["{%tr for r in rows %}"]),
            row(&["{%tr endfor %}"])
        )
    };
    check_fault(&p("{% colspan 2 %}"), "does not stand inside a table cell");
    check_fault(&one(&p("{% colspan %}")), "needs a number of columns");
    check_fault(&one(&p("{% cellbg %}")), "needs a colour");
    check_fault(&one(&p("{% cellbg \"a %}")), "{% cellbg \"a %}: ");
    check_fault(&one(&p("{% cellbg a|uper %}")), "did you mean upper?");
    check_fault(&one(&p("{% cellgb a %}")), "did you mean cellbg?");
    check_fault(
        &one(&p("{%tc colspan 2 %}")),
        "write it without the letters",
    );
    check_fault(&one(&p("{% colspan 2 %}{% colspan 3 %}")), "has it twice");
    check_fault(&one(&p("{% vm %}")), "stands in no loop over rows");
    check_fault(&one(&p("{% hm %}")), "stands in no loop over columns");
    check_fault(&rows(&p("{% vm 1 %}")), "takes nothing behind it");
    check_fault(&rows(&p("{% hm %}")), "stands in no loop over columns");
    check_fault(
        &(p("{%p for r in rows %}") + &one(&p("{% vm %}")) + &p("{%p endfor %}")),
        "stands in no loop over rows",
    );
    check_fault(
        &one(&p("{% if n %}{% cellbg \"red\" %}{% endif %}")),
        "stands inside {% if n %}, and is about the whole cell",
    );
    let crossing = |first: &str, second: &str| {
        format!(
            "<w:tbl>{}<w:tr><w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr>{}</w:tbl>",
            row(&["{%tr for r in rows %}"]),
            p(first),
            p(second),
            row(&["{%tr endfor %}"])
        )
    };
    check_fault(
        &crossing("{% vm %}{% if n %}x", "y{% endif %}"),
        "must end in its cell, which {% vm %} merges",
    );
    check_fault(
        &crossing("{% if n %}x", "{% vm %}y{% endif %}"),
        "begins outside of the cell that {% vm %} merges",
    );
    check_fault(
        &crossing("{% if n %}x", "{% vm %}{% else %}y{% endif %}"),
        "begins outside of the cell that {% vm %} merges",
    );
}

#[test]
fn values_that_make_no_sense_are_told_with_their_tag() {
    let error = |content: &str| render_error(&one(&p(content)), values()).to_string();
    assert!(
        error("{% cellbg bad %}").contains("paragraph 1: {% cellbg bad %}: a colour is needed"),
        "{}",
        error("{% cellbg bad %}")
    );
    assert!(error("{% colspan 1.5 %}").contains("covers 1 to 63 columns, not 1.5"));
    assert!(error("{% colspan 64 %}").contains("not 64"));
    assert!(error("{% colspan -1 %}").contains("not -1"));
    assert!(error("{% colspan bad %}").contains("a number is needed"));
    assert!(error("{% cellbg row.colur %}").contains("did you mean row.colour?"));
}
