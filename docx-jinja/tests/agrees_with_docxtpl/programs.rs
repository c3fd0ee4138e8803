//! Other programs that the test drives: docxtpl and python-docx, LibreOffice, pdftotext.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const HINT: &str = "hint: tests/testbed/install.sh brings what the test needs";

/// LibreOffice leaves out what goes beyond some 250 files, and says nothing.
const FILES_PER_CALL: usize = 150;

fn oracle() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/docx-oracle")
}

/// Runs a program to its end; its output.
fn run(program: &str, command: &mut Command) -> Vec<u8> {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}\n{HINT}"));
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{program}: {status}\n{stderr}\n{HINT}");
    stdout
}

fn python(script: &str) -> Command {
    let folder = oracle();
    run("setup.sh", &mut Command::new(folder.join("setup.sh")));
    let mut command = Command::new("python3");
    command.arg(folder.join(script));
    command
}

/// The values that all templates are filled with.
pub(crate) fn values() -> serde_json::Value {
    let text = std::fs::read_to_string(oracle().join("values.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A file of the oracle's folder.
pub(crate) fn file(name: &str) -> Vec<u8> {
    std::fs::read(oracle().join(name)).unwrap()
}

/// A document to be inserted, as python-docx draws it.
pub(crate) fn made(name: &str) -> Vec<u8> {
    run(
        "templates.py",
        python("templates.py").args(["--document", name]),
    )
}

/// Templates drawn with python-docx, in a folder of their own.
pub(crate) fn python_docx_templates(folder: &Path) -> PathBuf {
    let made = folder.join("python-docx");
    std::fs::create_dir(&made).unwrap();
    run("templates.py", python("templates.py").arg(&made));
    made
}

/// Templates that LibreOffice made of HTML and flat OpenDocument files, in a folder of their own.
pub(crate) fn office_templates(folder: &Path) -> PathBuf {
    let sources = std::fs::read_dir(oracle().join("office")).unwrap();
    let sources: Vec<_> = sources.map(|entry| entry.unwrap().path()).collect();
    let made = folder.join("office");
    convert(folder, "docx:MS Word 2007 XML", &sources, &made);
    made
}

/// Fills every `*.docx` of a folder with docxtpl, into its folder `docxtpl`; errors by the template's name.
pub(crate) fn docxtpl(folder: &Path) -> BTreeMap<String, String> {
    let values = oracle().join("values.json");
    let out = run("render.py", python("render.py").arg(folder).arg(values));
    serde_json::from_slice(&out).unwrap()
}

/// The text of the PDFs that LibreOffice makes of documents; none of those that it could not open.
pub(crate) fn pdf_texts(folder: &Path, documents: &[PathBuf]) -> Vec<Option<String>> {
    let made = folder.join("pdf");
    convert(folder, "pdf", documents, &made);
    let text = |document: &PathBuf| {
        let pdf = made.join(document.with_extension("pdf").file_name()?);
        if !pdf.exists() {
            return None;
        }
        let out = run("pdftotext", Command::new("pdftotext").arg(&pdf).arg("-"));
        Some(String::from_utf8(out).unwrap())
    };
    documents.iter().map(text).collect()
}

fn convert(folder: &Path, format: &str, sources: &[PathBuf], made: &Path) {
    let profile = format!(
        "-env:UserInstallation=file://{}",
        folder.join("profile").display()
    );
    for few in sources.chunks(FILES_PER_CALL) {
        let mut command = Command::new("soffice");
        command.args(["--headless", "--norestore", &profile]);
        command.args(["--convert-to", format, "--outdir"]);
        run("soffice", command.arg(made).args(few));
    }
}
