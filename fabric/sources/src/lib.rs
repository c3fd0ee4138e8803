#![doc = include_str!("../README.md")]

mod cell;
mod csv;
mod lexer;
mod mysql;
mod postgres;
mod rows;
mod server;
#[cfg(feature = "servers")]
pub mod servers;
mod sqlite;

use std::path::PathBuf;

use serde_json::{Map, Value};
use spokegate_contract::Failure;
use spokegate_daemon::{Clock, Secret};

pub use cell::{Cell, Columns};
pub use csv::{CsvShape, csv_rows};
pub use lexer::{Dialect, Query, QueryFault, read};
pub use rows::{CHUNKS_WAITING, Limits, Outlet};
pub use server::{Server, late, param};

/// Where a query is asked.
#[derive(Clone, Debug)]
pub enum Database {
    /// PostgreSQL.
    PostgreSql(Server),
    /// MariaDB or MySQL.
    MySql(Server),
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// What is given along with a query.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The values of its parameters; one that is not here is nothing.
    pub params: &'a Map<String, Value>,
    /// What the contract wants of the columns.
    pub columns: &'a Columns,
    /// Milliseconds after which the database itself is to end it.
    pub time_ms: u64,
}

impl Database {
    /// The SQL that it takes.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::PostgreSql(_) => Dialect::Postgres,
            Self::MySql(_) => Dialect::MySql,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// For words about it: host and port, socket, or the file's name.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::PostgreSql(server) => server.place(postgres::PORT),
            Self::MySql(server) => server.place(mysql::PORT),
            Self::Sqlite(file) => {
                let name = file.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
        }
    }

    /// Asks, and puts the rows into the outlet as they come.
    ///
    /// # Errors
    /// For the person who can mend it, without anything of what is stored.
    pub async fn fetch(
        &self,
        query: &Query,
        password: Option<&Secret>,
        given: Given<'_>,
        clock: &Clock,
        outlet: &mut Outlet,
    ) -> Result<(), Failure> {
        match self {
            Self::PostgreSql(server) => {
                postgres::fetch(server, query, password, given, outlet).await
            }
            Self::MySql(server) => mysql::fetch(server, query, password, given, outlet).await,
            Self::Sqlite(file) => sqlite::fetch(file, query, given, clock, outlet).await,
        }
    }
}
