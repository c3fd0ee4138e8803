//! What several operations answer with.

use crate::runs::{Format, Formats, NeedState, Progress, Review, RunState, Tally};
use crate::schedule::moment;
use crate::store::runs::RunRow;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A moment as the API writes it; `None` for 0, which stands for never.
pub(super) fn at(ms: u64) -> Option<String> {
    (ms > 0).then(|| moment(ms).to_string())
}

/// A customer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tenant")]
pub struct TenantShape {
    /// Its id.
    pub id: String,
    /// Its name.
    pub title: String,
}

/// Which kinds of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Formats")]
pub enum FormatWord {
    /// A Word document.
    #[default]
    Docx,
    /// A PDF.
    Pdf,
    /// Both of them.
    Both,
}

impl From<FormatWord> for Formats {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Docx => Self::Word,
            FormatWord::Pdf => Self::Pdf,
            FormatWord::Both => Self::Both,
        }
    }
}

impl From<Formats> for FormatWord {
    fn from(formats: Formats) -> Self {
        match formats {
            Formats::Word => Self::Docx,
            Formats::Pdf => Self::Pdf,
            Formats::Both => Self::Both,
        }
    }
}

/// Which one of a run's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Format")]
pub enum FileWord {
    /// The Word document.
    Docx,
    /// The PDF.
    Pdf,
}

impl From<FileWord> for Format {
    fn from(word: FileWord) -> Self {
        match word {
            FileWord::Docx => Self::Word,
            FileWord::Pdf => Self::Pdf,
        }
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "RunState")]
pub enum StateWord {
    /// It waits for its turn.
    Queued,
    /// It is under way.
    Running,
    /// It has a document.
    Done,
    /// It has none, and a reason.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl From<RunState> for StateWord {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Queued => Self::Queued,
            RunState::Running => Self::Running,
            RunState::Done => Self::Done,
            RunState::Failed => Self::Failed,
            RunState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<StateWord> for RunState {
    fn from(word: StateWord) -> Self {
        match word {
            StateWord::Queued => Self::Queued,
            StateWord::Running => Self::Running,
            StateWord::Done => Self::Done,
            StateWord::Failed => Self::Failed,
            StateWord::Cancelled => Self::Cancelled,
        }
    }
}

/// Where the review of a document stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Review")]
pub enum ReviewWord {
    /// It needs none.
    None,
    /// It is a draft that nobody else gets.
    Waiting,
    /// It may go out.
    Released,
    /// It may not.
    Rejected,
}

impl From<Review> for ReviewWord {
    fn from(review: Review) -> Self {
        match review {
            Review::None => Self::None,
            Review::Waiting => Self::Waiting,
            Review::Released => Self::Released,
            Review::Rejected => Self::Rejected,
        }
    }
}

/// One customer's dataset in a run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Need")]
pub struct NeedShape {
    /// The customer's name.
    pub tenant: String,
    /// The dataset's name.
    pub dataset: String,
    /// Whether the report fails without it.
    pub required: bool,
    /// `waiting`, `fetching`, `ready`, `missing` or `not used`.
    pub state: String,
    /// Rows so far.
    pub rows: u64,
    /// Why it is missing, or how old it is; may be empty.
    pub note: String,
}

/// A finished file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "File")]
pub struct FileShape {
    /// `docx` or `pdf`.
    pub format: String,
    /// What it is called.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

impl FileShape {
    /// Those of a run.
    pub(super) fn all(run: &RunRow) -> Vec<Self> {
        let shape = |file: &crate::runs::RunFile| Self {
            format: file.format.ending().to_owned(),
            name: run.download_name(file),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
        };
        run.files.iter().map(shape).collect()
    }
}

/// A run.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Run")]
pub struct RunShape {
    /// Its id.
    pub id: String,
    /// The report's id.
    pub report: String,
    /// The report's title at that time.
    pub title: String,
    /// Ids of its customers.
    pub tenants: Vec<String>,
    /// Where it stands.
    pub state: StateWord,
    /// Why it failed; empty otherwise.
    pub reason: String,
    /// When it was ordered.
    pub created_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// The inputs.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// Every customer's datasets.
    pub needs: Vec<NeedShape>,
    /// Its files, once it is done.
    pub files: Vec<FileShape>,
    /// Where its review stands; a document is given out with `none` and `released`.
    pub review: ReviewWord,
    /// Whether the data that it was made of is kept.
    pub data_kept: bool,
    /// The batch that it is a part of.
    pub batch: Option<String>,
    /// The schedule that ordered it.
    pub schedule: Option<String>,
    /// The run that it makes again.
    pub parent: Option<String>,
}

impl RunShape {
    /// A run as it stands: its row, and its progress where that is newer.
    pub(super) fn new(run: RunRow, progress: Progress) -> Self {
        let named = |id: &String| (!id.is_empty()).then(|| id.clone());
        let needs = progress.needs.into_iter().map(|need| NeedShape {
            tenant: need.tenant,
            dataset: need.dataset,
            required: need.required,
            state: NeedState::as_str(need.state).to_owned(),
            rows: need.rows,
            note: need.note,
        });
        Self {
            id: run.id.to_string(),
            files: FileShape::all(&run),
            state: progress.state.into(),
            reason: progress.reason,
            created_at: at(run.created_at_ms),
            finished_at: run.finished_at_ms.and_then(at),
            needs: needs.collect(),
            review: run.review.into(),
            data_kept: run.data_kept,
            batch: named(&run.origin.batch),
            schedule: named(&run.origin.schedule),
            parent: named(&run.origin.parent),
            tenants: run.tenants.iter().map(ToString::to_string).collect(),
            report: run.report,
            title: run.title,
            parameters: run.params,
        }
    }

    /// A run as it is stored.
    pub(super) fn stored(run: RunRow) -> Self {
        let progress = crate::web::runs::stored(&run);
        Self::new(run, progress)
    }
}

/// How many runs of a batch stand where.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tally")]
pub struct TallyShape {
    /// All of them.
    pub total: u64,
    /// They wait for their turn.
    pub queued: u64,
    /// They are under way.
    pub running: u64,
    /// They have a document.
    pub done: u64,
    /// They have none, and a reason.
    pub failed: u64,
    /// They were cancelled.
    pub cancelled: u64,
}

impl From<Tally> for TallyShape {
    fn from(tally: Tally) -> Self {
        Self {
            total: tally.total,
            queued: tally.queued,
            running: tally.running,
            done: tally.done,
            failed: tally.failed,
            cancelled: tally.cancelled,
        }
    }
}
