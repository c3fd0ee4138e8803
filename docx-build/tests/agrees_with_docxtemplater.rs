//! A template that was taken over says what it said before: the real docxtemplater fills the old one, docx-jinja the
//! new one, with the same data, and both give the same text in the same paragraphs, cells and rows.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "agrees_with_docxtemplater/cases.rs"]
mod cases;
#[path = "agrees_with_docxtemplater/package.rs"]
mod package;
#[path = "agrees_with_docxtemplater/properties.rs"]
mod properties;
#[path = "agrees_with_docxtemplater/remarks.rs"]
mod remarks;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cases::{Case, cases};
use docx_build::docxtemplater::{Delimiters, Options, Weight, import};
use docx_jinja::Template;
use package::{outline, package, parts, value};
use serde_json::json;

fn peer() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/docxtemplater")
}

/// Fills all templates with docxtemplater, in one process.
fn fill_with_docxtemplater(folder: &Path, cases: &[Case]) {
    let jobs: Vec<_> = cases
        .iter()
        .enumerate()
        .map(|(number, case)| {
            let template = folder.join(format!("{number}.docx"));
            std::fs::write(&template, package(case)).unwrap();
            json!({
                "template": template, "output": folder.join(format!("{number}-filled.docx")), "data": case.data,
                "delimiters": [case.delimiters.0, case.delimiters.1], "paragraphLoop": case.paragraph_loop,
            })
        })
        .collect();
    let peer = peer();
    assert!(
        peer.join("node_modules/docxtemplater").is_dir(),
        "docxtemplater is not installed: run tests/testbed/install.sh"
    );
    let mut node = Command::new("node")
        .arg("fill.js")
        .current_dir(peer)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node, which tests/testbed/install.sh brings");
    let input = serde_json::to_vec(&jobs).unwrap();
    node.stdin.take().unwrap().write_all(&input).unwrap();
    let done = node.wait_with_output().unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Takes the template over and fills it.
fn fill_taken_over(case: &Case, sampled: bool) -> Result<Vec<u8>, String> {
    let options = Options {
        delimiters: Delimiters {
            open: case.delimiters.0.into(),
            close: case.delimiters.1.into(),
        },
        paragraph_loop: case.paragraph_loop,
        sample: sampled.then_some(&case.data),
    };
    let import = import(&package(case), &options).map_err(|error| error.to_string())?;
    if let Some(left) = import
        .remarks
        .iter()
        .find(|remark| remark.weight == Weight::Left)
    {
        return Err(left.to_string());
    }
    assert!(import.taken > 0, "{}: no tag was taken over", case.name);
    let template = Template::compile(&import.template).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let rendered = template.render(value(&case.data), &mut out);
    rendered.map_err(|error| error.to_string())?;
    Ok(out)
}

#[test]
fn templates_taken_over_say_what_they_said() {
    let folder = temporary();
    let cases = cases();
    fill_with_docxtemplater(&folder, &cases);
    let (mut agreed, mut compared, mut faults) = (0, 0, Vec::new());
    for (number, case) in cases.iter().enumerate() {
        let theirs = std::fs::read(folder.join(format!("{number}-filled.docx"))).unwrap();
        for sampled in [true, false]
            .into_iter()
            .filter(|sampled| *sampled || !case.needs_sample)
        {
            compared += 1;
            let with = if sampled { "with" } else { "without" };
            let ours = match fill_taken_over(case, sampled) {
                Ok(ours) => ours,
                Err(error) => {
                    faults.push(format!("{}, {with} sample: {error}", case.name));
                    continue;
                }
            };
            let differing = parts(case).find(|part| outline(&theirs, part) != outline(&ours, part));
            match differing {
                None => agreed += 1,
                Some(part) => faults.push(format!(
                    "{}, {with} sample, {part}:\n  theirs: {}\n  ours:   {}",
                    case.name,
                    outline(&theirs, &part),
                    outline(&ours, &part)
                )),
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    println!(
        "templates taken over from docxtemplater: {agreed} of {compared} agree ({} templates)",
        cases.len()
    );
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    assert!(cases.len() >= 40, "only {} templates", cases.len());
}

fn temporary() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("docx-build-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
