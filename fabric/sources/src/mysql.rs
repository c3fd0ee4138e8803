//! MariaDB and MySQL, in a transaction that can only read.

use futures_util::TryStreamExt as _;
use serde_json::{Map, Value};
use spokegate_contract::Failure;
use spokegate_daemon::Secret;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::types::{BigDecimal, Json};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Executor as _, Row as _, TypeInfo as _,
    ValueRef as _,
};
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

use crate::Given;
use crate::cell::Cell;
use crate::lexer::Query;
use crate::postgres::{rfc_3339, shortest};
use crate::rows::Outlet;
use crate::server::{Server, asked, failure, strange};

/// The usual one.
pub(crate) const PORT: u16 = 3306;

pub(crate) async fn fetch(
    server: &Server,
    query: &Query,
    password: Option<&Secret>,
    given: Given<'_>,
    outlet: &mut Outlet,
) -> Result<(), Failure> {
    let Given {
        params,
        columns,
        time_ms,
    } = given;
    let place = server.place(PORT);
    let told = |error: sqlx::Error| failure(&error, &place);
    let mut connection = MySqlConnection::connect_with(&options(server, password))
        .await
        .map_err(told)?;
    let version: String = sqlx::query_scalar("SELECT VERSION()")
        .fetch_one(&mut connection)
        .await
        .map_err(told)?;
    let limit = if version.contains("MariaDB") {
        format!(
            "SET SESSION max_statement_time = {}",
            time_ms.div_ceil(1_000)
        )
    } else {
        format!("SET SESSION max_execution_time = {time_ms}")
    };
    for statement in [
        limit.as_str(),
        "SET SESSION TRANSACTION READ ONLY",
        "START TRANSACTION READ ONLY",
    ] {
        let said = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection);
        said.await.map_err(told)?;
    }
    let asked = asked(query, params);
    let mut rows = connection.fetch(asked);
    while let Some(row) = rows.try_next().await.map_err(told)? {
        let mut object = Map::new();
        for column in row.columns() {
            let cell = cell(&row, column.ordinal()).map_err(told)?;
            let cell = cell.map_err(|kind| strange(column.name(), &kind))?;
            columns.put(&mut object, column.name(), cell);
        }
        outlet.row(object).await?;
    }
    drop(rows);
    // What was read is complete; how the connection ends changes nothing.
    let _ = connection.close().await;
    Ok(())
}

fn options(server: &Server, password: Option<&Secret>) -> MySqlConnectOptions {
    let mut options = MySqlConnectOptions::new()
        .username(&server.user)
        .database(&server.database)
        .port(server.port.unwrap_or(PORT));
    options = if server.is_socket() {
        options.socket(&server.host)
    } else {
        options.host(&server.host)
    };
    options = if server.is_here() {
        options.ssl_mode(MySqlSslMode::Disabled)
    } else {
        options.ssl_mode(MySqlSslMode::VerifyIdentity)
    };
    if let Some(ca) = &server.ca {
        options = options.ssl_ca(ca);
    }
    match password {
        Some(password) => options.password(password.expose()),
        None => options,
    }
}

/// A cell, or its type that is not taken.
fn cell(row: &MySqlRow, at: usize) -> Result<Result<Cell, String>, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Ok(Cell::Null));
    }
    let kind = raw.type_info().name().to_owned();
    Ok(Ok(match kind.as_str() {
        "BOOLEAN" => Cell::Bool(row.try_get(at)?),
        "TINYINT" | "SMALLINT" | "INT" | "MEDIUMINT" | "BIGINT" => Cell::Int(row.try_get(at)?),
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "INT UNSIGNED" | "MEDIUMINT UNSIGNED"
        | "BIGINT UNSIGNED" | "YEAR" => Cell::Unsigned(row.try_get_unchecked(at)?),
        "FLOAT" => shortest(row.try_get(at)?),
        "DOUBLE" => Cell::Float(row.try_get(at)?),
        "DECIMAL" => Cell::Decimal(
            row.try_get::<BigDecimal, _>(at)?
                .normalized()
                .to_plain_string(),
        ),
        "CHAR" | "VARCHAR" | "TEXT" | "TINYTEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM" => {
            Cell::Text(row.try_get(at)?)
        }
        "DATE" => Cell::Text(row.try_get::<Date, _>(at)?.to_string()),
        "TIME" => Cell::Text(row.try_get::<Time, _>(at)?.to_string()),
        // Without a zone it is taken for UTC.
        "DATETIME" => rfc_3339(row.try_get::<PrimitiveDateTime, _>(at)?.assume_utc()),
        "TIMESTAMP" => rfc_3339(row.try_get::<OffsetDateTime, _>(at)?),
        "JSON" => Cell::Json(row.try_get::<Json<Value>, _>(at)?.0),
        _ => return Ok(Err(kind)),
    }))
}
