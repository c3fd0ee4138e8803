//! Where the store is, read once: a SQLite file or a PostgreSQL database.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;

/// Which database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// One file, one process.
    Sqlite,
    /// A server, several processes.
    Postgres,
}

impl StoreKind {
    /// The word for people and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A checked URL. `Display` and `Debug` leave out the password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    kind: StoreKind,
    url: Url,
}

/// Why a URL names no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// Of neither database.
    #[error("is not a store that this release knows")]
    Unknown,
    /// Not a URL at all.
    #[error("is not a URL: {0}")]
    Malformed(String),
    /// Nothing would outlive the process.
    #[error("names a store in memory, which forgets everything")]
    Memory,
    /// PostgreSQL without a server.
    #[error("names no server")]
    NoServer,
    /// Passwords and data would cross a network in clear.
    #[error("reaches the server {0} over a network without a checked certificate")]
    Plain(String),
}

impl StoreUrl {
    /// Reads `sqlite:///path` or `postgres://user@server/database?sslmode=verify-full`.
    ///
    /// # Errors
    /// See [`StoreUrlError`].
    pub fn parse(text: &str) -> Result<Self, StoreUrlError> {
        let kind = match text.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => StoreKind::Sqlite,
            Some("postgres" | "postgresql") => StoreKind::Postgres,
            _ => return Err(StoreUrlError::Unknown),
        };
        let in_memory = text.contains(":memory:") || text.contains("mode=memory");
        if kind == StoreKind::Sqlite && in_memory {
            return Err(StoreUrlError::Memory);
        }
        let url = Url::parse(text).map_err(|error| StoreUrlError::Malformed(error.to_string()))?;
        if kind == StoreKind::Postgres {
            check_server(&url)?;
        }
        Ok(Self { kind, url })
    }

    /// Which database.
    #[must_use]
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// True when the URL itself holds a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.url.password().is_some() || self.query("password").next().is_some()
    }

    /// With this password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.url.query_pairs_mut().append_pair("password", password);
        self
    }

    /// Everything, the password too.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        self.url.as_str()
    }

    /// The file of a SQLite store.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        let options: sqlx::sqlite::SqliteConnectOptions = match self.kind {
            StoreKind::Sqlite => self.url.as_str().parse().ok()?,
            StoreKind::Postgres => return None,
        };
        Some(options.get_filename().to_path_buf())
    }

    fn query<'a>(&'a self, key: &'a str) -> impl Iterator<Item = String> + 'a {
        values(&self.url, key)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.url.clone();
        if url.password().is_some() && url.set_password(None).is_err() {
            return f.write_str(self.kind.as_str());
        }
        let kept: Vec<(String, String)> = self
            .url
            .query_pairs()
            .filter(|(key, _)| key != "password")
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn values<'a>(url: &'a Url, key: &'a str) -> impl Iterator<Item = String> + 'a {
    url.query_pairs()
        .filter(move |(name, _)| name == key)
        .map(|(_, value)| value.into_owned())
}

/// A server elsewhere is reached with a checked certificate only. Every server that is named counts.
fn check_server(url: &Url) -> Result<(), StoreUrlError> {
    let host = url.host_str().filter(|host| !host.is_empty());
    let servers: Vec<String> = host
        .map(str::to_owned)
        .into_iter()
        .chain(values(url, "host"))
        .chain(values(url, "hostaddr"))
        .collect();
    if servers.is_empty() {
        return Err(StoreUrlError::NoServer);
    }
    let modes: Vec<String> = values(url, "sslmode")
        .chain(values(url, "ssl-mode"))
        .collect();
    let verified = !modes.is_empty() && modes.iter().all(|mode| mode == "verify-full");
    match servers.into_iter().find(|server| !is_here(server)) {
        Some(server) if !verified => Err(StoreUrlError::Plain(server)),
        _ => Ok(()),
    }
}

/// True for a socket in the file system and for loopback.
fn is_here(server: &str) -> bool {
    let bare = server.trim_start_matches('[').trim_end_matches(']');
    server.starts_with('/')
        || server.to_ascii_lowercase().starts_with("%2f")
        || server == "localhost"
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_needs_a_checked_certificate() {
        let check = |text: &str, expected: Result<StoreKind, &str>| {
            let found = StoreUrl::parse(text).map(|url| url.kind());
            let expected = expected.map_err(str::to_owned);
            assert_eq!(found.map_err(|error| error.to_string()), expected, "{text}");
        };
        let plain =
            Err("reaches the server db.example over a network without a checked certificate");
        check("sqlite:///var/lib/x.db", Ok(StoreKind::Sqlite));
        check(
            "sqlite::memory:",
            Err("names a store in memory, which forgets everything"),
        );
        check("mysql://x", Err("is not a store that this release knows"));
        check("postgres://u@localhost/d", Ok(StoreKind::Postgres));
        check("postgres://u@127.0.0.1:5433/d", Ok(StoreKind::Postgres));
        check("postgresql://u@[::1]/d", Ok(StoreKind::Postgres));
        check(
            "postgres:///d?host=/run/postgresql&user=u",
            Ok(StoreKind::Postgres),
        );
        check(
            "postgres://u@%2Frun%2Fpostgresql/d",
            Ok(StoreKind::Postgres),
        );
        check("postgres:///d", Err("names no server"));
        check(
            "postgres://u@db.example/d?sslmode=verify-full",
            Ok(StoreKind::Postgres),
        );
        check("postgres://u@db.example/d", plain);
        check("postgres://u@db.example/d?sslmode=require", plain);
        check(
            "postgres://u@db.example/d?sslmode=verify-full&sslmode=disable",
            plain,
        );
        check("postgres://u@localhost/d?host=db.example", plain);
        check("postgres://u@localhost/d?hostaddr=db.example", plain);
        check(
            "postgres://u@127.0.0.1.example/d",
            Err(
                "reaches the server 127.0.0.1.example over a network without a checked certificate",
            ),
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in [
            "postgres://u:hush@localhost/d?application_name=x",
            "postgres://u@localhost/d?password=hush&application_name=x",
        ] {
            let url = StoreUrl::parse(text).unwrap();
            assert!(url.has_password());
            assert_eq!(
                url.to_string(),
                "postgres://u@localhost/d?application_name=x"
            );
            assert!(!format!("{url:?}").contains("hush"));
        }
        let url = StoreUrl::parse("postgres://u@localhost/d").unwrap();
        assert!(!url.has_password());
        let url = url.with_password("a&b=c");
        assert_eq!(url.query("password").next().as_deref(), Some("a&b=c"));
        assert_eq!(url.to_string(), "postgres://u@localhost/d");
    }
}
