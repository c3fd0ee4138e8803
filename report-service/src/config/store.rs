//! `[store]`.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;
use spokegate_daemon::SecretSource;
use spokegate_daemon::config::{Faults, Section};

use crate::store::{Store, StoreKind, StoreUrl, StoreUrlError};

/// Where everything is kept.
#[derive(Clone, Debug, Deserialize)]
pub struct StoreConfig {
    /// `sqlite:///path/to/file` or `postgres://user@server/database`.
    pub url: String,
    /// The file with PostgreSQL's password, or `credential:NAME`.
    pub password_file: Option<PathBuf>,
}

impl StoreConfig {
    /// Opens the store and brings its schema up to date.
    ///
    /// # Errors
    /// When the password cannot be read or the store not be opened.
    pub async fn open(&self) -> anyhow::Result<Store> {
        Store::open_at(&self.url()?).await
    }

    /// The checked URL, with the password.
    ///
    /// # Errors
    /// When the URL names no store or the password cannot be read.
    pub fn url(&self) -> anyhow::Result<StoreUrl> {
        let url = StoreUrl::parse(&self.url)
            .map_err(|error| anyhow::anyhow!("the store's URL {error}"))?;
        let Some(file) = &self.password_file else {
            return Ok(url);
        };
        let password = SecretSource::file(file)
            .resolve()
            .context("read the store's password")?;
        Ok(url.with_password(password.expose()))
    }
}

impl Section for StoreConfig {
    fn validate(&self, faults: &mut Faults) {
        let url = match StoreUrl::parse(&self.url) {
            Ok(url) => url,
            Err(error) => {
                let hint = match error {
                    StoreUrlError::Plain(_) => {
                        "add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem"
                    }
                    StoreUrlError::NoServer => {
                        "name a server, or a socket's folder as ?host=/run/postgresql"
                    }
                    _ => "write sqlite:///var/lib/spokegate/reports.db",
                };
                faults
                    .add("url", error.to_string())
                    .allowed("sqlite:///path/to/file, or postgres://user@server/database")
                    .hint(hint);
                return;
            }
        };
        if url.has_password() {
            faults
                .add("url", "holds a password")
                .allowed("a URL without one")
                .hint("write it to a file of mode 600 and name that as password_file");
        }
        if url.kind() == StoreKind::Sqlite && self.password_file.is_some() {
            faults
                .add("password_file", "is set for a SQLite file, which has none")
                .allowed("only with postgres://")
                .hint("leave it out");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, DEFAULTS};
    use spokegate_daemon::config::Layered;

    #[test]
    fn allowed_and_refused() {
        // Everything else that is missing is told as well.
        let check = |keys: &[&str], expected: &str| {
            let layers = Layered::<Config>::new("REPORTS", DEFAULTS).no_environment();
            let layers = keys
                .iter()
                .fold(layers, |layers, key| layers.flag(format!("store.{key}")));
            let told = layers.load().unwrap_err().to_string();
            match expected {
                "" => assert!(!told.contains("store."), "{told}"),
                expected => assert!(told.contains(expected), "{told}"),
            }
        };
        let password = "password_file=x";
        check(&["url=sqlite:///x.db"], "");
        check(&["url=sqlite:///x.db", password], "which has none");
        check(&["url=postgres://x@localhost/y", password], "");
        check(&["url=postgres://x:hush@localhost/y"], "holds a password");
        check(
            &["url=postgres://x@db.example/y"],
            "without a checked certificate",
        );
        check(&["url=postgres:///y"], "names no server");
        check(&["url=mysql://x"], "not a store that this release knows");
    }
}
