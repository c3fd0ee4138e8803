//! Fills every template on both sides and compares what came of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use docx_jinja::Value;

use crate::cases::{self, Template};
use crate::differences::{DIFFERENCES, Difference, Reach};
use crate::programs;
use crate::reading::{Reading, read};
use crate::values;

/// Fewer would say too little.
const TEMPLATES_MIN: usize = 60;

/// What became of one template on both sides.
struct Outcome {
    name: String,
    ours: Result<Vec<u8>, String>,
    theirs: Result<Vec<u8>, String>,
    ours_pdf: Option<String>,
    theirs_pdf: Option<String>,
}

#[test]
fn templates_of_docxtpl_give_the_same_documents() {
    let folder = tempfile::tempdir().unwrap();
    let templates = cases::all(folder.path());
    assert!(templates.len() >= TEMPLATES_MIN, "{}", templates.len());
    let outcomes = fill(folder.path(), &templates);
    let mut faults = Vec::new();
    let mut named = 0;
    for outcome in &outcomes {
        let difference = DIFFERENCES.iter().find(|d| d.name == outcome.name);
        match judge(outcome, difference) {
            Ok(()) => println!(
                "{:44} {}",
                outcome.name,
                difference.map_or("the same", |d| d.why)
            ),
            Err(fault) => faults.push(format!("{}\n{fault}", outcome.name)),
        }
        named += usize::from(difference.is_some());
    }
    for difference in DIFFERENCES {
        let known = outcomes
            .iter()
            .any(|outcome| outcome.name == difference.name);
        assert!(known, "no template is called {}", difference.name);
    }
    let agree = outcomes.len() - faults.len();
    println!("templates: {agree} of {} agree", outcomes.len());
    println!("of these {named} differ in what their line says");
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n\n"));
}

/// Fills all templates on both sides and makes PDFs of what came out.
fn fill(folder: &Path, templates: &[Template]) -> Vec<Outcome> {
    let shared = folder.join("templates");
    std::fs::create_dir(&shared).unwrap();
    for (number, template) in templates.iter().enumerate() {
        std::fs::write(shared.join(format!("{number:03}.docx")), &template.bytes).unwrap();
    }
    let failures = programs::docxtpl(&shared);
    let values = values::of(&programs::values());
    let mut outcomes = Vec::new();
    for (number, template) in templates.iter().enumerate() {
        let file = format!("{number:03}");
        let theirs = match failures.get(&file) {
            Some(failure) => Err(failure.clone()),
            None => Ok(std::fs::read(shared.join(format!("docxtpl/{file}.docx"))).unwrap()),
        };
        outcomes.push(Outcome {
            name: template.name.clone(),
            ours: render(&template.bytes, &values),
            theirs,
            ours_pdf: None,
            theirs_pdf: None,
        });
    }
    add_pdfs(folder, &mut outcomes);
    outcomes
}

fn render(template: &[u8], values: &Value) -> Result<Vec<u8>, String> {
    let template = docx_jinja::Template::compile(template).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let report = template.render_with(values.clone(), values::assets(), &mut out);
    report.map_err(|error| error.to_string())?;
    Ok(out)
}

fn add_pdfs(folder: &Path, outcomes: &mut [Outcome]) {
    let finished = folder.join("finished");
    std::fs::create_dir(&finished).unwrap();
    let mut files: BTreeMap<PathBuf, (usize, bool)> = BTreeMap::new();
    for (number, outcome) in outcomes.iter().enumerate() {
        for (is_ours, document) in [(true, &outcome.ours), (false, &outcome.theirs)] {
            let Ok(document) = document else { continue };
            let side = if is_ours { "ours" } else { "theirs" };
            let path = finished.join(format!("{number:03}-{side}.docx"));
            std::fs::write(&path, document).unwrap();
            files.insert(path, (number, is_ours));
        }
    }
    let paths: Vec<PathBuf> = files.keys().cloned().collect();
    let texts = programs::pdf_texts(folder, &paths);
    for ((number, is_ours), text) in files.into_values().zip(texts) {
        let outcome = &mut outcomes[number];
        let place = if is_ours {
            &mut outcome.ours_pdf
        } else {
            &mut outcome.theirs_pdf
        };
        *place = text;
    }
}

/// Whether both sides agree, or differ just as expected.
fn judge(outcome: &Outcome, difference: Option<&Difference>) -> Result<(), String> {
    let Ok(ours) = &outcome.ours else {
        return Err(format!("ours fails: {:?}", outcome.ours));
    };
    let ours = read(ours);
    if outcome.ours_pdf.is_none() {
        return Err("LibreOffice does not open ours".to_owned());
    }
    let reach = difference.map(|difference| difference.reach);
    let theirs = match (&outcome.theirs, reach) {
        (Ok(theirs), _) => read(theirs),
        (Err(failure), Some(Reach::TheirsFails)) => {
            return pinned(difference, &ours.text, std::slice::from_ref(failure));
        }
        (Err(failure), _) => return Err(format!("docxtpl fails: {failure}")),
    };
    let found = found(&ours, &theirs);
    let same_pdf = outcome.ours_pdf == outcome.theirs_pdf;
    match (found, reach) {
        (None, None) if same_pdf => Ok(()),
        (None | Some(Reach::Looks), None | Some(Reach::Looks)) if !same_pdf => Err(format!(
            "the PDFs differ\nours   {:?}\ntheirs {:?}",
            outcome.ours_pdf, outcome.theirs_pdf
        )),
        (Some(Reach::Looks), Some(Reach::Numbers)) if !same_pdf => {
            pinned(difference, &ours.looks, &theirs.looks)
        }
        (Some(Reach::Looks), Some(Reach::Looks)) => pinned(difference, &ours.looks, &theirs.looks),
        (Some(Reach::Text), Some(Reach::Text)) => pinned(difference, &ours.text, &theirs.text),
        (Some(Reach::Text), _) => Err(shown(&ours.text, &theirs.text)),
        (Some(_), _) => Err(shown(&ours.looks, &theirs.looks)),
        (None, _) => Err("they agree: take it out of the differences".to_owned()),
    }
}

fn found(ours: &Reading, theirs: &Reading) -> Option<Reach> {
    if ours.text != theirs.text {
        Some(Reach::Text)
    } else if ours.looks != theirs.looks {
        Some(Reach::Looks)
    } else {
        None
    }
}

/// Holds a difference to what was written down about it.
fn pinned(
    difference: Option<&Difference>,
    ours: &[String],
    theirs: &[String],
) -> Result<(), String> {
    let difference = difference.unwrap();
    let holds = |lines: &[String], text: &str| lines.iter().any(|line| line.contains(text));
    if !holds(ours, difference.ours)
        || holds(theirs, difference.ours) && difference.reach != Reach::TheirsFails
    {
        return Err(format!(
            "ours alone should hold {}\n{}",
            difference.ours,
            shown(ours, theirs)
        ));
    }
    if !holds(theirs, difference.theirs) {
        return Err(format!(
            "docxtpl's should hold {}\n{}",
            difference.theirs,
            shown(ours, theirs)
        ));
    }
    Ok(())
}

/// The first lines that differ.
fn shown(ours: &[String], theirs: &[String]) -> String {
    let at = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let few = |lines: &[String]| {
        lines
            .iter()
            .skip(at)
            .take(4)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n  ")
    };
    format!("ours   {}\ntheirs {}", few(ours), few(theirs))
}
