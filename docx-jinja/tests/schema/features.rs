//! Documents with what values add: Markdown, rich text, links, pictures, charts, documents inside documents, merged cells,
//! numbering that begins anew.

use docx_jinja::minijinja::context;
use docx_jinja::values::{Link, Look, Markdown, Picture, RichText};
use docx_jinja::{SubDocument, Value};

use crate::package::docx;

const MARKDOWN: &str = "# One\n\nText with **bold**, *italic*, `code`, ~~no~~ and [a link](https://example.org/?a=1&b=2).\n\n\
    - a\n- b\n  1. c\n  2. d\n\n> quoted\n> twice\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n| 3 | **4** |\n\n```\nfn main() {}\n```\n\n---\n\n\
    ## Two\n\n1. first\n\n   more of the first\n2. second\n";
const PICTURE: &[u8] = include_bytes!("../agrees_with_docxtpl/sources/red.png");

fn p(text: &str) -> String {
    format!(
        "<w:p><w:pPr><w:jc w:val=\"both\"/></w:pPr><w:r><w:rPr><w:i/></w:rPr><w:t>{text}</w:t></w:r></w:p>"
    )
}

fn table(rows: &[&[&str]]) -> String {
    let cell = |text: &&str| {
        format!(
            "<w:tc><w:tcPr><w:tcW w:w=\"2000\" w:type=\"dxa\"/></w:tcPr>{}</w:tc>",
            p(text)
        )
    };
    let row = |cells: &&[&str]| {
        format!(
            "<w:tr>{}</w:tr>",
            cells.iter().map(cell).collect::<String>()
        )
    };
    let grid = "<w:gridCol w:w=\"2000\"/>".repeat(rows[0].len());
    let properties = "<w:tblPr><w:tblW w:w=\"0\" w:type=\"auto\"/></w:tblPr>";
    format!(
        "<w:tbl>{properties}<w:tblGrid>{grid}</w:tblGrid>{}</w:tbl>",
        rows.iter().map(row).collect::<String>()
    )
}

fn values() -> Value {
    let look = Look::new()
        .bold(true)
        .italic(true)
        .underline("double")
        .unwrap()
        .colour("#ff0000")
        .unwrap();
    let look = look
        .size(14.5)
        .unwrap()
        .highlight("yellow")
        .unwrap()
        .font("Carlito")
        .strike(true);
    let small = Look::new().superscript().small_caps(true);
    let rich = RichText::new()
        .text("plain\nnext\ttab ")
        .with("loud", look.clone())
        .with("small", small);
    let rich = rich.link("https://example.org/", "there", look);
    let inner = docx(p("inside") + &table(&[&["a", "b"]]) + &p("{not a tag}")).build();
    context! {
        form => "a\u{c}b\nc\td", text => MARKDOWN, markdown => Value::from(Markdown::new(MARKDOWN)), rich => Value::from(rich),
        link => Value::from(Link::new("mailto:a@example.org", "mail")),
        picture => Value::from(Picture::new(PICTURE).unwrap().alt("a \"red\" square")),
        part => Value::from(SubDocument::new(&inner).unwrap()),
        rows => vec![context! { day => "Mo", ok => 3, failed => 1 }, context! { day => "Tu", ok => 5, failed => 0 }],
    }
}

/// Name, template and values.
pub(crate) fn all() -> Vec<(String, Vec<u8>, Value)> {
    let cell = |text: &str| table(&[&[text, "x"]]);
    let bodies = [
        (
            "Markdown",
            p("{{p markdown }}") + &p("{{p text|markdown }}") + &cell("{{p markdown }}"),
        ),
        (
            "rich text",
            p("a {{r rich }} b") + &p("{{p rich }}") + &cell("{{r rich }}"),
        ),
        (
            "links",
            p("see {{r link }} or {{r 'https://example.org'|link('here') }}"),
        ),
        (
            "pictures",
            p("{{ picture }}")
                + &p("{{p picture }}")
                + &p("{% for r in rows %}{{ picture|image(width='2cm') }}{% endfor %}"),
        ),
        (
            "charts drawn",
            p("{{ rows|chart('column', x='day', y=['ok', 'failed'], width='8cm') }}"),
        ),
        (
            "documents inside",
            p("{{p part }}") + &p("{%p for r in rows %}") + &p("{{p part }}") + &p("{%p endfor %}"),
        ),
        (
            "merged cells",
            table(&[
                &["{%tr for r in rows %}", ""],
                &["{% vm %}{{ r.day }}", "{% cellbg 'FFEE00' %}{{ r.ok }}"],
                &["{%tr endfor %}", ""],
            ]) + &table(&[&["{% colspan 2 %}wide"], &["a"]])
                + &table(&[&[
                    "{%tc for r in rows %}{% hm %}{{ r.day }}{%tc endfor %}",
                    "x",
                ]]),
        ),
        (
            "breaks",
            p("{{ form }}") + &p("{% for r in rows %}{{ r.day }}{{ form }}{% endfor %}"),
        ),
    ];
    let template =
        |(name, body): (&str, String)| (name.to_owned(), docx(body + &p("end")).build(), values());
    bodies.into_iter().map(template).collect()
}
