//! Runs: who started what, when, with which inputs, and how it ended.
//!
//! A run's rows do not wait for the disk: should the power fail, the last run is missing and can be made again. The
//! audit record of its start does wait.

use serde_json::{Map, Value};
use spokegate_contract::{ReportId, TenantId};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Store, signed, unsigned};
use crate::runs::{
    DataPart, Format, Formats, NeedProgress, Origin, Review, RunFile, RunId, RunState,
};

/// A run as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The report's id.
    pub report: String,
    /// The report's title at that time.
    pub title: String,
    /// The stable id of the person who started it.
    pub owner_id: String,
    /// That person's name.
    pub owner_title: String,
    /// The customers.
    pub tenants: Vec<TenantId>,
    /// What was filled in.
    pub params: Map<String, Value>,
    /// Where it stands.
    pub state: RunState,
    /// Why it failed.
    pub reason: String,
    /// When it was started, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it ended.
    pub finished_at_ms: Option<u64>,
    /// SHA-256 of the template; empty before its work begins.
    pub template_sha256: String,
    /// SHA-256 of the brand; see [`crate::branding::RunBrand::sha256`]. Empty before its work begins.
    pub brand_sha256: String,
    /// SHA-256 over all data that went in.
    pub data_sha256: String,
    /// How each need ended.
    pub needs: Vec<NeedProgress>,
    /// What a download is called.
    pub file_name: String,
    /// The document's size.
    pub file_bytes: u64,
    /// What it is to end with.
    pub formats: Formats,
    /// What it ended with.
    pub files: Vec<RunFile>,
    /// What it belongs to.
    pub origin: Origin,
    /// The template's version, once its work has begun; 0 is the report folder's.
    pub template_version: u64,
    /// The digest of each part of the data that went in.
    pub data: Vec<DataPart>,
    /// Whether that data is kept.
    pub data_kept: bool,
    /// Where its review stands.
    pub review: Review,
    /// Who released or rejected it; empty before.
    pub reviewer: String,
    /// Why it was rejected.
    pub review_reason: String,
    /// When it was released or rejected; 0 before.
    pub reviewed_at_ms: u64,
    /// When it is forgotten; 0 when the usual time holds.
    pub expires_at_ms: u64,
    /// Whether it asks satellites.
    pub relayed: bool,
}

impl RunRow {
    /// A run that waits, of nothing and nobody yet.
    #[must_use]
    pub fn queued(id: RunId, created_at_ms: u64) -> Self {
        Self {
            id,
            report: String::new(),
            title: String::new(),
            owner_id: String::new(),
            owner_title: String::new(),
            tenants: Vec::new(),
            params: Map::new(),
            state: RunState::Queued,
            reason: String::new(),
            created_at_ms,
            finished_at_ms: None,
            template_sha256: String::new(),
            brand_sha256: String::new(),
            data_sha256: String::new(),
            needs: Vec::new(),
            file_name: String::new(),
            file_bytes: 0,
            formats: Formats::default(),
            files: Vec::new(),
            origin: Origin::default(),
            template_version: 0,
            data: Vec::new(),
            data_kept: false,
            review: Review::None,
            reviewer: String::new(),
            review_reason: String::new(),
            reviewed_at_ms: 0,
            expires_at_ms: 0,
            relayed: false,
        }
    }

    /// What the download of one of its files is called.
    #[must_use]
    pub fn name_of(&self, format: Format) -> String {
        let name = self.file_name.as_str();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        format!("{stem}.{}", format.ending())
    }

    /// The same for a finished file.
    #[must_use]
    pub fn download_name(&self, file: &RunFile) -> String {
        self.name_of(file.format)
    }

    /// One of its files.
    #[must_use]
    pub fn file(&self, format: Format) -> Option<&RunFile> {
        self.files.iter().find(|file| file.format == format)
    }
}

/// Which runs are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this report; of any without.
    pub report: Option<ReportId>,
    /// For this customer, perhaps among others.
    pub tenant: Option<TenantId>,
    /// In this state.
    pub state: Option<RunState>,
    /// Started no earlier, in milliseconds since 1970.
    pub from_ms: u64,
    /// Started earlier than this.
    pub before_ms: u64,
}

