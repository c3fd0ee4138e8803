//! PostgreSQL, in a transaction that can only read.

use futures_util::TryStreamExt as _;
use serde_json::{Map, Value};
use spokegate_contract::Failure;
use spokegate_daemon::Secret;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::types::{BigDecimal, Json};
use sqlx::{Column as _, Connection as _, Executor as _, Row as _, TypeInfo as _, ValueRef as _};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, PrimitiveDateTime, Time};

use crate::Given;
use crate::cell::{Cell, Columns};
use crate::lexer::Query;
use crate::rows::Outlet;
use crate::server::{Server, asked, failure, strange};

/// The usual one.
pub(crate) const PORT: u16 = 5432;

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
    let mut connection = PgConnection::connect_with(&options(server, password, time_ms))
        .await
        .map_err(told)?;
    connection
        .execute("START TRANSACTION READ ONLY")
        .await
        .map_err(told)?;
    let asked = asked(query, params);
    let mut rows = asked.fetch(&mut connection);
    while let Some(row) = rows.try_next().await.map_err(told)? {
        outlet
            .row(object(&row, columns).map_err(|e| e.told(&place))?)
            .await?;
    }
    drop(rows);
    // What was read is complete; how the connection ends changes nothing.
    let _ = connection.close().await;
    Ok(())
}

fn options(server: &Server, password: Option<&Secret>, time_ms: u64) -> PgConnectOptions {
    let mut options = PgConnectOptions::new_without_pgpass()
        .username(&server.user)
        .database(&server.database)
        .port(server.port.unwrap_or(PORT))
        .application_name("spokegate")
        .options([
            ("default_transaction_read_only", "on".to_owned()),
            ("statement_timeout", time_ms.to_string()),
            ("timezone", "UTC".to_owned()),
        ]);
    options = if server.is_socket() {
        options.socket(&server.host)
    } else {
        options.host(&server.host)
    };
    options = if server.is_here() {
        options.ssl_mode(PgSslMode::Disable)
    } else {
        options.ssl_mode(PgSslMode::VerifyFull)
    };
    if let Some(ca) = &server.ca {
        options = options.ssl_root_cert(ca);
    }
    match password {
        Some(password) => options.password(password.expose()),
        None => options,
    }
}

enum Unread {
    Failed(sqlx::Error),
    Strange(Failure),
}

impl Unread {
    fn told(self, place: &str) -> Failure {
        match self {
            Self::Failed(error) => failure(&error, place),
            Self::Strange(failure) => failure,
        }
    }
}

impl From<sqlx::Error> for Unread {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error)
    }
}

fn object(row: &PgRow, columns: &Columns) -> Result<Map<String, Value>, Unread> {
    let mut object = Map::new();
    for column in row.columns() {
        let cell = cell(row, column.ordinal())?;
        columns.put(&mut object, column.name(), cell);
    }
    Ok(object)
}

fn cell(row: &PgRow, at: usize) -> Result<Cell, Unread> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Cell::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "BOOL" => Cell::Bool(row.try_get(at)?),
        "INT2" => Cell::Int(row.try_get::<i16, _>(at)?.into()),
        "INT4" => Cell::Int(row.try_get::<i32, _>(at)?.into()),
        "INT8" => Cell::Int(row.try_get(at)?),
        "FLOAT4" => shortest(row.try_get(at)?),
        "FLOAT8" => Cell::Float(row.try_get(at)?),
        "NUMERIC" => Cell::Decimal(
            row.try_get::<BigDecimal, _>(at)?
                .normalized()
                .to_plain_string(),
        ),
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" => Cell::Text(row.try_get(at)?),
        "DATE" => Cell::Text(row.try_get::<Date, _>(at)?.to_string()),
        "TIME" => Cell::Text(row.try_get::<Time, _>(at)?.to_string()),
        // Without a zone it is taken for UTC.
        "TIMESTAMP" => rfc_3339(row.try_get::<PrimitiveDateTime, _>(at)?.assume_utc()),
        "TIMESTAMPTZ" => rfc_3339(row.try_get(at)?),
        "JSON" | "JSONB" => Cell::Json(row.try_get::<Json<Value>, _>(at)?.0),
        "UUID" => {
            let bytes = raw.as_bytes().map_err(sqlx::Error::Decode)?;
            Cell::Text(uuid(bytes))
        }
        _ => {
            let column = row.columns().get(at).map(|column| column.name());
            return Err(Unread::Strange(strange(column.unwrap_or_default(), &kind)));
        }
    })
}

/// The shortest digits that are this number, and not those of the longer one that holds it.
pub(crate) fn shortest(number: f32) -> Cell {
    Cell::Float(number.to_string().parse().unwrap_or_else(|_| number.into()))
}

pub(crate) fn rfc_3339(time: OffsetDateTime) -> Cell {
    Cell::Text(time.format(&Rfc3339).unwrap_or_default())
}

fn uuid(bytes: &[u8]) -> String {
    let mut text = spokegate_contract::hex::encode(bytes);
    for at in [20, 16, 12, 8] {
        if text.len() > at {
            text.insert(at, '-');
        }
    }
    text
}
