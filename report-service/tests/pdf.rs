//! The promise: a PDF is made by LibreOffice in a box. It reads its own document and fonts, reaches no network, and is
//! ended with all that it started when its time is over.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that goes wrong"
)]

#[path = "hostile_templates/package.rs"]
#[expect(
    dead_code,
    reason = "what hostile templates are made with serves here in part"
)]
mod package;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use package::{Package, WORD, field, p};

const OUTSIDE: &str = " TargetMode=\"External\"";

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("this test needs {:?}: {error}", command.get_program()))
}

/// The verb `pdf` of the built program.
fn pdf(folder: &Path, name: &str, more: &[&str]) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .arg("pdf")
        .arg("--document")
        .arg(folder.join(format!("{name}.docx")))
        .arg("--output")
        .arg(folder.join(format!("{name}.pdf")))
        .args(more)
        .env_clear())
}

fn text(pdf: &Path) -> String {
    let output = run(Command::new("pdftotext").arg("-layout").arg(pdf).arg("-"));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn pictures(pdf: &Path) -> usize {
    let output = run(Command::new("pdfimages").arg("-list").arg(pdf));
    // Two lines of head.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .count()
        .saturating_sub(2)
}

fn left(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into())
        .collect();
    names.sort();
    names
}

#[test]
fn a_document_becomes_a_pdf_and_a_long_table_has_its_head_on_every_piece() {
    let folder = tempfile::tempdir().unwrap();
    let row = |cells: [&str; 2], more: &str| {
        let cells: String = cells
            .iter()
            .map(|cell| format!("<w:tc>{}</w:tc>", p(cell)))
            .collect();
        format!("<w:tr>{more}{cells}</w:tr>")
    };
    let rows: String = (0..700)
        .map(|number| row([&format!("host-{number}"), "fine"], ""))
        .collect();
    let head = row(["Hostname", "State"], "<w:trPr><w:tblHeader/></w:trPr>");
    let grid = "<w:tblGrid><w:gridCol w:w=\"4000\"/><w:gridCol w:w=\"4000\"/></w:tblGrid>";
    let table = format!(
        "<w:tbl><w:tblPr/>{grid}{head}{rows}</w:tbl>{}",
        p("the end")
    );
    std::fs::write(
        folder.path().join("t.docx"),
        Package::with_body(&table).bytes(),
    )
    .unwrap();
    let done = pdf(folder.path(), "t", &[]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = text(&folder.path().join("t.pdf"));
    for expected in ["host-0 ", "host-249 ", "host-250 ", "host-699 ", "the end"] {
        assert!(text.contains(expected), "{expected} is not in the PDF");
    }
    // One head a page, and one more where a piece begins in the middle of a page.
    let (heads, pages) = (
        text.matches("Hostname").count(),
        text.matches('\u{c}').count(),
    );
    assert!(
        heads >= pages && heads <= pages + 3,
        "{heads} heads on {pages} pages"
    );
    assert_eq!(left(folder.path()), ["t.docx", "t.pdf"].map(PathBuf::from));
}

#[test]
fn nothing_is_fetched_for_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let (port, seen) = listener();
    let web = format!("http://127.0.0.1:{port}/x.png");
    std::fs::write(folder.path().join("secret.png"), PICTURE).unwrap();
    let file = format!("file://{}", folder.path().join("secret.png").display());
    let plain = || Package::with_body(&p("Hello"));
    let settings = format!(
        "<w:settings xmlns:w=\"{WORD}\"><w:attachedTemplate xmlns:r=\"x\" r:id=\"rId1\"/></w:settings>"
    );
    let documents = [
        ("web", linked_picture(&web)),
        ("file", linked_picture(&file)),
        (
            "field",
            Package::with_body(&field(&format!("INCLUDEPICTURE \"{web}\" \\d"))),
        ),
        (
            "text",
            Package::with_body(&field(&format!("INCLUDETEXT \"{web}\""))),
        ),
        ("dde", Package::with_body(&field("DDEAUTO soffice x y"))),
        (
            "template",
            plain()
                .related("attachedTemplate", &web, OUTSIDE)
                .entry("word/settings.xml", settings),
        ),
        (
            "chunk",
            Package::with_body("<w:altChunk r:id=\"rId1\"/>").related("aFChunk", &web, OUTSIDE),
        ),
        (
            "vml",
            Package::with_body(&format!(
                "<w:p><w:r><w:pict><v:shape style=\"width:99pt;height:99pt\"><v:imagedata src=\"{web}\"/></v:shape></w:pict></w:r></w:p>"
            )),
        ),
    ];
    for (name, package) in &documents {
        std::fs::write(folder.path().join(format!("{name}.docx")), package.bytes()).unwrap();
    }
    // What an unconfined LibreOffice does with them, lest this test could not fail.
    for name in ["web", "file"] {
        unconfined(folder.path(), name);
    }
    assert!(
        seen.load(Ordering::SeqCst) > 0,
        "nothing was fetched even unconfined"
    );
    assert_eq!(pictures(&folder.path().join("plain/file.pdf")), 1);
    let before = seen.load(Ordering::SeqCst);
    for (name, _) in &documents {
        let done = pdf(folder.path(), name, &[]);
        assert!(
            done.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        let made = folder.path().join(format!("{name}.pdf"));
        assert_eq!(pictures(&made), 0, "{name}: a picture from elsewhere");
    }
    assert_eq!(seen.load(Ordering::SeqCst), before, "something was fetched");
}

#[test]
fn what_takes_too_long_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let rows = format!("<w:tr><w:tc>{}</w:tc></w:tr>", p("x")).repeat(60_000);
    let table = format!(
        "<w:tbl><w:tblPr/><w:tblGrid><w:gridCol w:w=\"4000\"/></w:tblGrid>{rows}</w:tbl>{}",
        p("")
    );
    std::fs::write(
        folder.path().join("t.docx"),
        Package::with_body(&table).bytes(),
    )
    .unwrap();
    let done = pdf(folder.path(), "t", &["--limit-s=5", "--table-rows=100000"]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(
        !done.status.success() && told.contains("longer than 5 s (pdf.limit_s)"),
        "{told}"
    );
    assert_eq!(left(folder.path()), ["t.docx"].map(PathBuf::from));
    let place = folder.path().to_str().unwrap();
    let running: Vec<String> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok())
        .filter(|command| command.contains(place))
        .collect();
    assert!(running.is_empty(), "{running:?}");
}

