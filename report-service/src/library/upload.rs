//! A new version: looked at, kept, recorded.

use std::io;
use std::sync::Arc;

use spokegate_contract::hex;

use super::Library;
use super::files::sha256;
use crate::artefacts::ArtefactError;
use crate::render::Template;
use crate::reports::Report;
use crate::store::library::{LibraryAct, Removal, TemplateRow};
use crate::templates::Found;

/// Longest name of a person's file that is kept, in characters.
const NAME_CHARS_MAX: usize = 120;

/// A template on its way into the library.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    /// The Word file.
    pub file: Arc<[u8]>,
    /// What the person's file is called.
    pub file_name: String,
    /// What the person says about it.
    pub note: String,
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The file is no template, or attacks: in words.
    #[error("{0}")]
    File(String),
    /// There are too many versions.
    #[error("the report has {0} versions already (templates.versions_max)")]
    Full(u32),
    /// Something of the service failed.
    #[error("{0}")]
    Service(String),
    /// The disk failed.
    #[error("the disk: {0}")]
    Disk(#[from] io::Error),
    /// Its file cannot be kept.
    #[error("the file of the template: {0}")]
    Artefact(#[from] ArtefactError),
    /// The store failed.
    #[error("the store: {0}")]
    Store(#[from] sqlx::Error),
}

impl Library {
    /// Keeps a file as the report's next version, also one with faults: that one cannot be made active.
    ///
    /// # Errors
    /// Why it is not kept.
    pub(crate) async fn upload(
        &self,
        report: &Report,
        new: NewTemplate,
        act: LibraryAct<'_>,
    ) -> Result<(u64, Found), Refused> {
        let parts = &self.shared.parts;
        let template = Template {
            file: Arc::clone(&new.file),
            ..report.template.clone()
        };
        let branded = self.branded(template, &[]).await;
        let (template, _) = branded.map_err(|unusable| Refused::Service(unusable.0))?;
        let found = self.lint(report, template).await?;
        let row = TemplateRow {
            report: report.id.to_string(),
            version: 0,
            file_key: file_key(report)?,
            file_name: plain_name(&new.file_name),
            note: new.note,
            sha256: sha256(&new.file),
            bytes: new.file.len() as u64,
            uploaded_at_ms: 0,
            uploader_id: String::new(),
            uploader_title: String::new(),
            removed_at_ms: 0,
            remover_title: String::new(),
        };
        self.shared.write(&row.file_key, new.file).await?;
        let versions_max = parts.config.versions_max;
        match parts.store.template_insert(&row, versions_max, act).await {
            Ok(Some(version)) => Ok((version, found)),
            Ok(None) => {
                self.shared.forget(&row.file_key).await;
                Err(Refused::Full(versions_max))
            }
            Err(error) => {
                self.shared.forget(&row.file_key).await;
                Err(error.into())
            }
        }
    }

    /// Removes a version that is not active, with its file.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn remove(
        &self,
        report: &Report,
        version: u64,
        act: LibraryAct<'_>,
    ) -> Result<Removal, sqlx::Error> {
        let store = &self.shared.parts.store;
        let removal = store.template_remove(&report.id, version, act).await?;
        if let Removal::Removed(row) = &removal {
            self.shared.forget(&row.file_key).await;
            self.shared.forget_fit(&report.id, version);
        }
        Ok(removal)
    }
}

/// A file's name that no other has.
fn file_key(report: &Report) -> io::Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(format!("{}-{}.docx", report.id, hex::encode(&bytes)))
}

/// The last part of a path, on one line and not too long.
fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS_MAX)
        .collect();
    let trimmed = plain.trim();
    if trimmed.is_empty() {
        "template.docx".into()
    } else {
        trimmed.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::plain_name;

    #[test]
    fn a_file_is_called_by_the_last_part_of_its_path() {
        let check = |name: &str, expected: &str| assert_eq!(plain_name(name), expected, "{name}");
        check("Overview 2.docx", "Overview 2.docx");
        check("C:\\Users\\zoe\\a.docx", "a.docx");
        check("../../etc/passwd", "passwd");
        check("a\r\nb\0.docx", "ab.docx");
        check(" / ", "template.docx");
        check("", "template.docx");
        check(&"x".repeat(300), &"x".repeat(120));
    }
}
