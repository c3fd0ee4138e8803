//! Sources of kind `sql`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use spokegate_contract::Shape;
use spokegate_daemon::config::Faults;
use spokegate_daemon::{SecretSource, is_below};
use spokegate_sources::{Database, Query, Server};

use super::SourceConfig;
use super::file::outside;

/// A database on a server.
#[derive(Clone, Debug, Deserialize)]
pub struct ServerConfig {
    /// A name as in the server's certificate, or a socket's folder (PostgreSQL) or file (MySQL).
    pub host: String,
    /// The kind's usual one when none is said.
    pub port: Option<u16>,
    /// The database's name.
    pub database: String,
    /// Who asks; a user that may only read.
    pub user: String,
    /// A file with the user's password.
    pub password_file: Option<PathBuf>,
    /// A root trusted for the server beside the system's.
    pub ca: Option<PathBuf>,
}

impl ServerConfig {
    fn server(&self) -> Server {
        Server {
            host: self.host.clone(),
            port: self.port,
            database: self.database.clone(),
            user: self.user.clone(),
            ca: self.ca.clone(),
        }
    }
}

impl SourceConfig {
    /// The database, its file placed below the folder; none unless exactly one is named.
    pub(crate) fn database(&self, files: Option<&Path>) -> Option<Database> {
        match (&self.path, &self.postgresql, &self.mysql) {
            (Some(path), None, None) => Some(Database::Sqlite(files?.join(path))),
            (None, Some(server), None) => Some(Database::PostgreSql(server.server())),
            (None, None, Some(server)) => Some(Database::MySql(server.server())),
            _ => None,
        }
    }

    /// Where the password comes from, if the server is to be shown one.
    pub(crate) fn password(&self) -> Option<SecretSource> {
        let server = self.postgresql.as_ref().or(self.mysql.as_ref())?;
        server.password_file.clone().map(SecretSource::file)
    }

    /// The question, as the database takes it; or what is wrong with it.
    pub(crate) fn asks(&self, database: &Database) -> Result<Query, String> {
        let text = self.query.as_deref().ok_or("is missing")?;
        spokegate_sources::read(text, database.dialect()).map_err(|fault| fault.to_string())
    }

    /// The parameters that the question names.
    pub(crate) fn params(&self) -> Vec<String> {
        let database = self.database(Some(Path::new("/")));
        let query = database.and_then(|database| self.asks(&database).ok());
        query.map(|query| query.names).unwrap_or_default()
    }

    pub(super) fn validate_sql(&self, at: &str, faults: &mut Faults) {
        if self.shape == Shape::Document {
            faults
                .add(
                    &format!("{at}.shape"),
                    "is a document, and a query gives rows",
                )
                .hint("remove it, or write shape = \"rows\"");
        }
        if self.path.as_deref().is_some_and(|path| !is_below(path)) {
            outside(at, "inventory.db", faults);
        }
        let Some(database) = self.database(Some(Path::new("/"))) else {
            faults
                .add(at, "names no database, or more than one")
                .allowed("one of path (a SQLite file), [source.postgresql] and [source.mysql]");
            return;
        };
        if let Err(problem) = self.asks(&database) {
            faults
                .add(&format!("{at}.query"), problem)
                .hint("write \"SELECT hostname FROM devices WHERE site = :site\"");
        }
    }
}
