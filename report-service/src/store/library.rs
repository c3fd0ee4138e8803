//! Versions of templates: who uploaded what, and which one was made active when. The bytes are files.

use spokegate_contract::ReportId;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Store, signed, unsigned};
use crate::artefacts::ArtefactKey;

/// A version as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateRow {
    /// The report's id.
    pub report: String,
    /// Its number, from 1.
    pub version: u64,
    /// The name of its file in the folder of templates.
    pub file_key: String,
    /// What the person's file was called.
    pub file_name: String,
    /// What the person wrote about it.
    pub note: String,
    /// SHA-256 of the file in hexadecimal.
    pub sha256: String,
    /// The file's size.
    pub bytes: u64,
    /// When it was uploaded, Unix milliseconds.
    pub uploaded_at_ms: u64,
    /// By whom: the stable id,
    pub uploader_id: String,
    /// and the name.
    pub uploader_title: String,
    /// When it was removed; 0 while it is there.
    pub removed_at_ms: u64,
    /// By whom; empty while it is there.
    pub remover_title: String,
}

/// A version was made active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivationRow {
    /// The report's id.
    pub report: String,
    /// Which version; 0 is the report folder's.
    pub version: u64,
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// By whom.
    pub person_title: String,
}

/// Who acts, and when.
#[derive(Debug, Clone, Copy)]
pub struct LibraryAct<'a> {
    /// Unix milliseconds.
    pub at_ms: u64,
    /// The stable id,
    pub person_id: &'a str,
    /// and the name.
    pub person_title: &'a str,
}

/// How a removal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// It is gone; its file may go.
    Removed(Box<TemplateRow>),
    /// It is active, and stays.
    Active,
    /// There is no such version (any more).
    Unknown,
}

impl Store {
    /// Stores a new version, with the next number of its report; `None` when the report has `versions_max` already. What
    /// the row says of number, time and person is not looked at.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn template_insert(
        &self,
        row: &TemplateRow,
        versions_max: u32,
        act: LibraryAct<'_>,
    ) -> Result<Option<u64>, sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        let known = sqlx::query(
            "SELECT COUNT(CASE WHEN removed_at = 0 THEN 1 END) AS kept, COALESCE(MAX(version), 0) AS last
             FROM template_version WHERE report = $1",
        )
        .bind(&row.report)
        .fetch_one(&mut *tx)
        .await?;
        let (kept, last): (i64, i64) = (known.try_get("kept")?, known.try_get("last")?);
        if kept >= i64::from(versions_max) {
            return Ok(None);
        }
        let version = last.saturating_add(1);
        sqlx::query(
            "INSERT INTO template_version
                 (report, version, file_key, file_name, note, sha256, bytes, uploaded_at, uploader_id, uploader_title)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(&row.report)
        .bind(version)
        .bind(&row.file_key)
        .bind(&row.file_name)
        .bind(&row.note)
        .bind(&row.sha256)
        .bind(signed(row.bytes))
        .bind(signed(act.at_ms))
        .bind(act.person_id)
        .bind(act.person_title)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Some(unsigned(version)))
    }

    /// One version, also when it was removed.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn template(
        &self,
        report: &ReportId,
        version: u64,
    ) -> Result<Option<TemplateRow>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM template_version WHERE report = $1 AND version = $2")
            .bind(report.as_str())
            .bind(signed(version))
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Every version of a report, the newest first, removed ones too.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn templates_of(&self, report: &ReportId) -> Result<Vec<TemplateRow>, sqlx::Error> {
        let rows =
            sqlx::query("SELECT * FROM template_version WHERE report = $1 ORDER BY version DESC")
                .bind(report.as_str())
                .fetch_all(self.pool())
                .await?;
        rows.iter().map(read).collect()
    }

    /// What was made active of a report, the latest first: that one is active.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn template_activations(
        &self,
        report: &ReportId,
        limit: u32,
    ) -> Result<Vec<ActivationRow>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT * FROM template_activation WHERE report = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(report.as_str())
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read_activation).collect()
    }

    /// The active version of a report; 0 is the report folder's.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn template_active(&self, report: &ReportId) -> Result<u64, sqlx::Error> {
        let latest = self.template_activations(report, 1).await?;
        Ok(latest.first().map_or(0, |latest| latest.version))
    }

    /// Makes a version active; `false` when there is no such version (any more).
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn template_activate(
        &self,
        report: &ReportId,
        version: u64,
        act: LibraryAct<'_>,
    ) -> Result<bool, sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        let there: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM template_version WHERE report = $1 AND version = $2 AND removed_at = 0",
        )
        .bind(report.as_str())
        .bind(signed(version))
        .fetch_one(&mut *tx)
        .await?;
        if version > 0 && there == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO template_activation (report, version, activated_at, person_id, person_title)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(report.as_str())
        .bind(signed(version))
        .bind(signed(act.at_ms))
        .bind(act.person_id)
        .bind(act.person_title)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Removes a version that is not active. What is known of it stays.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn template_remove(
        &self,
        report: &ReportId,
        version: u64,
        act: LibraryAct<'_>,
    ) -> Result<Removal, sqlx::Error> {
        let turn = self.turn().await?;
        let mut tx = turn.begin().await?;
        let active: Option<i64> = sqlx::query_scalar(
            "SELECT version FROM template_activation WHERE report = $1 ORDER BY id DESC LIMIT 1",
        )
        .bind(report.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        if active == Some(signed(version)) {
            return Ok(Removal::Active);
        }
        let removed = sqlx::query(
            "UPDATE template_version SET removed_at = $3, remover_title = $4
             WHERE report = $1 AND version = $2 AND removed_at = 0 RETURNING *",
        )
        .bind(report.as_str())
        .bind(signed(version))
        .bind(signed(act.at_ms.max(1)))
        .bind(act.person_title)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(match removed {
            Some(row) => Removal::Removed(Box::new(read(&row)?)),
            None => Removal::Unknown,
        })
    }
}