#[test]
fn documents_may_lie_as_deep_as_they_like() {
    let folder = tempfile::tempdir().unwrap();
    for depth in [1, 20] {
        // A socket's address has 107 bytes; the deeper of these is longer by itself.
        let deep: PathBuf = std::iter::repeat_n("documents", depth).collect();
        let deep = folder.path().join(deep);
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("t.docx"), Package::with_body(&p("deep")).bytes()).unwrap();
        let done = pdf(&deep, "t", &[]);
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{depth} folders deep: {told}");
        assert!(text(&deep.join("t.pdf")).contains("deep"));
        assert!(left(&deep).contains(&"t.pdf".into()));
    }
}

#[test]
fn what_is_no_document_makes_no_pdf_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.docx"), "hello").unwrap();
    let done = pdf(folder.path(), "t", &[]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(
        !done.status.success()
            && told.starts_with("the file is not a Word document (.docx): ")
            && told.contains("\nhint: open it in Word and save it"),
        "{told}"
    );
    let done = pdf(folder.path(), "t", &["--program=/nowhere/soffice"]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(
        told.contains("no LibreOffice at /nowhere/soffice") && told.contains("hint:"),
        "{told}"
    );
    assert_eq!(left(folder.path()), ["t.docx"].map(PathBuf::from));
}

/// A listener that counts who comes.
fn listener() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, seen)
}

fn unconfined(folder: &Path, name: &str) {
    let profile = format!(
        "-env:UserInstallation=file://{}/plain-profile",
        folder.display()
    );
    let done = run(Command::new("soffice")
        .args([&profile, "--headless", "--convert-to", "pdf", "--outdir"])
        .arg(folder.join("plain"))
        .arg(folder.join(format!("{name}.docx"))));
    assert!(done.status.success(), "{done:?}");
}

/// A document with a picture that stands elsewhere.
fn linked_picture(target: &str) -> Package {
    let drawing = "<w:p><w:r><w:drawing><wp:inline xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\">\
         <wp:extent cx=\"900000\" cy=\"900000\"/><wp:docPr id=\"1\" name=\"x\"/>\
         <a:graphic xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\">\
         <a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/picture\">\
         <pic:pic xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/picture\">\
         <pic:nvPicPr><pic:cNvPr id=\"1\" name=\"x\"/><pic:cNvPicPr/></pic:nvPicPr>\
         <pic:blipFill><a:blip r:link=\"rId1\"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>\
         <pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"900000\" cy=\"900000\"/></a:xfrm>\
         <a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>";
    Package::with_body(drawing).related("image", target, OUTSIDE)
}

/// A red dot, PNG.
const PICTURE: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53,
    0xde, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0x00,
    0x00, 0x03, 0x01, 0x01, 0x00, 0x18, 0xdd, 0x8d, 0xb0, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e,
    0x44, 0xae, 0x42, 0x60, 0x82,
];
