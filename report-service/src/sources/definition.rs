//! `sources/<id>.toml`: read and checked as a whole before anything is asked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use spokegate_contract::limits::{DEADLINE_MS_MAX, PULL_BYTES_MAX, PULL_ROWS_MAX};
use spokegate_contract::{DatasetId, Shape};
use spokegate_daemon::is_below;
use spokegate_sources::{Columns, Database, Dialect, Limits, Query};

use super::files::{CsvFile, JsonFile};
use super::http::HttpFile;
use super::server::ServerFile;
use crate::outbound::Outbound;
use crate::relay::Contracts;
use crate::secrets::SecretRef;

/// How long a source may take when it does not say.
const TIME_S_DEFAULT: u64 = 60;
/// Rows of a source that does not say.
const ROWS_DEFAULT: u64 = 100_000;
/// Megabytes of a source that does not say.
const MEGABYTES_DEFAULT: u64 = 64;
/// Largest definition, in bytes.
const FILE_BYTES_MAX: u64 = 65_536;

/// The name of a source: `a-z`, `0-9` and `-`, starting with a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct SourceId(String);

impl SourceId {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SourceId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let starts = text.starts_with(|letter: char| letter.is_ascii_lowercase());
        if starts && text.len() <= 40 && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(
                "is no name of a source; allowed: 1 to 40 of a-z, 0-9 and '-', the first a letter"
                    .into(),
            )
        }
    }
}

impl TryFrom<String> for SourceId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A source that can be asked.
pub(super) struct Source {
    pub(super) id: SourceId,
    pub(super) title: String,
    pub(super) dataset: DatasetId,
    pub(super) version: u16,
    pub(super) columns: Columns,
    pub(super) limits: Limits,
    pub(super) origin: Origin,
}

/// Where its rows come from.
pub(super) enum Origin {
    /// A SQLite file is one below `source_files`.
    Database(Database, Query, Option<SecretRef>),
    Http(Box<HttpFile>, Outbound),
    Csv(CsvFile),
    Json(JsonFile),
}

