//! `[postgresql]` and `[mysql]` of a definition.

use std::path::PathBuf;

use serde::Deserialize;
use spokegate_sources::{Database, Server};

use crate::secrets::SecretRef;

/// A database on a server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerFile {
    /// A name as in the server's certificate, or a socket's folder (PostgreSQL) or file (MySQL).
    host: String,
    port: Option<u16>,
    database: String,
    user: String,
    password: Option<SecretRef>,
    /// A root trusted for the server beside the system's.
    ca: Option<PathBuf>,
    query: String,
}

impl ServerFile {
    /// The database, the text of its query, and the reference to its password.
    pub(super) fn parts(
        self,
        kind: fn(Server) -> Database,
    ) -> (Database, String, Option<SecretRef>) {
        let server = Server {
            host: self.host,
            port: self.port,
            database: self.database,
            user: self.user,
            ca: self.ca,
        };
        (kind(server), self.query, self.password)
    }
}
