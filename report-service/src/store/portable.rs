//! Whole tables, in a form that both databases read: what a backup holds.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use sqlx::any::{AnyRow, AnyTypeInfoKind};
use sqlx::{Any, AssertSqlSafe, Column as _, Executor as _, Row as _, Transaction, ValueRef as _};

use super::audit::ChainState;
use super::{Store, StoreKind, StoreUrl, migrations};

/// What a backup leaves out: who is signed in or was refused lately, and who does what at the moment. A session or a
/// token that was ended since must not come to life again.
const PASSING: [&str; 6] = [
    "api_token",
    "duty",
    "half_sign_in",
    "password_entry",
    "session",
    "throttle",
];

/// Whether a table is one that a backup may hold: one of ours that does not pass.
pub(crate) fn is_kept(table: &str) -> bool {
    let is_ours = name(table).is_ok_and(|name| {
        let foreign = ["_", "sqlite_", "pg_"];
        !foreign.iter().any(|start| name.starts_with(start))
    });
    is_ours && !PASSING.contains(&table)
}

/// That a value is one of a backup's.
///
/// # Errors
/// Why it is none.
pub(crate) fn fits(value: &Value) -> anyhow::Result<()> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => {
            let number = number.as_i64();
            number
                .map(drop)
                .context("a number is no whole one, or too large")
        }
        other => bytes(other).map(drop),
    }
}

/// The member of a value that is no text.
const BYTES: &str = "base64";

/// A store as it stood at one moment.
pub(crate) struct Snapshot {
    tx: Transaction<'static, Any>,
    kind: StoreKind,
}

/// An empty store that is being filled, all or nothing.
pub(crate) struct Filling {
    tx: Transaction<'static, Any>,
    kinds: BTreeMap<(String, String), AnyTypeInfoKind>,
    identities: Vec<(String, String)>,
}

impl Store {
    /// The store as it stands, whoever writes to it meanwhile.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot, sqlx::Error> {
        let begin = match self.kind() {
            StoreKind::Sqlite => "BEGIN",
            StoreKind::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        Ok(Snapshot {
            tx: self.pool().begin_with(begin).await?,
            kind: self.kind(),
        })
    }

    /// Opens a store that holds nothing yet and gives it the schema of these steps.
    ///
    /// # Errors
    /// When it holds something, or a step is unknown.
    pub(crate) async fn open_empty(url: &StoreUrl, steps: &[i64]) -> anyhow::Result<Self> {
        let store = Self::open_at(url).await?;
        for table in tables(&mut *store.pool().acquire().await?, store.kind()).await? {
            let text = format!("SELECT COUNT(*) FROM {}", name(&table)?);
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(text))
                .fetch_one(store.pool())
                .await?;
            if rows > 0 {
                bail!(
                    "the store {url} holds something already ({rows} rows in {table}); allowed is an empty one, \
                     hint: name a new file or database in store.url"
                );
            }
        }
        migrations::rebuild(&store, steps).await?;
        Ok(store)
    }

    /// Begins to fill an empty store.
    pub(crate) async fn fill(&self) -> anyhow::Result<Filling> {
        let mut tx = self.turn().await?.begin().await?;
        let mut filling = (BTreeMap::new(), Vec::new());
        if self.kind() == StoreKind::Postgres {
            let columns = sqlx::query(
                "SELECT CAST(table_name AS TEXT) AS t, CAST(column_name AS TEXT) AS c, CAST(data_type AS TEXT) AS d,
                     CAST(is_identity AS TEXT) AS i FROM information_schema.columns WHERE table_schema = current_schema()",
            )
            .fetch_all(&mut *tx)
            .await?;
            for column in columns {
                let place: (String, String) = (column.try_get("t")?, column.try_get("c")?);
                let kind = match column.try_get::<String, _>("d")?.as_str() {
                    "boolean" => AnyTypeInfoKind::Bool,
                    "bytea" => AnyTypeInfoKind::Blob,
                    "bigint" | "integer" => AnyTypeInfoKind::BigInt,
                    _ => AnyTypeInfoKind::Text,
                };
                if column.try_get::<String, _>("i")? == "YES" {
                    filling.1.push(place.clone());
                }
                filling.0.insert(place, kind);
            }
        }
        let (kinds, identities) = filling;
        Ok(Filling {
            tx,
            kinds,
            identities,
        })
    }
}

