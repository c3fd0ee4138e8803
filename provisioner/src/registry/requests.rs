//! Requests that wait for approval.

use spokegate_contract::Address;
use spokegate_identity::PublicKey;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::issued::{address, key};
use super::{Registry, RegistryError, count, natural};
use crate::rules::REQUEST_LIFE_MS;

/// Whether somebody has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// Nobody has.
    Waiting,
    /// Yes.
    Approved,
    /// No.
    Rejected,
}

/// A request as lists show it.
#[derive(Clone, Debug)]
pub struct OpenRequest {
    /// What an operator names it by.
    pub number: u64,
    /// The satellite that its token is for.
    pub address: Address,
    /// The key that would be certified.
    pub public_key: PublicKey,
    /// The address that the door saw, or empty.
    pub peer: String,
    /// When it came.
    pub asked_at_ms: u64,
    /// Whether somebody has decided.
    pub state: RequestState,
}

/// A request as it comes in.
pub(crate) struct Asked<'a> {
    pub(crate) token: &'a str,
    pub(crate) key: &'a PublicKey,
    pub(crate) peer: &'a str,
}

impl RequestState {
    /// The word in the registry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    fn of(text: &str) -> Result<Self, RegistryError> {
        [Self::Waiting, Self::Approved, Self::Rejected]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(RegistryError::Damaged {
                what: "the state of a request",
            })
    }
}

pub(crate) async fn file(
    db: &mut SqliteConnection,
    asked: &Asked<'_>,
    at_ms: u64,
) -> Result<(), RegistryError> {
    sqlx::query(
        "INSERT INTO request (token, public_key, peer, asked_at, state) VALUES (?1, ?2, ?3, ?4, 'waiting')",
    )
    .bind(asked.token)
    .bind(&asked.key.as_bytes()[..])
    .bind(asked.peer)
    .bind(count(at_ms))
    .execute(db)
    .await?;
    Ok(())
}

/// The request of a key with a token: its state, and when it was made.
pub(crate) async fn of_key(
    db: &mut SqliteConnection,
    token: &str,
    key: &PublicKey,
) -> Result<Option<(RequestState, u64)>, RegistryError> {
    let row =
        sqlx::query("SELECT state, asked_at FROM request WHERE token = ?1 AND public_key = ?2")
            .bind(token)
            .bind(&key.as_bytes()[..])
            .fetch_optional(db)
            .await?;
    row.map(|row| {
        let state: String = row.try_get("state")?;
        Ok((RequestState::of(&state)?, natural(row.try_get("asked_at")?)))
    })
    .transpose()
}

pub(crate) async fn get(
    db: &mut SqliteConnection,
    number: u64,
) -> Result<Option<OpenRequest>, RegistryError> {
    let row = sqlx::query(
        "SELECT request.*, join_token.tenant, join_token.satellite FROM request
         JOIN join_token ON join_token.id = request.token WHERE request.number = ?1",
    )
    .bind(count(number))
    .fetch_optional(db)
    .await?;
    row.as_ref().map(read).transpose()
}

pub(crate) async fn decide(
    db: &mut SqliteConnection,
    number: u64,
    state: RequestState,
    at_ms: u64,
) -> Result<(), RegistryError> {
    sqlx::query("UPDATE request SET state = ?2, decided_at = ?3 WHERE number = ?1")
        .bind(count(number))
        .bind(state.as_str())
        .bind(count(at_ms))
        .execute(db)
        .await?;
    Ok(())
}

/// How many wait and are not too old.
pub(crate) async fn waiting(db: &mut SqliteConnection, now_ms: u64) -> Result<u64, RegistryError> {
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM request WHERE state = 'waiting' AND asked_at >= ?1",
    )
    .bind(count(now_ms.saturating_sub(REQUEST_LIFE_MS)))
    .fetch_one(db)
    .await?;
    Ok(natural(waiting))
}

impl Registry {
    /// The requests that wait, oldest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub async fn requests_open(&self, now_ms: u64) -> Result<Vec<OpenRequest>, RegistryError> {
        let rows = sqlx::query(
            "SELECT request.*, join_token.tenant, join_token.satellite FROM request
             JOIN join_token ON join_token.id = request.token
             WHERE state = 'waiting' AND asked_at >= ?1 ORDER BY number",
        )
        .bind(count(now_ms.saturating_sub(REQUEST_LIFE_MS)))
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<OpenRequest, RegistryError> {
    let state: String = row.try_get("state")?;
    Ok(OpenRequest {
        number: natural(row.try_get("number")?),
        address: address(row)?,
        public_key: key(row, "public_key")?.ok_or(RegistryError::Damaged {
            what: "a public key",
        })?,
        peer: row.try_get("peer")?,
        asked_at_ms: natural(row.try_get("asked_at")?),
        state: RequestState::of(&state)?,
    })
}
