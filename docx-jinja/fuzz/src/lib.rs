//! What the fuzz targets do with their input; the crate's tests replay the corpus through the same functions.

use std::io::{Cursor, Write};

use docx_jinja::minijinja::context;
use docx_jinja::{Limits, Options, SubDocument, Template, TemplateError, Value};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const TYPES: &str = "<Types><Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.\
    wordprocessingml.document.main+xml\"/></Types>";

const MAIN: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const CHART_TYPES: &str = "<Types><Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.\
    wordprocessingml.document.main+xml\"/><Override PartName=\"/word/charts/chart1.xml\" ContentType=\"application/vnd.\
    openxmlformats-officedocument.drawingml.chart+xml\"/></Types>";
const CHART_RELATIONSHIP: &str = "<Relationships><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/\
    2006/relationships/chart\" Target=\"charts/chart1.xml\"/></Relationships>";
const SUB_RELATIONSHIPS: &str = "<Relationships><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/\
    2006/relationships/styles\" Target=\"styles.xml\"/><Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/\
    officeDocument/2006/relationships/numbering\" Target=\"numbering.xml\"/></Relationships>";
/// The chart of an input that has none.
const CHART: &str = include_str!("../corpus/chart/plain.xml");

/// Reads bytes as a package and fills it. What comes out must be a template again.
pub fn package(bytes: &[u8]) {
    let limits = Limits {
        inflated_bytes: 4 << 20,
        output_bytes: 4 << 20,
        fuel: 200_000,
        ..Limits::default()
    };
    let options = Options {
        limits,
        ..Options::default()
    };
    let Ok(template) = Template::compile_with(bytes, options) else {
        return;
    };
    let rows = vec![
        context! { x => "<&>\n\t\u{1}", n => 1.5 },
        context! { x => "", n => () },
    ];
    let values =
        context! { v => "value", n => 3, b => true, rows => rows, none => Vec::<i32>::new() };
    let mut out = Vec::new();
    if template.render(values, &mut out).is_ok() {
        let again = Template::compile(&out);
        let damaged = matches!(
            again,
            Err(TemplateError::Damaged { .. } | TemplateError::NotAPackage(_))
        );
        assert!(!damaged, "the document cannot be read: {again:?}");
    }
}

/// Reads bytes as the body of a document.
pub fn document(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    package(&archive(&text));
}

/// Reads bytes as Markdown, in a paragraph of its own and in a table's cell.
pub fn markdown(bytes: &[u8]) {
    let source = String::from_utf8_lossy(bytes);
    let paragraph = "<w:p><w:r><w:t>{{p m|markdown }}</w:t></w:r></w:p>";
    let body = format!("{paragraph}<w:tbl><w:tr><w:tc>{paragraph}</w:tc></w:tr></w:tbl>");
    let template = Template::compile(&archive(&body)).expect("a template without faults");
    read_again(&template, context! { m => source });
}

/// Reads bytes as a chart's alternative text, a line break, and the chart's part: what is filled can be read again.
pub fn chart(bytes: &[u8]) {
    package(&with_chart(bytes));
}

/// A document in which a loop repeats the chart.
pub fn with_chart(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let (directive, chart) = text.split_once('\n').unwrap_or((&text, CHART));
    let mut shown = String::new();
    for sign in directive.chars() {
        match sign {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '"' => shown.push_str("&quot;"),
            sign => shown.push(sign),
        }
    }
    let document = format!(
        "<w:document xmlns:w=\"w\" xmlns:r=\"{OFFICE}\"><w:body>{{% for i in [1, 2] %}}<w:p><w:r><w:drawing><wp:inline>\
         <wp:extent cx=\"9\" cy=\"9\"/><wp:docPr id=\"1\" name=\"Chart 1\" descr=\"{shown}\"/><a:graphic><a:graphicData>\
         <c:chart r:id=\"rId1\"/></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>{{% endfor %}}</w:body></w:document>"
    )
    .replace("{% for i in [1, 2] %}", "<w:p><w:r><w:t>{% for i in [1, 2] %}</w:t></w:r></w:p>")
    .replace("{% endfor %}", "<w:p><w:r><w:t>{% endfor %}</w:t></w:r></w:p>");
    zipped(&[
        ("[Content_Types].xml", CHART_TYPES),
        ("word/document.xml", &document),
        ("word/_rels/document.xml.rels", CHART_RELATIONSHIP),
        ("word/charts/chart1.xml", chart),
    ])
}

/// Reads bytes as the styles, a line break, and the body of a document that is inserted twice in another; or as the
/// whole package of one.
pub fn sub_document_of(bytes: &[u8]) -> Result<SubDocument, TemplateError> {
    let text = String::from_utf8_lossy(bytes);
    let (styles, body) = text.split_once('\n').unwrap_or(("", &text));
    let document = format!(
        "<w:document xmlns:w=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><w:body>{body}</w:body></w:document>"
    );
    let styles = format!("<w:styles xmlns:w=\"w\">{styles}</w:styles>");
    let numbering = "<w:numbering xmlns:w=\"w\"><w:abstractNum w:abstractNumId=\"0\"/>\
        <w:num w:numId=\"1\"><w:abstractNumId w:val=\"0\"/></w:num></w:numbering>";
    let made = zipped(&[
        ("[Content_Types].xml", TYPES),
        ("word/document.xml", &document),
        ("word/_rels/document.xml.rels", SUB_RELATIONSHIPS),
        ("word/styles.xml", &styles),
        ("word/numbering.xml", numbering),
    ]);
    SubDocument::new(&made).or_else(|_| SubDocument::new(bytes))
}

/// Inserts what bytes are read as twice in a document.
pub fn sub_document(bytes: &[u8]) {
    let Ok(annex) = sub_document_of(bytes) else {
        return;
    };
    let paragraph = "<w:p><w:r><w:t>{{p annex }}</w:t></w:r></w:p>";
    let template = Template::compile(&archive(&paragraph.repeat(2)));
    let template = template.expect("a template without faults");
    read_again(&template, context! { annex => Value::from(annex) });
}

/// What comes out must be a template again.
fn read_again(template: &Template, values: Value) {
    let mut out = Vec::new();
    if template.render(values, &mut out).is_ok() {
        let again = Template::compile(&out);
        let damaged = matches!(
            again,
            Err(TemplateError::Damaged { .. }
                | TemplateError::NotAPackage(_)
                | TemplateError::Refused { .. })
        );
        assert!(!damaged, "the document cannot be read: {again:?}");
    }
}

fn archive(body: &str) -> Vec<u8> {
    let document = format!("<w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>");
    zipped(&[
        ("[Content_Types].xml", TYPES),
        ("word/document.xml", &document),
    ])
}

fn zipped(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        let started = writer.start_file(*name, SimpleFileOptions::default());
        started.expect("a name that is new");
        writer
            .write_all(text.as_bytes())
            .expect("memory takes all bytes");
    }
    writer
        .finish()
        .expect("memory takes all bytes")
        .into_inner()
}