impl Snapshot {
    /// The numbers of the steps that made its schema.
    pub(crate) async fn steps(&mut self) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
            .fetch_all(&mut *self.tx)
            .await
    }

    /// The tables that a backup holds.
    pub(crate) async fn tables(&mut self) -> Result<Vec<String>, sqlx::Error> {
        let mut all = tables(&mut self.tx, self.kind).await?;
        all.retain(|table| !PASSING.contains(&table.as_str()));
        Ok(all)
    }

    /// Hands out a table's rows: the names of the columns with each.
    pub(crate) async fn rows(
        &mut self,
        table: &str,
        mut each: impl FnMut(Vec<&str>, Vec<Value>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let text = format!("SELECT * FROM {}", name(table)?);
        let mut rows = sqlx::query(AssertSqlSafe(text)).fetch(&mut *self.tx);
        while let Some(row) = rows.try_next().await? {
            let values: Result<Vec<Value>, sqlx::Error> =
                (0..row.len()).map(|index| value(&row, index)).collect();
            let columns = row.columns().iter().map(|column| column.name()).collect();
            each(columns, values?)?;
        }
        Ok(())
    }
}

impl Filling {
    /// Puts a row in.
    pub(crate) async fn put(
        &mut self,
        table: &str,
        columns: &[String],
        values: &[Value],
    ) -> anyhow::Result<()> {
        let names: Result<Vec<&str>, _> = columns.iter().map(|column| name(column)).collect();
        let places: Vec<String> = (1..=columns.len())
            .map(|place| format!("${place}"))
            .collect();
        let text = format!(
            "INSERT INTO {} ({}) VALUES ({})",
            name(table)?,
            names?.join(", "),
            places.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(text));
        for (column, value) in columns.iter().zip(values) {
            let kind = self.kinds.get(&(table.to_owned(), column.clone()));
            query = match value {
                Value::Null => match kind {
                    Some(AnyTypeInfoKind::Bool) => query.bind(None::<bool>),
                    Some(AnyTypeInfoKind::Blob) => query.bind(None::<Vec<u8>>),
                    Some(AnyTypeInfoKind::BigInt) => query.bind(None::<i64>),
                    _ => query.bind(None::<String>),
                },
                Value::Bool(yes) => query.bind(*yes),
                Value::Number(number) => {
                    let number = number.as_i64().context("a number is too large")?;
                    match kind {
                        Some(AnyTypeInfoKind::Bool) => query.bind(number != 0),
                        _ => query.bind(number),
                    }
                }
                Value::String(text) => query.bind(text.clone()),
                other => query.bind(bytes(other)?),
            };
        }
        query
            .execute(&mut *self.tx)
            .await
            .with_context(|| format!("put a row into {table}"))?;
        Ok(())
    }

    /// Whether the chain of what is now in the audit trail holds.
    pub(crate) async fn verify_audit(&mut self) -> Result<ChainState, sqlx::Error> {
        super::audit::walk(&mut *self.tx).await
    }

    /// Keeps all of it.
    pub(crate) async fn commit(mut self) -> anyhow::Result<()> {
        for (table, column) in &self.identities {
            let (table, column) = (name(table)?, name(column)?);
            let text = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', '{column}'),
                     (SELECT COALESCE(MAX({column}), 0) + 1 FROM {table}), FALSE)"
            );
            self.tx.execute(AssertSqlSafe(text)).await?;
        }
        self.tx.commit().await.context("keep what was restored")
    }
}

async fn tables(
    connection: &mut sqlx::AnyConnection,
    kind: StoreKind,
) -> Result<Vec<String>, sqlx::Error> {
    let text = match kind {
        StoreKind::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             AND name <> '_sqlx_migrations' ORDER BY name"
        }
        StoreKind::Postgres => {
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()
             AND tablename <> '_sqlx_migrations' ORDER BY tablename"
        }
    };
    sqlx::query_scalar(text).fetch_all(connection).await
}

/// A name of our own schema, which stands in a statement as it is.
fn name(text: &str) -> anyhow::Result<&str> {
    let ours = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if text.is_empty() || !text.bytes().all(ours) {
        bail!("{text:?} is no name of a table or column of ours");
    }
    Ok(text)
}

fn value(row: &AnyRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().kind();
    Ok(match kind {
        AnyTypeInfoKind::Bool => json!(i64::from(row.try_get::<bool, _>(index)?)),
        AnyTypeInfoKind::SmallInt | AnyTypeInfoKind::Integer | AnyTypeInfoKind::BigInt => {
            json!(row.try_get::<i64, _>(index)?)
        }
        AnyTypeInfoKind::Text => json!(row.try_get::<String, _>(index)?),
        AnyTypeInfoKind::Blob => {
            json!({BYTES: STANDARD.encode(row.try_get::<Vec<u8>, _>(index)?)})
        }
        other => {
            return Err(sqlx::Error::Decode(
                format!("a column of the kind {other:?} is in no backup").into(),
            ));
        }
    })
}

fn bytes(value: &Value) -> anyhow::Result<Vec<u8>> {
    let text = value.get(BYTES).and_then(Value::as_str);
    STANDARD
        .decode(text.context("a value is none of a backup's")?)
        .context("a value is no base64")
}
