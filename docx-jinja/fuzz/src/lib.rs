//! What the fuzz targets do with their input; the crate's tests replay the corpus through the same functions.

use std::io::{Cursor, Write};

use docx_jinja::minijinja::context;
use docx_jinja::{Limits, Options, Template, TemplateError};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const TYPES: &str = "<Types><Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.\
    wordprocessingml.document.main+xml\"/></Types>";

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
    let mut out = Vec::new();
    if template.render(context! { m => source }, &mut out).is_ok() {
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
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("[Content_Types].xml", TYPES),
        ("word/document.xml", &document),
    ] {
        let started = writer.start_file(name, SimpleFileOptions::default());
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
