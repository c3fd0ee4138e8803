//! Values that are more than text, and directives for cells.

use super::{Template, written};
use crate::package::{cell, docx, p, paragraph, picture, row, run, styled, table};

/// All templates of this kind.
pub(super) fn all() -> Vec<Template> {
    let mut all = values();
    all.extend(cells());
    all
}

fn values() -> Vec<Template> {
    let look = "<w:sz w:val=\"28\"/>";
    vec![
        written("picture in a line", &docx(p("before {{ logo }} behind"))),
        written(
            "picture in a table",
            &docx(table(1, &[row(&["{{ logo }}"])]) + &p("End")),
        ),
        written(
            "pictures of a loop",
            &docx(
                p("{%p for f in photos %}")
                    + &p("{{ f.name }}: {{ f.file }}")
                    + &p("{%p endfor %}")
                    + &p("End"),
            ),
        ),
        written(
            "picture in a header",
            &docx(p("{{ count }}")).header("default", &p("{{ logo }} {{ customer.city }}")),
        ),
        written(
            "picture replaced",
            &docx(paragraph("", &[run("a "), picture("stamp", "")]) + &p("{{ count }}")),
        ),
        written(
            "picture replaced by its description",
            &docx(paragraph("", &[run("a "), picture("Picture 1", "stamp")]) + &p("{{ count }}")),
        ),
        written("rich text", &docx(p("before {{r rich }} behind"))),
        written(
            "rich text in a look",
            &docx(paragraph(
                "",
                &[styled(look, "before {{r styled }} behind")],
            )),
        ),
        written(
            "rich text in a table",
            &docx(table(1, &[row(&["{{r rich }}"])]) + &p("End")),
        ),
        written(
            "inserted document",
            &docx(p("Before") + &p("{{p annex }}") + &p("After")),
        ),
        written("hyperlink", &docx(p("See {{r page }}."))),
        written("page break of a value", &docx(p("{{ pages }}"))),
    ]
}

fn cells() -> Vec<Template> {
    let rows = |name: &str, columns, rows: &[String]| {
        written(
            name,
            &docx(p("Before") + &table(columns, rows) + &p("After")),
        )
    };
    let looped = |texts: &[&str]| {
        [
            row(&["{%tr for d in devices %}", ""]),
            row(texts),
            row(&["{%tr endfor %}", ""]),
        ]
    };
    vec![
        rows(
            "columns covered",
            2,
            &[
                row(&["{% colspan 2 %}{{ report.title }}"]),
                row(&["a", "b"]),
            ],
        ),
        rows(
            "columns covered by number",
            3,
            &[
                row(&["{% colspan months|length %}{{ report.title }}"]),
                row(&["a", "b", "c"]),
            ],
        ),
        rows(
            "cell colour",
            2,
            &[row(&["{% cellbg 'D9E2F3' %}{{ report.title }}", "plain"])],
        ),
        rows(
            "cell colours of a loop",
            2,
            &looped(&["{% cellbg d.colour %}{{ d.hostname }}", "{{ d.os }}"]),
        ),
        rows(
            "rows merged",
            2,
            &looped(&["{% vm %}Devices", "{{ d.hostname }}"]),
        ),
        rows(
            "columns merged",
            5,
            &[
                format!(
                    "<w:tr>{}{}{}</w:tr>",
                    cell("", &p("{%tc for m in months %}")),
                    cell("", &p("{% hm %}Quarter")),
                    cell("", &p("{%tc endfor %}"))
                ),
                row(&["{%tc for m in months %}", "{{ m }}", "{%tc endfor %}"]),
            ],
        ),
    ]
}
