//! The entries that fit as a file, oldest first, read in small pieces so that a long trail takes no more memory than a short one.

use super::question::Question;
use crate::csv;
use crate::state::AppState;
use crate::store::audit::{AuditFilter, AuditRecord, Decision};
use crate::web::errors::PageError;
use crate::web::session::AdminUser;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::json;

/// Entries read at a time.
const PIECE: u32 = 500;
const HEADING: &str =
    "sequence,at_ms,actor,name,action,decision,reason,subject,address,previous,hash\r\n";

/// How the file is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    Csv,
    Jsonl,
}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default, rename = "as")]
    form: Form,
}

pub(super) async fn export(
    State(state): State<AppState>,
    user: AdminUser,
    Query(which): Query<Which>,
    Query(asked): Query<Question>,
) -> Result<Response, PageError> {
    let filter = asked.filter().map_err(PageError::bad_request)?;
    // What comes after this moment is not in the file, so that the file has an end.
    let before = state.store.audit_page(None, 1).await?;
    let before = before.first().map_or(1, |entry| entry.sequence + 1);
    let subject = match asked.query() {
        query if query.is_empty() => "all".to_owned(),
        query => query,
    };
    user.audit(&state, "audit.export", Decision::Allowed, "admin", &subject)
        .await?;
    let (media_type, name) = match which.form {
        Form::Csv => ("text/csv; charset=utf-8", "audit.csv"),
        Form::Jsonl => ("application/x-ndjson", "audit.jsonl"),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    let walk = Walk {
        state,
        filter,
        form: which.form,
        after: Some(0),
        before,
    };
    Ok((headers, Body::from_stream(pieces(walk))).into_response())
}

struct Walk {
    state: AppState,
    filter: AuditFilter,
    form: Form,
    /// The last entry written; none when all are.
    after: Option<i64>,
    before: i64,
}

/// A piece that cannot be read breaks the download off, so that a part is not taken for the whole.
fn pieces(walk: Walk) -> impl Stream<Item = Result<String, sqlx::Error>> {
    stream::try_unfold(walk, |mut walk| async move {
        let Some(after) = walk.after else {
            return Ok(None);
        };
        let entries = walk
            .state
            .store
            .audit_between(&walk.filter, after, walk.before, PIECE)
            .await?;
        let mut text = match (walk.form, after) {
            (Form::Csv, 0) => HEADING.to_owned(),
            _ => String::new(),
        };
        entries
            .iter()
            .for_each(|entry| text.push_str(&line(walk.form, entry)));
        let full = entries.len() == PIECE as usize;
        walk.after = entries.last().filter(|_| full).map(|entry| entry.sequence);
        Ok(Some((text, walk)))
    })
}

fn line(form: Form, entry: &AuditRecord) -> String {
    let (previous, hash) = (entry.previous_hex(), entry.hash_hex());
    match form {
        Form::Jsonl => {
            let value = json!({
                "sequence": entry.sequence, "at_ms": entry.at_ms, "actor": entry.actor, "name": entry.name,
                "action": entry.action, "decision": entry.decision, "reason": entry.reason, "subject": entry.subject,
                "address": entry.address, "previous": previous, "hash": hash,
            });
            format!("{value}\n")
        }
        Form::Csv => {
            let texts = [
                &entry.actor,
                &entry.name,
                &entry.action,
                &entry.decision,
                &entry.reason,
                &entry.subject,
                &entry.address,
                &previous,
                &hash,
            ];
            let texts: Vec<String> = texts.iter().map(|text| csv::cell(text)).collect();
            format!("{},{},{}\r\n", entry.sequence, entry.at_ms, texts.join(","))
        }
    }
}
