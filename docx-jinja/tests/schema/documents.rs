//! Documents under the checker.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::corpus::{cases, package, programs, values};
use crate::features;
use docx_jinja::{Template, Value};

/// Checks every `NAME.after.docx` of a folder; the faults that `NAME.before.docx` does not have.
fn checked(folder: &Path) -> BTreeMap<String, Vec<String>> {
    let checker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/docx-schema");
    static SETUP: OnceLock<()> = OnceLock::new();
    SETUP.get_or_init(|| {
        let setup = Command::new(checker.join("setup.sh")).status().unwrap();
        assert!(
            setup.success(),
            "hint: tests/testbed/install.sh brings what the test needs"
        );
    });
    let output = Command::new("python3")
        .arg(checker.join("check.py"))
        .arg(folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "check.py: {told}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rendered(name: &str, template: &[u8], values: Value) -> Vec<u8> {
    let template = Template::compile(template).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut out = Vec::new();
    let report = template.render(values, &mut out);
    report.unwrap_or_else(|error| panic!("{name}: {error}"));
    out
}

#[test]
fn documents_obey_the_schema() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("documents");
    std::fs::create_dir(&place).unwrap();
    let given = values::of(&programs::values());
    let mut names = Vec::new();
    let all = cases::all(folder.path())
        .into_iter()
        .map(|case| (case.name, case.bytes, given.clone()));
    for (name, template, values) in all.chain(features::all()) {
        let file = |side: &str| place.join(format!("{:03}.{side}.docx", names.len()));
        std::fs::write(file("after"), rendered(&name, &template, values)).unwrap();
        std::fs::write(file("before"), template).unwrap();
        names.push(name);
    }
    assert!(names.len() > 130, "{}", names.len());
    let found = checked(&place);
    assert_eq!(found.len(), names.len());
    let mut faults = Vec::new();
    for (file, told) in found {
        let name = &names[file.parse::<usize>().unwrap()];
        faults.extend(told.iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    println!(
        "{} of {} documents obey the schema",
        names.len(),
        names.len()
    );
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let planted = [
        ("a paragraph in a run", "<w:p><w:r><w:p/></w:r></w:p>"),
        ("an unknown element", "<w:p><w:nothing/></w:p>"),
        ("properties behind runs", "<w:p><w:r/><w:pPr/></w:p>"),
        (
            "an unknown alignment",
            "<w:p><w:pPr><w:jc w:val=\"sideways\"/></w:pPr></w:p>",
        ),
        (
            "cell properties out of order",
            "<w:tbl><w:tblPr/><w:tblGrid/><w:tr><w:tc><w:tcPr><w:vAlign w:val=\"top\"/><w:gridSpan w:val=\"2\"/></w:tcPr><w:p/></w:tc></w:tr></w:tbl>",
        ),
        ("text in the body", "<w:t>x</w:t>"),
    ];
    for (number, (_, body)) in planted.iter().enumerate() {
        let before = package::docx("<w:p/>").build();
        let after = package::docx(*body).build();
        std::fs::write(folder.path().join(format!("{number}.before.docx")), before).unwrap();
        std::fs::write(folder.path().join(format!("{number}.after.docx")), after).unwrap();
    }
    let found = checked(folder.path());
    for (number, (name, _)) in planted.iter().enumerate() {
        assert!(
            !found[&number.to_string()].is_empty(),
            "{name} is not found"
        );
    }
}
