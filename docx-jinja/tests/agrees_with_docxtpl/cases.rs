//! The templates: written as text or XML, drawn with python-docx and docx-rs, converted by LibreOffice.

mod drawn;
mod inserted;
mod parts;
mod plain;
mod tables;
mod text;

use std::path::Path;

use crate::package::Draft;
use crate::programs;

/// One template.
pub(crate) struct Template {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

fn written(name: &str, draft: &Draft) -> Template {
    Template {
        name: name.to_owned(),
        bytes: draft.build(),
    }
}

/// All templates; those of other programs are made in `folder`.
pub(crate) fn all(folder: &Path) -> Vec<Template> {
    let mut all = plain::all();
    all.extend(text::all());
    all.extend(tables::all());
    all.extend(parts::all());
    all.extend(inserted::all());
    all.extend(drawn::all());
    all.extend(found(
        &programs::python_docx_templates(folder),
        "python-docx",
    ));
    all.extend(found(&programs::office_templates(folder), "LibreOffice"));
    all
}

/// What another program left in a folder.
fn found(folder: &Path, program: &str) -> Vec<Template> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy();
        all.push(Template {
            name: format!("{program}: {name}"),
            bytes: std::fs::read(&path).unwrap(),
        });
    }
    assert!(all.len() >= 6, "{program} made {} templates", all.len());
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}
