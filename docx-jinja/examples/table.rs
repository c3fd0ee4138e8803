//! Fills a table of ROWS x 8 and prints how long it took: `cargo run --release --example table -- 100000`.

use std::io::{Cursor, Write};
use std::time::Instant;

use docx_jinja::minijinja::context;
use docx_jinja::{Template, Value};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const FIELDS: [&str; 8] = [
    "hostname",
    "kind",
    "os",
    "os_version",
    "ip",
    "last_seen",
    "online",
    "owner",
];
/// Runs whose median is printed.
const RUNS: usize = 5;

#[expect(clippy::print_stdout, reason = "the result is for the terminal")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: usize = std::env::args()
        .nth(1)
        .map_or(Ok(10_000), |text| text.parse())?;
    let bytes = template()?;
    let start = Instant::now();
    let template = Template::compile(&bytes)?;
    println!(
        "compile            {:>9.2} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        let report = template.render(context! { rows => lazy(rows) }, std::io::sink())?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        size = report.document_bytes;
    }
    times.sort_by(f64::total_cmp);
    println!(
        "render {rows:>8} x 8 {:>9.2} ms (median of {RUNS}), {size} bytes",
        times[RUNS / 2]
    );
    Ok(())
}

/// Rows made one by one, as a report service reads them from its store.
fn lazy(rows: usize) -> Value {
    Value::make_object_iterable(rows, |&rows| {
        Box::new((0..rows).map(|at| {
            context! {
                hostname => format!("ws-{at:06}.example.internal"), kind => "workstation", os => "Windows 11 Pro",
                os_version => "10.0.26100", ip => format!("10.{}.{}.{}", at / 65_536 % 256, at / 256 % 256, at % 256),
                last_seen => "2026-11-22T08:15:00Z", online => at % 7 != 0, owner => "R&D <Berlin>",
            }
        }))
    })
}

fn template() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let cell = |text: &str| {
        format!(
            "<w:tc><w:tcPr><w:tcW w:w=\"1200\" w:type=\"dxa\"/></w:tcPr><w:p><w:pPr><w:pStyle w:val=\"Cell\"/></w:pPr>\
             <w:r><w:rPr><w:sz w:val=\"16\"/></w:rPr><w:t>{text}</w:t></w:r></w:p></w:tc>"
        )
    };
    let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
    let fields: Vec<String> = FIELDS
        .iter()
        .map(|field| cell(&format!("{{{{ r.{field} }}}}")))
        .collect();
    let document = format!(
        "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body><w:tbl>{}{}{}</w:tbl>\
         </w:body></w:document>",
        row(&[cell("{%tr for r in rows %}")]),
        row(&fields),
        row(&[cell("{%tr endfor %}")]),
    );
    let types = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Override \
                 PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.\
                 document.main+xml\"/></Types>";
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("[Content_Types].xml", types),
        ("word/document.xml", &document),
    ] {
        writer.start_file(name, SimpleFileOptions::default())?;
        writer.write_all(text.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}
