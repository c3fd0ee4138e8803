//! Tables with more than plain text in their cells.

use super::{Template, written};
use crate::package::{cell, docx, p, paragraph, row, run, styled, table};

const HEAD: &[&str] = &["Host", "System"];

fn rows(name: &'static str, columns: usize, rows: &[String]) -> Template {
    written(
        name,
        &docx(p("Before") + &table(columns, rows) + &p("After")),
    )
}

/// All templates of this kind.
pub(super) fn all() -> Vec<Template> {
    let mut all = row_loops();
    all.extend(nested());
    all.extend(cells());
    all
}

fn row_loops() -> Vec<Template> {
    vec![rows(
        "row with a look",
        2,
        &[
            row(&["{%tr for d in devices %}", ""]),
            format!(
                "<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{}{}</w:tr>",
                cell(
                    "<w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"EEEEEE\"/>",
                    &paragraph(
                        "<w:jc w:val=\"right\"/>",
                        &[styled("<w:b/>", "{{ d.hostname }}")]
                    )
                ),
                cell("<w:vAlign w:val=\"center\"/>", &p("{{ d.owner }}")),
            ),
            row(&["{%tr endfor %}", ""]),
        ],
    )]
}

fn nested() -> Vec<Template> {
    let inner = |list: &str| {
        table(
            2,
            &[
                row(&[&format!("{{%tr for k in {list} %}}"), ""]),
                row(&["{{ k.name }}", "{{ k.gb }}"]),
                row(&["{%tr endfor %}", ""]),
            ],
        )
    };
    let nested_row = format!(
        "<w:tr>{}{}</w:tr>",
        cell("", &p("{{ d.hostname }}")),
        cell("", &(inner("d.disks") + &p("below")))
    );
    vec![
        rows(
            "nested tables",
            2,
            &[format!(
                "<w:tr>{}{}</w:tr>",
                cell("", &p("left")),
                cell("", &(inner("devices[0].disks") + &p("")))
            )],
        ),
        rows(
            "nested tables in a row loop",
            2,
            &[
                row(&["{%tr for d in devices if d.disks %}", ""]),
                nested_row,
                row(&["{%tr endfor %}", ""]),
            ],
        ),
        written(
            "tables in a paragraph loop",
            &docx(
                p("{%p for d in devices if d.disks %}")
                    + &p("{{ d.hostname }}")
                    + &inner("d.disks")
                    + &p("{%p endfor %}")
                    + &p("End"),
            ),
        ),
        rows(
            "paragraph loop in a cell",
            2,
            &[format!(
                "<w:tr>{}{}</w:tr>",
                cell("", &p("Months")),
                cell(
                    "",
                    &(p("{%p for m in months %}")
                        + &p("{{ m }}")
                        + &p("{%p endfor %}")
                        + &p("end"))
                ),
            )],
        ),
    ]
}

fn cells() -> Vec<Template> {
    let span = |text: &str| {
        format!(
            "<w:tr>{}</w:tr>",
            cell("<w:gridSpan w:val=\"2\"/>", &p(text))
        )
    };
    vec![
        rows(
            "merged across",
            2,
            &[
                span("{{ report.title }}"),
                row(HEAD),
                row(&["{%tr for d in devices %}", ""]),
                span("{{ d.hostname }}"),
                row(&["{%tr endfor %}", ""]),
            ],
        ),
        rows(
            "merged down",
            2,
            &[
                format!(
                    "<w:tr>{}{}</w:tr>",
                    cell("<w:vMerge w:val=\"restart\"/>", &p("{{ customer.city }}")),
                    cell("", &p("1"))
                ),
                format!(
                    "<w:tr>{}{}</w:tr>",
                    cell("<w:vMerge/>", &p("")),
                    cell("", &p("{{ count }}"))
                ),
            ],
        ),
        rows(
            "several looks in a cell",
            2,
            &[format!(
                "<w:tr>{}{}</w:tr>",
                cell(
                    "",
                    &paragraph(
                        "",
                        &[
                            styled("<w:b/>", "{{ customer.city }}"),
                            run(", "),
                            styled("<w:i/>", "{{ count }} devices")
                        ]
                    )
                ),
                cell("", &(p("{{ report.period }}") + &p("second paragraph"))),
            )],
        ),
    ]
}