fn read(row: &AnyRow) -> Result<TemplateRow, sqlx::Error> {
    let number = |column: &str| row.try_get(column).map(unsigned);
    Ok(TemplateRow {
        report: row.try_get("report")?,
        version: number("version")?,
        file_key: file_key(row)?,
        file_name: row.try_get("file_name")?,
        note: row.try_get("note")?,
        sha256: row.try_get("sha256")?,
        bytes: number("bytes")?,
        uploaded_at_ms: number("uploaded_at")?,
        uploader_id: row.try_get("uploader_id")?,
        uploader_title: row.try_get("uploader_title")?,
        removed_at_ms: number("removed_at")?,
        remover_title: row.try_get("remover_title")?,
    })
}

/// The name of a template's file: whatever stands in the store, it names none elsewhere.
fn file_key(row: &AnyRow) -> Result<String, sqlx::Error> {
    let key: String = row.try_get("file_key")?;
    if ArtefactKey::is_file_key(&key) {
        return Ok(key);
    }
    let fault = format!("the file_key {key:?} of a template is no file's plain name");
    Err(sqlx::Error::Decode(fault.into()))
}

fn read_activation(row: &AnyRow) -> Result<ActivationRow, sqlx::Error> {
    Ok(ActivationRow {
        report: row.try_get("report")?,
        version: row.try_get("version").map(unsigned)?,
        at_ms: row.try_get("activated_at").map(unsigned)?,
        person_title: row.try_get("person_title")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stores;

    fn act(at_ms: u64) -> LibraryAct<'static> {
        LibraryAct {
            at_ms,
            person_id: "main:zoe",
            person_title: "Zoë",
        }
    }

    fn row(report: &str) -> TemplateRow {
        TemplateRow {
            report: report.into(),
            version: 0,
            file_key: format!("{report}-1.docx"),
            file_name: "Überblick.docx".into(),
            note: "new \"logo\"".into(),
            sha256: "ab".repeat(32),
            bytes: 7,
            uploaded_at_ms: 0,
            uploader_id: String::new(),
            uploader_title: String::new(),
            removed_at_ms: 0,
            remover_title: String::new(),
        }
    }

    #[tokio::test]
    async fn versions_count_on_for_each_report_and_no_number_comes_twice() {
        let (a, b): (ReportId, ReportId) = ("aa".parse().unwrap(), "bb".parse().unwrap());
        for store in stores().await {
            let insert = async |report: &str, max: u32| {
                store
                    .template_insert(&row(report), max, act(5))
                    .await
                    .unwrap()
            };
            assert_eq!(insert("aa", 2).await, Some(1));
            assert_eq!(insert("bb", 2).await, Some(1));
            assert_eq!(insert("aa", 2).await, Some(2));
            assert_eq!(insert("aa", 2).await, None, "no more than allowed");
            let removed = store.template_remove(&a, 2, act(6)).await.unwrap();
            let Removal::Removed(gone) = removed else {
                panic!("{removed:?}");
            };
            assert_eq!((gone.version, gone.removed_at_ms), (2, 6));
            assert_eq!(insert("aa", 2).await, Some(3), "2 was given before");
            let versions = store.templates_of(&a).await.unwrap();
            let numbers: Vec<_> = versions.iter().map(|row| row.version).collect();
            assert_eq!(numbers, [3, 2, 1]);
            assert_eq!(store.template(&b, 2).await.unwrap(), None);
            let kept = store.template(&a, 1).await.unwrap().unwrap();
            let expected = TemplateRow {
                version: 1,
                uploaded_at_ms: 5,
                uploader_id: "main:zoe".into(),
                uploader_title: "Zoë".into(),
                ..row("aa")
            };
            assert_eq!(kept, expected);
        }
    }

    #[tokio::test]
    async fn the_last_activation_counts_and_what_is_active_is_not_removed() {
        let (a, b): (ReportId, ReportId) = ("aa".parse().unwrap(), "bb".parse().unwrap());
        for store in stores().await {
            store.template_insert(&row("aa"), 9, act(1)).await.unwrap();
            store.template_insert(&row("aa"), 9, act(2)).await.unwrap();
            assert_eq!(store.template_active(&a).await.unwrap(), 0);
            for (version, known) in [(1, true), (2, true), (3, false), (0, true), (2, true)] {
                let made = store.template_activate(&a, version, act(9)).await.unwrap();
                assert_eq!(made, known, "{version}");
            }
            assert_eq!(store.template_active(&a).await.unwrap(), 2);
            assert_eq!(store.template_active(&b).await.unwrap(), 0);
            let latest = store.template_activations(&a, 3).await.unwrap();
            let versions: Vec<_> = latest.iter().map(|row| row.version).collect();
            assert_eq!(versions, [2, 0, 2]);
            let remove = async |version| store.template_remove(&a, version, act(9)).await.unwrap();
            assert_eq!(remove(2).await, Removal::Active);
            assert!(matches!(remove(1).await, Removal::Removed(_)));
            assert_eq!(remove(1).await, Removal::Unknown);
            assert_eq!(remove(7).await, Removal::Unknown);
            let again = store.template_activate(&a, 1, act(9)).await.unwrap();
            assert!(!again, "a removed one is not made active");
        }
    }
}