impl Default for RunFilter {
    /// All of them.
    fn default() -> Self {
        Self {
            report: None,
            tenant: None,
            state: None,
            from_ms: 0,
            before_ms: u64::MAX,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd<'a> {
    /// `done`, `failed` or `cancelled`.
    pub state: RunState,
    /// Why it failed; empty otherwise.
    pub reason: &'a str,
    /// When, in milliseconds since 1970.
    pub finished_at_ms: u64,
    /// SHA-256 over all data that went in; empty without a document.
    pub data_sha256: &'a str,
    /// How each need ended.
    pub needs: &'a [NeedProgress],
    /// What it ended with, the first of them first.
    pub files: &'a [RunFile],
    /// The digest of each part of the data.
    pub data: &'a [DataPart],
    /// Whether that data is kept.
    pub data_kept: bool,
}

impl Store {
    /// Stores a new run.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_insert(&self, run: &RunRow) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO run (id, report, title, owner_id, owner_title, tenants, params, state, created_at,
                 template_sha256, file_name, formats, batch_id, schedule_id, parent_run, same_data, template_version,
                 review, expires_at, relayed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        )
        .bind(run.id.as_str())
        .bind(&run.report)
        .bind(&run.title)
        .bind(&run.owner_id)
        .bind(&run.owner_title)
        .bind(text(&run.tenants)?)
        .bind(text(&run.params)?)
        .bind(run.state.as_str())
        .bind(signed(run.created_at_ms))
        .bind(&run.template_sha256)
        .bind(&run.file_name)
        .bind(run.formats.as_str())
        .bind(&run.origin.batch)
        .bind(&run.origin.schedule)
        .bind(&run.origin.parent)
        .bind(i64::from(run.origin.same_data))
        .bind(signed(run.template_version))
        .bind(run.review.as_str())
        .bind(signed(run.expires_at_ms))
        .bind(i64::from(run.relayed))
        .execute(self.turn().await?.quick())
        .await?;
        Ok(())
    }

