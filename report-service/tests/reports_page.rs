//! The page `docs/REPORTS.md`: its files make a report, its commands run in the folder, its faults are told as it says.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that goes wrong"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PAGE: &str = include_str!("../../docs/REPORTS.md");

/// The pieces of the page between fences, with what stands behind the opening one.
fn pieces() -> Vec<(String, String)> {
    let mut pieces = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(about) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            pieces.push((about.to_owned(), text.join("\n")));
        }
    }
    pieces
}

/// The report of the page, in a folder.
fn report() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut files = 0;
    for (about, text) in pieces() {
        if let Some((_, name)) = about.split_once(' ') {
            std::fs::write(folder.path().join(name), text).unwrap();
            files += 1;
        }
    }
    assert_eq!(files, 4, "the page has another number of files");
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let schemas: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    Command::new(env!("CARGO_BIN_EXE_spokegate-reports"))
        .args(arguments)
        .current_dir(folder)
        .env("SPOKEGATE_REPORTS__SCHEMAS", schemas)
        .output()
        .unwrap()
}

fn told(done: &Output) -> String {
    String::from_utf8([done.stdout.as_slice(), &done.stderr].concat()).unwrap()
}

/// Runs every command of the page, in its order.
fn follow(folder: &Path) -> Vec<String> {
    let pieces = pieces();
    let commands = pieces.iter().filter(|(about, _)| about == "sh");
    let commands = commands.flat_map(|(_, text)| text.lines());
    commands
        .map(|command| {
            let words: Vec<&str> = command.split_whitespace().collect();
            let (program, arguments) = words.split_first().unwrap();
            assert_eq!(*program, "spokegate-reports", "{command}");
            let done = run(folder, arguments);
            let told = told(&done);
            assert!(done.status.success(), "{command}: {told}");
            told
        })
        .collect()
}

#[test]
fn its_report_is_made() {
    let folder = report();
    let told = follow(folder.path());
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[1].contains(" 0 fault(s), 0 warning(s)"), "{}", told[1]);
    let pdf = std::fs::read(folder.path().join("out.pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
}

#[test]
fn its_faults_are_told_as_it_says() {
    let folder = report();
    let starter = ["starter-template", "devices", "--output", "template.docx"];
    assert!(run(folder.path(), &starter).status.success());
    let toml = std::fs::read_to_string(folder.path().join("report.toml")).unwrap();
    let rows: Vec<(&str, &str)> = PAGE
        .split_once("| you wrote in `report.toml` | it says |")
        .unwrap()
        .1
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .collect();
    assert!(rows.len() >= 4, "{rows:?}");
    for (wrote, says) in rows {
        // The last need of the file has it.
        let said = says.trim_end_matches(" |");
        std::fs::write(
            folder.path().join("report.toml"),
            format!("{toml}\n{wrote}\n"),
        )
        .unwrap();
        let done = run(
            folder.path(),
            &["check-template", "template.docx", "--report", "."],
        );
        let told = told(&done);
        assert_eq!(done.status.code(), Some(1), "{wrote}: {told}");
        assert!(told.contains(said), "{wrote}: {told}");
    }
}

#[test]
fn every_key_of_its_tables_is_known() {
    let folder = report();
    let starter = ["starter-template", "devices", "--output", "template.docx"];
    assert!(run(folder.path(), &starter).status.success());
    // A key that is not known is a fault, so a report with all of them shows that all are.
    let all = "title = \"T\"\ndescription = \"D\"\ngroups = [\"a\"]\nfile_name = \"{tenants}-{title}-{date}-{period}.docx\"\n\
               [template]\nrefresh_fields = false\n\
               [[need]]\ndataset = \"devices\"\nversion = 1\nmode = \"pull\"\ntimeout_s = 600\nrequired = true\nparams = { kind = \"server\" }\n\
               [[need]]\ndataset = \"backup-jobs\"\nmode = \"push\"\nmax_age_s = 1\n";
    for key in all.lines().filter_map(|line| line.split_once(" = ")) {
        let (named, of_table) = (format!("| `{}` |", key.0), format!("{}` |", key.0));
        assert!(
            PAGE.contains(&named) || PAGE.contains(&of_table),
            "{}",
            key.0
        );
    }
    std::fs::write(folder.path().join("report.toml"), all).unwrap();
    let done = run(
        folder.path(),
        &["check-template", "template.docx", "--report", "."],
    );
    let told = told(&done);
    assert!(!told.contains("unknown field"), "{told}");
    assert!(done.status.success(), "{told}");
}

/// A Word file with these paragraphs, as the page writes them.
fn word(folder: &Path, paragraphs: &str) {
    let mut writer =
        zip::ZipWriter::new(std::fs::File::create(folder.join("letter.docx")).unwrap());
    let kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
    let names = "http://schemas.openxmlformats.org";
    let body: String = paragraphs
        .lines()
        .map(|line| format!("<w:p><w:r><w:t>{line}</w:t></w:r></w:p>"))
        .collect();
    let parts = [
        (
            "[Content_Types].xml",
            format!(
                "<Types xmlns=\"{names}/package/2006/content-types\"><Default Extension=\"rels\" \
                 ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
                 <Override PartName=\"/word/document.xml\" ContentType=\"{kind}\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{names}/package/2006/relationships\"><Relationship Id=\"rId1\" \
                 Type=\"{names}/officeDocument/2006/relationships/officeDocument\" Target=\"word/document.xml\"/></Relationships>"
            ),
        ),
        (
            "word/document.xml",
            format!(
                "<w:document xmlns:w=\"{names}/wordprocessingml/2006/main\"><w:body>{body}</w:body></w:document>"
            ),
        ),
    ];
    for (path, text) in parts {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(path, options).unwrap();
        std::io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn its_letterhead_reads_what_a_report_supplies() {
    let folder = report();
    let pieces = pieces();
    let letter = pieces.iter().find(|(about, _)| about == "template");
    let letter = &letter.unwrap().1;
    let check = |letter: &str, code: i32, expected: &str| {
        word(folder.path(), letter);
        let done = run(
            folder.path(),
            &["check-template", "letter.docx", "--report", "."],
        );
        let told = told(&done);
        assert_eq!(done.status.code(), Some(code), "{told}");
        assert!(told.contains(expected), "{expected} is not in {told}");
    };
    check(letter, 0, " 0 fault(s)");
    check(letter, 0, "brand.service.address");
    let slips = [
        (
            "{{ brand.address }}",
            "{{ brand.adress }}",
            "did you mean brand.address?",
        ),
        (
            "brand.service.name",
            "brand.services.name",
            "did you mean brand.service?",
        ),
        (
            "brand.service.name",
            "brand.service.nam",
            "did you mean brand.service.name?",
        ),
    ];
    for (right, wrong, expected) in slips {
        check(&letter.replace(right, wrong), 1, expected);
    }
}
