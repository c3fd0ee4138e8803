//! Templates drawn with docx-rs.

use std::io::Cursor;

use docx_rs::{
    AbstractNumbering, AlignmentType, Docx, Footer, Footnote, Header, Hyperlink, HyperlinkType,
    IndentLevel, Level, LevelJc, LevelText, NumberFormat, Numbering, NumberingId, Paragraph, Run,
    Start, Table, TableCell, TableRow,
};

use super::Template;

fn template(name: &str, docx: Docx) -> Template {
    let mut bytes = Cursor::new(Vec::new());
    docx.build().pack(&mut bytes).unwrap();
    Template {
        name: format!("docx-rs: {name}"),
        bytes: bytes.into_inner(),
    }
}

fn p(text: &str) -> Paragraph {
    Paragraph::new().add_run(Run::new().add_text(text))
}

fn row(texts: &[&str]) -> TableRow {
    TableRow::new(
        texts
            .iter()
            .map(|text| TableCell::new().add_paragraph(p(text)))
            .collect(),
    )
}

/// All templates of this kind.
pub(super) fn all() -> Vec<Template> {
    vec![letter(), devices(), edges(), list()]
}

fn letter() -> Template {
    let look = Paragraph::new()
        .align(AlignmentType::Right)
        .add_run(Run::new().add_text("{{ customer").bold())
        .add_run(Run::new().add_text(".city }}").bold())
        .add_run(
            Run::new()
                .add_text(", {{ report.period }}")
                .italic()
                .color("336699"),
        );
    let note = Paragraph::new()
        .add_run(Run::new().add_text("With a note"))
        .add_run(
            Run::new()
                .add_footnote_reference(Footnote::new().add_content(p("{{ customer.name }}"))),
        );
    template(
        "letter",
        Docx::new()
            .add_paragraph(p("{{ report.title }}").size(32))
            .add_paragraph(look)
            .add_paragraph(note),
    )
}

fn devices() -> Template {
    let table = Table::new(vec![
        row(&["Host", "System", "Owner"]),
        row(&["{%tr for d in devices %}", "", ""]),
        row(&["{{ d.hostname }}", "{{ d.os }}", "{{ d.owner }}"]),
        row(&["{%tr endfor %}", "", ""]),
    ])
    .set_grid(vec![2000, 3000, 2000]);
    template(
        "devices",
        Docx::new()
            .add_paragraph(p("Before"))
            .add_table(table)
            .add_paragraph(p("After")),
    )
}

fn edges() -> Template {
    let link = Hyperlink::new("https://example.org/", HyperlinkType::External)
        .add_run(Run::new().add_text("{{ customer.city }}"));
    let docx = Docx::new()
        .header(Header::new().add_paragraph(p("{{ customer.name }}")))
        .footer(Footer::new().add_paragraph(p("{% for m in months %}{{ m }} {% endfor %}")))
        .add_paragraph(
            Paragraph::new()
                .add_run(Run::new().add_text("See "))
                .add_hyperlink(link),
        );
    template("edges", docx)
}

fn list() -> Template {
    let level = Level::new(
        0,
        Start::new(1),
        NumberFormat::new("decimal"),
        LevelText::new("%1."),
        LevelJc::new("left"),
    );
    let docx = Docx::new()
        .add_abstract_numbering(AbstractNumbering::new(2).add_level(level.indent(
            Some(720),
            None,
            None,
            None,
        )))
        .add_numbering(Numbering::new(2, 2))
        .add_paragraph(p("{%p for d in devices %}"))
        .add_paragraph(p("{{ d.hostname }}").numbering(NumberingId::new(2), IndentLevel::new(0)))
        .add_paragraph(p("{%p endfor %}"))
        .add_paragraph(p("End"));
    template("list", docx)
}
