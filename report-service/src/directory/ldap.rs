//! The one place that names ldap3. A [`Connection`] is one TLS connection to one server; its driver dies with it.

use super::account::{BindReply, POLICY_CONTROL, policy_error};
use super::settings::ServerUrl;
use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::controls::RawControl;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, ResultEntry, Scope, SearchEntry, StdStream,
};
use rustls::ClientConfig;
use spokegate_daemon::Tasks;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

/// Entries per page; directories commonly refuse more than 1,000 at once, ours in the tests more than 500.
const PAGE_ENTRIES: i32 = 400;

/// Text as a value in a search filter (RFC 4515 §3).
pub(super) fn filter_value(text: &str) -> String {
    ldap3::ldap_escape(text).into_owned()
}

/// Bytes as a value in a search filter.
pub(super) fn filter_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// Why a server gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// No connection, or no trust in it.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// Nothing came in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke or carried nonsense.
    #[error("the connection failed: {0}")]
    Broken(String),
    /// The server refused the operation.
    #[error("the server answered with LDAP result {0}")]
    Code(u32),
}

/// How far below the base a search looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Depth {
    Base,
    Subtree,
}

/// A search.
#[derive(Clone, Debug)]
pub(super) struct Query<'a> {
    pub(super) base: &'a str,
    pub(super) depth: Depth,
    pub(super) filter: &'a str,
    pub(super) attributes: &'a [&'a str],
    /// The search stops after so many entries.
    pub(super) entries_max: usize,
}

/// An entry; attribute names are lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) dn: String,
    values: HashMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// An entry of texts, for tests of what is made of entries.
    #[cfg(test)]
    pub(super) fn of(dn: &str, pairs: &[(&str, &str)]) -> Self {
        let value = |&(name, text): &(&str, &str)| (name.to_ascii_lowercase(), vec![text.into()]);
        Self {
            dn: dn.to_owned(),
            values: pairs.iter().map(value).collect(),
        }
    }

    /// All values of an attribute.
    pub(super) fn all(&self, attribute: &str) -> &[Vec<u8>] {
        self.values
            .get(&attribute.to_ascii_lowercase())
            .map_or(&[], Vec::as_slice)
    }

    /// The first value of an attribute.
    pub(super) fn bytes(&self, attribute: &str) -> Option<&[u8]> {
        self.all(attribute).first().map(Vec::as_slice)
    }

    /// The first value of an attribute that is text and not empty.
    pub(super) fn text(&self, attribute: &str) -> Option<&str> {
        self.bytes(attribute)
            .and_then(|value| std::str::from_utf8(value).ok())
            .filter(|value| !value.is_empty())
    }
}

/// What a connection needs besides the server.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) starttls: bool,
    pub(super) timeout: Duration,
    pub(super) tasks: Tasks,
}

/// One connection. Time-outs hold for whole operations; after one the connection is of no use.
pub(super) struct Connection {
    ldap: Ldap,
    driver: AbortHandle,
    timeout: Duration,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects and completes TLS with a verified certificate.
    pub(super) async fn open(server: &ServerUrl, dialer: &Dialer) -> Result<Self, Fault> {
        let opening = async {
            let stream = connect(server).await?;
            let settings = LdapConnSettings::new()
                .set_config(Arc::clone(&dialer.tls))
                .set_starttls(dialer.starttls)
                .set_std_stream(StdStream::Tcp(stream));
            LdapConnAsync::with_settings(settings, server.as_str())
                .await
                .map_err(|error| Fault::Connect(error.to_string()))
        };
        let (driver, ldap) = tokio::time::timeout(dialer.timeout, opening)
            .await
            .map_err(|_| Fault::Timeout)??;
        // ldap3 panics on malformed answers; here that ends this connection and nothing else.
        let driver = dialer.tasks.spawn_watched(
            "directory connection",
            async move { driver.drive().await },
            |failure| tracing::debug!(error = failure.reason, "a directory connection ended badly"),
        );
        Ok(Self {
            ldap,
            driver,
            timeout: dialer.timeout,
        })
    }

