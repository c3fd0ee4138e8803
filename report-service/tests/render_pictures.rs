//! Pictures, locale and fields of the verb `render`, and the pictures of a report's folder.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

#[path = "hostile_templates/package.rs"]
#[expect(
    dead_code,
    reason = "what hostile templates are made with serves here in part"
)]
mod package;

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::process::{Command, Output};

use package::{Package, field, p};
use zip::ZipArchive;

const FRAME: &str = "cx=\"914400\" cy=\"457200\"";

/// A picture of this many pixels: what a PNG begins with.
fn png(width: u8, height: u8) -> Vec<u8> {
    let header = [0, 0, 0, width, 0, 0, 0, height, 8, 2, 0, 0, 0, 0, 0, 0, 0];
    [&b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..], &header].concat()
}

/// A template with a picture called `logo` in a frame, and these paragraphs.
fn template(body: &str) -> Vec<u8> {
    let drawing = format!(
        "<w:p><w:r><w:drawing><wp:inline xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\">\
         <wp:extent {FRAME}/><wp:docPr id=\"1\" name=\"Picture 1\" descr=\"logo\"/>\
         <a:graphic xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\">\
         <a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/picture\">\
         <pic:pic xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/picture\">\
         <pic:nvPicPr><pic:cNvPr id=\"1\" name=\"Picture 1\"/><pic:cNvPicPr/></pic:nvPicPr>\
         <pic:blipFill><a:blip r:embed=\"rId1\"/><a:stretch><a:fillRect/></a:stretch></pic:blipFill>\
         <pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext {FRAME}/></a:xfrm>\
         <a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic>\
         </a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
    );
    Package::with_body(&format!("{drawing}{body}"))
        .related("image", "media/old.png", "")
        .entry("word/media/old.png", png(9, 9))
        .bytes()
}

/// The verb `render` in a folder with `t.docx`, `d.json`, `new.png` and `text.png`, which is no picture.
fn rendered(template: &[u8], arguments: &[&str], look: impl FnOnce(&Output, &Path)) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("t.docx", template);
    write("d.json", br#"{"many": 1234.5}"#);
    write("new.png", &png(40, 20));
    write("text.png", b"hello");
    let done = Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .args([
            "render",
            "--template=t.docx",
            "--data=d.json",
            "--output=out.docx",
        ])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    look(&done, &folder.path().join("out.docx"));
}

fn entry(document: &Path, name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(document).unwrap();
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut file = archive.by_name(name).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

fn text(document: &Path, name: &str) -> String {
    String::from_utf8(entry(document, name).unwrap_or_default()).unwrap()
}

/// What the verb made must pass this.
fn check(template: &[u8], arguments: &[&str], look: impl FnOnce(&Path)) {
    rendered(template, arguments, |done, document| {
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {told}");
        look(document);
    });
}

fn refused(template: &[u8], arguments: &[&str], expected: &str) {
    rendered(template, arguments, |done, document| {
        let told = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {told}");
        assert!(told.contains(expected), "{told} has no {expected:?}");
        assert!(!document.exists());
    });
}

#[test]
fn a_picture_takes_the_place_of_the_one_with_its_name_and_keeps_the_frame() {
    let shown = template("");
    check(&shown, &["--picture=logo=new.png"], |document| {
        let xml = text(document, "word/document.xml");
        assert_eq!(xml.matches(FRAME).count(), 2, "{xml}");
        assert!(!xml.contains("r:embed=\"rId1\""), "{xml}");
        let new = entry(document, "word/media/image1.png").unwrap();
        assert_eq!(new, png(40, 20));
    });
    // Without it, and with one of another name, what the author drew stays.
    for arguments in [&[][..], &["--picture=seal=new.png"]] {
        check(&shown, arguments, |document| {
            let xml = text(document, "word/document.xml");
            assert!(xml.contains("r:embed=\"rId1\""), "{arguments:?}: {xml}");
            assert_eq!(entry(document, "word/media/image1.png"), None);
        });
    }
}

#[test]
fn a_picture_stands_where_a_tag_names_it() {
    let named = template(&p("{{ &quot;logo&quot;|image }}"));
    check(&named, &["--picture", "logo=new.png"], |document| {
        let xml = text(document, "word/document.xml");
        // 40 by 20 pixels at 96 to the inch.
        assert!(xml.contains("cx=\"381000\" cy=\"190500\""), "{xml}");
    });
    refused(
        &named,
        &["--picture=lgoo=new.png"],
        "there is no picture \"logo\"\nhint: did you mean lgoo?",
    );
    refused(&named, &[], "this document is given no pictures");
    refused(
        &named,
        &["--picture=logo=text.png"],
        "picture \"logo\": the picture is neither PNG, JPEG nor GIF",
    );
    refused(&named, &["--picture=logo"], "is not NAME=FILE");
    refused(
        &named,
        &["--picture=logo=none.png"],
        "none.png: No such file",
    );
}

#[test]
fn a_locale_writes_numbers_its_way() {
    let number = template(&p("{{ many|number(2) }}"));
    check(&number, &["--locale=de"], |document| {
        assert!(text(document, "word/document.xml").contains("1.234,50"));
    });
    check(&number, &["--locale=en"], |document| {
        assert!(text(document, "word/document.xml").contains("1,234.50"));
    });
    refused(&number, &["--locale=klingon"], "there are: ");
}

#[test]
fn word_is_asked_to_refresh_a_table_of_contents_only() {
    let with = template(&field("TOC \\o &quot;1-3&quot;"));
    let asks = |document: &Path| text(document, "word/settings.xml").contains("<w:updateFields");
    check(&with, &[], |document| assert!(asks(document)));
    check(&with, &["--keep-fields"], |document| {
        assert!(!asks(document))
    });
    check(&template(""), &[], |document| assert!(!asks(document)));
}
