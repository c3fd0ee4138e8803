//! A real LibreOffice: what a Word file says, as a reader of its PDF sees it.

use std::path::Path;
use std::process::Command;

/// The pages' text in reading order, without any white space: cells wrap as they like.
pub(crate) fn words_of_pdf(document: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let profile = format!(
        "-env:UserInstallation=file://{}/profile",
        folder.path().display()
    );
    run(Command::new("soffice")
        .args([&profile, "--headless", "--convert-to", "pdf", "--outdir"])
        .arg(folder.path())
        .arg(document));
    let name = document.with_extension("pdf");
    let pdf = folder.path().join(name.file_name().unwrap());
    let text = run(Command::new("pdftotext").arg("-raw").arg(&pdf).arg("-"));
    text.split_whitespace().collect()
}

/// Removes white space, as [`words_of_pdf`] does.
pub(crate) fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}