    /// Binds; the code of the answer is the caller's to judge.
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<BindReply, Fault> {
        let control = RawControl {
            ctype: POLICY_CONTROL.to_owned(),
            crit: false,
            val: None,
        };
        let bind = self.ldap.with_controls(control).simple_bind(dn, password);
        let reply = tokio::time::timeout(self.timeout, bind)
            .await
            .map_err(|_| Fault::Timeout)?
            .map_err(broken)?;
        let policy = reply
            .ctrls
            .iter()
            .find(|control| control.1.ctype == POLICY_CONTROL);
        let policy_error = policy
            .and_then(|control| control.1.val.as_deref())
            .and_then(policy_error);
        Ok(BindReply {
            code: reply.rc,
            text: reply.text,
            policy_error,
        })
    }

    /// Searches, page by page. Referrals are not followed. A base that does not exist has no entries.
    pub(super) async fn search(&mut self, query: &Query<'_>) -> Result<Vec<Entry>, Fault> {
        let timeout = self.timeout;
        tokio::time::timeout(timeout, self.search_pages(query))
            .await
            .map_err(|_| Fault::Timeout)?
    }

    async fn search_pages(&mut self, query: &Query<'_>) -> Result<Vec<Entry>, Fault> {
        let scope = match query.depth {
            Depth::Base => Scope::Base,
            Depth::Subtree => Scope::Subtree,
        };
        let mut adapters: Vec<Box<dyn Adapter<'_, _, _>>> = vec![Box::new(EntriesOnly::new())];
        if matches!(query.depth, Depth::Subtree) {
            adapters.push(Box::new(PagedResults::new(PAGE_ENTRIES)));
        }
        let attributes = query.attributes.to_vec();
        let mut stream = self
            .ldap
            .streaming_search_with(adapters, query.base, scope, query.filter, attributes)
            .await
            .map_err(broken)?;
        let mut entries = Vec::new();
        while let Some(raw) = stream.next().await.map_err(broken)? {
            if entries.len() == query.entries_max {
                return Ok(entries);
            }
            entries.push(read_entry(raw)?);
        }
        match stream.finish().await.rc {
            0 | 10 | 32 => Ok(entries),
            code => Err(Fault::Code(code)),
        }
    }
}

/// Tries each address of the server. Nagle's algorithm, which ldap3 leaves on, costs 40 ms per operation.
async fn connect(server: &ServerUrl) -> Result<std::net::TcpStream, Fault> {
    let failed = |error: std::io::Error| Fault::Connect(error.to_string());
    let addresses = tokio::net::lookup_host((server.host(), server.port()))
        .await
        .map_err(failed)?;
    let mut last = Fault::Connect("the name has no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(failed)?;
                return stream.into_std().map_err(failed);
            }
            Err(error) => last = failed(error),
        }
    }
    Err(last)
}

fn read_entry(raw: ResultEntry) -> Result<Entry, Fault> {
    let entry = std::panic::catch_unwind(AssertUnwindSafe(|| SearchEntry::construct(raw)))
        .map_err(|_| Fault::Broken("an entry that cannot be read".to_owned()))?;
    let text = entry
        .attrs
        .into_iter()
        .map(|(name, values)| (name, values.into_iter().map(String::into_bytes).collect()));
    let mut values: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
    for (name, more) in text.chain(entry.bin_attrs) {
        // A multi-valued binary attribute may have some values that happen to be text.
        values
            .entry(name.to_ascii_lowercase())
            .or_default()
            .extend::<Vec<Vec<u8>>>(more);
    }
    Ok(Entry {
        dn: entry.dn,
        values,
    })
}

fn broken(error: LdapError) -> Fault {
    match error {
        LdapError::LdapResult { result } => Fault::Code(result.rc),
        other => Fault::Broken(other.to_string()),
    }
}