impl Origin {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Database(Database::PostgreSql(_), ..) => "PostgreSQL",
            Self::Database(Database::MySql(_), ..) => "MariaDB or MySQL",
            Self::Database(Database::Sqlite(_), ..) => "SQLite file",
            Self::Http(..) => "HTTP",
            Self::Csv(_) => "CSV file",
            Self::Json(_) => "JSON file",
        }
    }

    pub(super) fn secrets(&self) -> Vec<SecretRef> {
        match self {
            Self::Database(_, _, password) => password.clone().into_iter().collect(),
            Self::Http(file, _) => file.secrets(),
            Self::Csv(_) | Self::Json(_) => Vec::new(),
        }
    }

    /// Parameters that it names.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Database(_, query, _) => query.names.clone(),
            Self::Http(file, _) => file.names(),
            Self::Csv(_) | Self::Json(_) => Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    title: String,
    dataset: DatasetId,
    version: Option<u16>,
    #[serde(default)]
    limits: FileLimits,
    postgresql: Option<ServerFile>,
    mysql: Option<ServerFile>,
    sqlite: Option<SqliteFile>,
    http: Option<Box<HttpFile>>,
    csv: Option<CsvFile>,
    json: Option<JsonFile>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLimits {
    rows: Option<u64>,
    megabytes: Option<u64>,
    time_s: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SqliteFile {
    /// Below `source_files`.
    path: PathBuf,
    query: String,
}

/// Reads one definition.
pub(super) fn read(
    id: &SourceId,
    path: &Path,
    contracts: &Contracts,
) -> Result<Source, Vec<String>> {
    let one = |fault: String| vec![fault];
    let metadata = path
        .metadata()
        .map_err(|error| one(format!("cannot be read: {error}")))?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(one(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| one(format!("cannot be read: {error}")))?;
    // The error's own text shows the line, in which a password might stand.
    let file: File = toml::from_str(&text).map_err(|error| {
        let line = error
            .span()
            .map_or(0, |span| text[..span.start].lines().count());
        one(format!("line {line}: {}", error.message()))
    })?;
    checked(id, file, contracts)
}

fn checked(id: &SourceId, file: File, contracts: &Contracts) -> Result<Source, Vec<String>> {
    let mut faults = Vec::new();
    if file.title.trim().is_empty() || file.title.chars().count() > 120 {
        faults.push("title: must have 1 to 120 characters".into());
    }
    let contract = match file.version {
        Some(version) => contracts.get(&file.dataset, version),
        None => contracts.versions(&file.dataset).next(),
    };
    if contract.is_none() {
        faults.push(format!(
            "dataset: there is no contract \"{}\" of that version",
            file.dataset
        ));
    }
    if contract.is_some_and(|contract| contract.dataset.shape != Shape::Rows) {
        faults.push("dataset: is a document; allowed: a table".into());
    }
    let limits = limits(&file.limits, &mut faults);
    let (title, dataset) = (file.title.clone(), file.dataset.clone());
    let origin = origin(file, &mut faults);
    if let (Some(origin), Some(contract)) = (&origin, contract) {
        let known = contract
            .dataset
            .params_schema
            .get("properties")
            .and_then(Value::as_object);
        for name in origin.names() {
            let own = ["tenant", "tenant_title"].contains(&name.as_str());
            if !own && !known.is_some_and(|known| known.contains_key(&name)) {
                faults.push(format!("the parameter \"{name}\" is none of the dataset's, and neither tenant nor tenant_title"));
            }
        }
    }
    match (origin, contract) {
        (Some(origin), Some(contract)) if faults.is_empty() => Ok(Source {
            id: id.clone(),
            title,
            dataset,
            version: contract.dataset.version,
            columns: Columns::of(&contract.dataset.data_schema),
            limits,
            origin,
        }),
        _ => Err(faults),
    }
}

fn limits(file: &FileLimits, faults: &mut Vec<String>) -> Limits {
    let mut bounded = |name: &str, given: Option<u64>, usual: u64, most: u64| {
        let value = given.unwrap_or(usual.min(most));
        if value == 0 || value > most {
            faults.push(format!("limits.{name}: is {value}; allowed: 1 to {most}"));
        }
        value
    };
    Limits {
        rows: bounded("rows", file.rows, ROWS_DEFAULT, PULL_ROWS_MAX),
        bytes: bounded(
            "megabytes",
            file.megabytes,
            MEGABYTES_DEFAULT,
            PULL_BYTES_MAX >> 20,
        ) << 20,
        time_ms: bounded(
            "time_s",
            file.time_s,
            TIME_S_DEFAULT,
            DEADLINE_MS_MAX / 1_000,
        ) * 1_000,
    }
}

fn origin(file: File, faults: &mut Vec<String>) -> Option<Origin> {
    let mut found = Vec::new();
    let mut outside = Vec::new();
    let mut query = |place: &str, text: &str, dialect: Dialect| {
        let read = spokegate_sources::read(text, dialect);
        read.map_err(|fault| faults.push(format!("{place}.query: {fault}")))
            .ok()
    };
    let servers = [
        (
            "postgresql",
            file.postgresql
                .map(|server| server.parts(Database::PostgreSql)),
        ),
        (
            "mysql",
            file.mysql.map(|server| server.parts(Database::MySql)),
        ),
        (
            "sqlite",
            file.sqlite.map(|sqlite| {
                below("sqlite.path", &sqlite.path, &mut outside);
                (Database::Sqlite(sqlite.path), sqlite.query, None)
            }),
        ),
    ];
    for (place, given) in servers {
        let Some((database, text, password)) = given else {
            continue;
        };
        let query = query(place, &text, database.dialect());
        found.push(query.map(|query| Origin::Database(database, query, password)));
    }
    faults.append(&mut outside);
    if let Some(http) = file.http {
        http.faults(faults);
        let outbound = Outbound::new(http.ca.as_deref());
        let outbound = outbound.map_err(|error| faults.push(format!("http.ca: {error:#}")));
        found.push(outbound.ok().map(|outbound| Origin::Http(http, outbound)));
    }
    if let Some(csv) = file.csv {
        csv.faults(faults);
        below("csv.path", &csv.path, faults);
        found.push(Some(Origin::Csv(csv)));
    }
    if let Some(json) = file.json {
        below("json.path", &json.path, faults);
        found.push(Some(Origin::Json(json)));
    }
    if found.len() != 1 {
        faults.push(format!("has {} places of data; allowed: one of [postgresql], [mysql], [sqlite], [http], [csv] and [json]", found.len()));
    }
    found.into_iter().next().flatten()
}

fn below(key: &str, path: &Path, faults: &mut Vec<String>) {
    if !is_below(path) {
        faults.push(format!("{key}: \"{}\" leads out of the folder `source_files`; allowed: a path below it, without \"..\"", path.display()));
    }
}
