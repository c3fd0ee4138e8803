//! A SQLite file, opened for reading alone.

use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::Map;
use spokegate_contract::Failure;
use spokegate_daemon::Clock;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{Column as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::Given;
use crate::cell::Cell;
use crate::lexer::Query;
use crate::rows::Outlet;
use crate::server::{asked, failure, strange};

/// How long a writer's lock is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Instructions of SQLite between two looks at the clock.
const STEPS: i32 = 10_000;

pub(crate) async fn fetch(
    file: &Path,
    query: &Query,
    given: Given<'_>,
    clock: &Clock,
    outlet: &mut Outlet,
) -> Result<(), Failure> {
    let Given {
        params,
        columns,
        time_ms,
    } = given;
    let place = file.file_name().unwrap_or_default().to_string_lossy();
    let told = |error: sqlx::Error| failure(&error, &place);
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("query_only", "ON")
        .pragma("trusted_schema", "OFF");
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(told)?;
    let (clock, end_ms) = (clock.clone(), clock.monotonic_ms().saturating_add(time_ms));
    connection
        .lock_handle()
        .await
        .map_err(told)?
        .set_progress_handler(STEPS, move || clock.monotonic_ms() < end_ms);
    let asked = asked(query, params);
    let mut rows = asked.fetch(&mut connection);
    while let Some(row) = rows.try_next().await.map_err(told)? {
        let mut object = Map::new();
        for column in row.columns() {
            let cell = cell(&row, column.ordinal()).map_err(told)?;
            let cell = cell.map_err(|kind| strange(column.name(), &kind))?;
            columns.put(&mut object, column.name(), cell);
        }
        outlet.row(object).await?;
    }
    Ok(())
}

/// A cell by what is in it: SQLite's columns have no fixed type.
fn cell(row: &SqliteRow, at: usize) -> Result<Result<Cell, String>, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Ok(Cell::Null));
    }
    let kind = raw.type_info().name().to_owned();
    Ok(Ok(match kind.as_str() {
        "BOOLEAN" | "INTEGER" => Cell::Int(row.try_get_unchecked(at)?),
        "REAL" => Cell::Float(row.try_get_unchecked(at)?),
        "TEXT" | "DATE" | "TIME" | "DATETIME" => Cell::Text(row.try_get_unchecked(at)?),
        _ => return Ok(Err(kind)),
    }))
}
