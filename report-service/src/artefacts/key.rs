//! What an artefact is called.

use crate::pdf::PAGES_MAX;
use crate::runs::{Format, RunId};

/// Which artefact of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArtefactPart {
    /// The document itself.
    Document(Format),
    /// What it was made of.
    Data,
    /// The picture of a page, from 1.
    Page(u32),
}

impl ArtefactPart {
    /// Every one that a run can have.
    pub fn all() -> impl Iterator<Item = Self> {
        let documents = Format::ALL.into_iter().map(Self::Document);
        let pages = (1..=PAGES_MAX).map(Self::Page);
        documents.chain([Self::Data]).chain(pages)
    }

    fn ending(self) -> String {
        match self {
            Self::Document(format) => format.ending().into(),
            Self::Data => "data".into(),
            Self::Page(page) => format!("p{page}.png"),
        }
    }
}

/// The name of one artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtefactKey(Name);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    OfRun(RunId, ArtefactPart),
    Template(String),
}

/// The folder of uploaded templates, in a folder as in a bucket.
pub(super) const TEMPLATES: &str = "templates";

impl ArtefactKey {
    /// One of a run's.
    #[must_use]
    pub fn new(run: &RunId, part: ArtefactPart) -> Self {
        Self(Name::OfRun(run.clone(), part))
    }

    /// The file of an uploaded template, as the store names it.
    #[must_use]
    pub fn template(file_key: &str) -> Self {
        Self(Name::Template(file_key.to_owned()))
    }

    /// Whether that can be the name of an uploaded template's file: it is one in its folder, and in no other.
    pub(crate) fn is_file_key(text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !text.is_empty() && !text.starts_with('.') && text.bytes().all(plain)
    }

    /// What [`Self::file_name`] names; `None` for what is no artefact's name.
    pub(crate) fn of_file(name: &str) -> Option<Self> {
        Self::read(name, '.')
    }

    /// What [`Self::object_name`] names; `None` for what is no artefact's name.
    pub(super) fn of_object(name: &str) -> Option<Self> {
        Self::read(name, '/')
    }

    fn read(name: &str, between: char) -> Option<Self> {
        if let Some((TEMPLATES, file_key)) = name.split_once('/') {
            return Self::is_file_key(file_key).then(|| Self::template(file_key));
        }
        let (run, ending) = name.split_once(between)?;
        let part = ArtefactPart::all().find(|part| part.ending() == ending)?;
        Some(Self::new(&run.parse().ok()?, part))
    }

    /// `<run>.<ending>` or `templates/<file>`, in a folder.
    pub(crate) fn file_name(&self) -> String {
        match &self.0 {
            Name::OfRun(run, part) => format!("{run}.{}", part.ending()),
            Name::Template(file_key) => format!("{TEMPLATES}/{file_key}"),
        }
    }

    /// `<run>/<ending>` or `templates/<file>`, in a bucket.
    pub(super) fn object_name(&self) -> String {
        match &self.0 {
            Name::OfRun(run, part) => format!("{run}/{}", part.ending()),
            Name::Template(file_key) => format!("{TEMPLATES}/{file_key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_artefacts_share_a_name() {
        let run: RunId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let check = |part: ArtefactPart, file: &str, object: &str| {
            let key = ArtefactKey::new(&run, part);
            assert_eq!(key.file_name(), format!("{run}.{file}"));
            assert_eq!(key.object_name(), format!("{run}/{object}"));
        };
        check(ArtefactPart::Document(Format::Word), "docx", "docx");
        check(ArtefactPart::Document(Format::Pdf), "pdf", "pdf");
        check(ArtefactPart::Data, "data", "data");
        check(ArtefactPart::Page(1), "p1.png", "p1.png");
        let template = ArtefactKey::template("overview-1.docx");
        for name in [template.file_name(), template.object_name()] {
            assert_eq!(name, "templates/overview-1.docx");
        }
        let names: std::collections::BTreeSet<String> = ArtefactPart::all()
            .map(|part| ArtefactKey::new(&run, part).object_name())
            .collect();
        assert_eq!(names.len(), ArtefactPart::all().count());
    }
}
