//! The verb `import-template` of the built binary.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

use std::io::{Cursor, Write as _};
use std::path::Path;
use std::process::Command;

use docx_jinja::Template;
use zip::write::SimpleFileOptions;

const TYPES: &str = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
    <Override PartName=\"/word/document.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";

fn docx(text: &str) -> Vec<u8> {
    let document = format!(
        "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
         <w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>"
    );
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("[Content_Types].xml", TYPES),
        ("word/document.xml", &document),
    ] {
        writer
            .start_file(name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Takes over a template of this text; `data` is written to `d.json` in the same folder.
fn taken_over(
    text: &str,
    data: &str,
    arguments: &[&str],
    check: impl FnOnce(Option<i32>, &str, &Path),
) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("t.docx"), docx(text)).unwrap();
    std::fs::write(folder.path().join("d.json"), data).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .args(["import-template", "t.docx", "--output", "out.docx"])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let told = [done.stdout, done.stderr].concat();
    let told = String::from_utf8(told).unwrap();
    check(done.status.code(), &told, &folder.path().join("out.docx"));
}

#[test]
fn a_template_is_taken_over_and_tried() {
    let text = "{customer}: {#device}{name} {/device}";
    let data = r#"{"customer": "Acme", "device": [{"name": "a"}]}"#;
    taken_over(text, data, &["--data", "d.json"], |code, told, output| {
        assert_eq!(
            told,
            "out.docx: 4 tags taken over, 0 left, 0 worth a look\nit was filled with the sample without a fault\n"
        );
        assert_eq!(code, Some(0));
        Template::compile(&std::fs::read(output).unwrap()).unwrap();
    });
    taken_over(
        "[[a]] {b}",
        "",
        &["--delimiters", "[[ ]]"],
        |code, told, _| {
            assert_eq!(
                (code, told),
                (
                    Some(0),
                    "out.docx: 1 tags taken over, 0 left, 0 worth a look\n"
                )
            );
        },
    );
}

#[test]
fn what_is_left_is_told_and_fails() {
    taken_over("{a}{@b}", "", &[], |code, told, output| {
        assert_eq!(code, Some(1), "{told}");
        assert!(
            told.starts_with("left: document, paragraph 1: {@b}: raw XML has no counterpart"),
            "{told}"
        );
        assert!(
            told.ends_with("out.docx: 1 tags taken over, 1 left, 0 worth a look\n"),
            "{told}"
        );
        assert!(output.exists());
    });
    taken_over("{a}", "{}", &["--data", "d.json"], |code, told, _| {
        assert_eq!(code, Some(1), "{told}");
        assert!(
            told.contains("it cannot be filled with the sample: document, paragraph 1"),
            "{told}"
        );
    });
}

#[test]
fn what_cannot_be_read_leaves_nothing_behind() {
    let refused = |data: &str, arguments: &[&str], expected: &str| {
        taken_over("{a}", data, arguments, |code, told, output| {
            assert_eq!(code, Some(1), "{told}");
            assert!(told.contains(expected), "{told}");
            assert!(!output.exists(), "{told}");
        });
    };
    refused("{", &["--data", "d.json"], "d.json: is not JSON");
    refused("", &["--data", "none.json"], "none.json: cannot be read");
    refused(
        "",
        &["--delimiters", "{}"],
        "is not two signs with a space between",
    );
}
