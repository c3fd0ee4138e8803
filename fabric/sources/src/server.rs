//! What the databases on servers have in common.

use std::path::PathBuf;

use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass};
use sqlx::database::HasStatementCache;
use sqlx::{AssertSqlSafe, Database, Encode, IntoArguments, Type};

use crate::lexer::Query;

/// A database on a server.
#[derive(Clone, Debug)]
pub struct Server {
    /// A name as in the server's certificate, or a socket's folder (PostgreSQL) or file (MySQL).
    pub host: String,
    /// The kind's usual one when none is said.
    pub port: Option<u16>,
    /// The database's name.
    pub database: String,
    /// Who asks.
    pub user: String,
    /// A root trusted for the server beside the system's.
    pub ca: Option<PathBuf>,
}

impl Server {
    /// A socket is on this machine.
    pub(crate) fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Whether the way there never leaves this machine; every other is TLS with a checked certificate.
    pub(crate) fn is_here(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.is_socket() || self.host == "localhost" || address.is_ok_and(|a| a.is_loopback())
    }

    /// For words about it.
    pub(crate) fn place(&self, port: u16) -> String {
        if self.is_socket() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port.unwrap_or(port))
        }
    }
}

/// The value of a parameter; one that was left empty is nothing.
#[must_use]
pub fn param<'p>(params: &'p Map<String, Value>, name: &str) -> &'p Value {
    params.get(name).unwrap_or(&Value::Null)
}

/// The query with the values of its parameters, each bound in its place and never part of the text.
pub(crate) fn asked<'q, D: Database + HasStatementCache>(
    query: &'q Query,
    params: &Map<String, Value>,
) -> sqlx::query::Query<'q, D, D::Arguments>
where
    D::Arguments: IntoArguments<D>,
    bool: Encode<'q, D> + Type<D>,
    Option<String>: Encode<'q, D> + Type<D>,
    Option<f64>: Encode<'q, D> + Type<D>,
    String: Encode<'q, D> + Type<D>,
    i64: Encode<'q, D> + Type<D>,
{
    let mut asked = sqlx::query(AssertSqlSafe(query.sql.as_str())).persistent(false);
    for name in &query.names {
        asked = match param(params, name) {
            Value::Null => asked.bind(None::<String>),
            Value::Bool(truth) => asked.bind(*truth),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => asked.bind(whole),
                None => asked.bind(number.as_f64()),
            },
            Value::String(text) => asked.bind(text.clone()),
            other => asked.bind(other.to_string()),
        };
    }
    asked
}

/// Why a database did not answer, without what it holds.
pub(crate) fn failure(error: &sqlx::Error, place: &str) -> Failure {
    match error {
        sqlx::Error::Database(said) => {
            let code = said.code().unwrap_or_default().into_owned();
            // Time is up: PostgreSQL, MariaDB, MySQL, SQLite.
            if ["57014", "70100", "3024", "1969"].contains(&code.as_str())
                || said.message().contains("max_statement_time")
                || said.message() == "interrupted"
            {
                return late();
            }
            // Syntax, names and rights say nothing of what is stored; other texts may.
            let harmless = ["42", "28", "3D", "25"];
            // SQLite's own: a wrong query, and an attempt to write.
            let of_sqlite = ["1", "8"].contains(&code.as_str());
            if of_sqlite || harmless.iter().any(|class| code.starts_with(class)) {
                Failure::new(
                    FailureClass::Refused,
                    &format!("{place}: {}", said.message()),
                )
            } else {
                let detail = format!("{place} failed with its error {code}");
                Failure::new(FailureClass::SourceError, &detail)
            }
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) => {
            let detail = format!("{place}: {error}{}", what_to_do(&error.to_string()));
            Failure::new(FailureClass::Offline, &detail)
        }
        other => Failure::new(FailureClass::SourceError, &format!("{place}: {other}")),
    }
}

/// For whoever wrote the source's file, where the server's certificate is at fault.
fn what_to_do(error: &str) -> &'static str {
    // The latter is another CA of the same name.
    if error.contains("UnknownIssuer") || error.contains("BadSignature") {
        "; hint: `ca` in the source's file must be the CA that signed the server's certificate"
    } else if error.contains("not valid for name") {
        "; hint: `host` in the source's file must be a name in the server's certificate"
    } else {
        ""
    }
}

/// It took too long.
#[must_use]
pub fn late() -> Failure {
    Failure::new(FailureClass::Timeout, "")
}

pub(crate) fn strange(column: &str, kind: &str) -> Failure {
    let detail = format!(
        "column \"{column}\" is of type {kind}, which is not taken; cast it to a text in the query"
    );
    Failure::new(FailureClass::SourceError, &detail)
}