    /// A worker fills a run with this version of the template, and these digests of template and brand; false when the
    /// worker no longer has it.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_template(
        &self,
        id: &RunId,
        worker: &str,
        version: u64,
        (template_sha256, brand_sha256): (&str, &str),
    ) -> Result<bool, sqlx::Error> {
        let noted = sqlx::query(
            "UPDATE run SET template_version = $3, template_sha256 = $4, brand_sha256 = $5
             WHERE id = $1 AND state = 'running' AND worker = $2",
        )
        .bind(id.as_str())
        .bind(worker)
        .bind(signed(version))
        .bind(template_sha256)
        .bind(brand_sha256)
        .execute(self.turn().await?.quick())
        .await?;
        Ok(noted.rows_affected() > 0)
    }

    /// A run ended; false when it had, or when the worker no longer has it: then it stays as it is.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_end(
        &self,
        id: &RunId,
        worker: &str,
        end: &RunEnd<'_>,
    ) -> Result<bool, sqlx::Error> {
        let ended = sqlx::query(
            "UPDATE run SET state = $2, reason = $3, finished_at = $4, data_sha256 = $5, needs = $6, file_bytes = $7,
                 files = $8, data_parts = $9, data_kept = $10
             WHERE id = $1 AND state = 'running' AND worker = $11",
        )
        .bind(id.as_str())
        .bind(end.state.as_str())
        .bind(end.reason)
        .bind(signed(end.finished_at_ms))
        .bind(end.data_sha256)
        .bind(text(&end.needs)?)
        .bind(signed(end.files.first().map_or(0, |file| file.bytes)))
        .bind(text(&end.files)?)
        .bind(text(&end.data)?)
        .bind(i64::from(end.data_kept))
        .bind(worker)
        .execute(self.turn().await?.quick())
        .await?;
        Ok(ended.rows_affected() > 0)
    }

    /// A person's own run; `None` when it is somebody else's or nobody's.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn run_of(&self, owner_id: &str, id: &RunId) -> Result<Option<RunRow>, sqlx::Error> {
        let row = sqlx::query("SELECT * FROM run WHERE id = $1 AND owner_id = $2")
            .bind(id.as_str())
            .bind(owner_id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// A person's own runs that are part of no batch, newest first.
    ///
    /// # Errors
    /// When the store cannot read.
    pub async fn runs_of(
        &self,
        owner_id: &str,
        filter: &RunFilter,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<RunRow>, sqlx::Error> {
        let report = filter.report.as_ref().map(ToString::to_string);
        // An id holds nothing that means something in a pattern.
        let tenant = filter.tenant.as_ref().map(|id| format!("%\"{id}\"%"));
        let rows = sqlx::query(
            "SELECT * FROM run WHERE owner_id = $1 AND batch_id = ''
             AND ($2 = '' OR report = $2) AND ($3 = '' OR tenants LIKE $3) AND ($4 = '' OR state = $4)
             AND created_at >= $5 AND created_at < $6
             ORDER BY created_at DESC, id LIMIT $7 OFFSET $8",
        )
        .bind(owner_id)
        .bind(report.unwrap_or_default())
        .bind(tenant.unwrap_or_default())
        .bind(filter.state.map_or("", RunState::as_str))
        .bind(signed(filter.from_ms))
        .bind(signed(filter.before_ms))
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Runs that ended before a time, and those whose own time is over. They stay until their documents are gone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs_over(
        &self,
        finished_before_ms: u64,
        now_ms: u64,
    ) -> Result<Vec<RunId>, sqlx::Error> {
        let over = "SELECT id FROM run WHERE finished_at IS NOT NULL
             AND ((expires_at = 0 AND finished_at < $1) OR (expires_at > 0 AND expires_at < $2))";
        let ids: Vec<String> = sqlx::query_scalar(over)
            .bind(signed(finished_before_ms))
            .bind(signed(now_ms))
            .fetch_all(self.pool())
            .await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Forgets a run.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_forget(&self, id: &RunId) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM run WHERE id = $1")
            .bind(id.as_str())
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }

    /// Runs that ended before a time and whose data is kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn runs_with_data(&self, finished_before_ms: u64) -> Result<Vec<RunId>, sqlx::Error> {
        let over = "SELECT id FROM run WHERE data_kept = 1 AND finished_at < $1";
        let ids: Vec<String> = sqlx::query_scalar(over)
            .bind(signed(finished_before_ms))
            .fetch_all(self.pool())
            .await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// The data of a run is no longer kept.
    ///
    /// # Errors
    /// When the store cannot write.
    pub async fn run_forget_data(&self, id: &RunId) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE run SET data_kept = 0 WHERE id = $1")
            .bind(id.as_str())
            .execute(self.turn().await?.pool())
            .await?;
        Ok(())
    }
}

pub(super) fn text(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

pub(super) fn parsed<T: for<'a> serde::Deserialize<'a>>(
    row: &AnyRow,
    column: &str,
) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// A word of a column.
pub(super) fn word<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &AnyRow,
    column: &str,
) -> Result<T, sqlx::Error> {
    let text: String = row.try_get(column)?;
    text.parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

pub(super) fn read(row: &AnyRow) -> Result<RunRow, sqlx::Error> {
    let mut run = read_row(row)?;
    // Runs of older releases have one file, of which no digest was taken.
    if run.files.is_empty() && run.file_bytes > 0 {
        run.files.push(RunFile {
            format: run.formats.first(),
            bytes: run.file_bytes,
            sha256: String::new(),
            made: String::new(),
        });
    }
    Ok(run)
}

fn read_row(row: &AnyRow) -> Result<RunRow, sqlx::Error> {
    let number = |column: &str| row.try_get(column).map(unsigned);
    Ok(RunRow {
        id: word(row, "id")?,
        report: row.try_get("report")?,
        title: row.try_get("title")?,
        owner_id: row.try_get("owner_id")?,
        owner_title: row.try_get("owner_title")?,
        tenants: parsed(row, "tenants")?,
        params: parsed(row, "params")?,
        state: word(row, "state")?,
        reason: row.try_get("reason")?,
        created_at_ms: unsigned(row.try_get("created_at")?),
        finished_at_ms: row.try_get::<Option<i64>, _>("finished_at")?.map(unsigned),
        template_sha256: row.try_get("template_sha256")?,
        brand_sha256: row.try_get("brand_sha256")?,
        data_sha256: row.try_get("data_sha256")?,
        needs: parsed(row, "needs")?,
        file_name: row.try_get("file_name")?,
        file_bytes: number("file_bytes")?,
        formats: word(row, "formats")?,
        files: parsed(row, "files")?,
        origin: Origin {
            batch: row.try_get("batch_id")?,
            schedule: row.try_get("schedule_id")?,
            parent: row.try_get("parent_run")?,
            same_data: number("same_data")? == 1,
        },
        template_version: number("template_version")?,
        data: parsed(row, "data_parts")?,
        data_kept: number("data_kept")? == 1,
        review: word(row, "review")?,
        reviewer: row.try_get("reviewer")?,
        review_reason: row.try_get("review_reason")?,
        reviewed_at_ms: number("reviewed_at")?,
        expires_at_ms: number("expires_at")?,
        relayed: number("relayed")? != 0,
    })
}
