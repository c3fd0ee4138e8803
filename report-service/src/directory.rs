//! The company's directory: who somebody is, whether the password is theirs, which groups they are in.
//!
//! Each sign-in opens its own service connection, and a second one for the person's bind, because a bind changes whom
//! a connection speaks for. At most [`SIGN_INS_MAX`] run at a time. No answer of the directory is kept but the list
//! of configured groups, for [`GROUPS_KEPT_MS`].

use self::account::judge;
use self::groups::KnownGroup;
use self::ldap::{Connection, Depth, Dialer, Entry, Fault, Query};
use self::servers::Servers;
use spokegate_daemon::{Clock, SecretSource, Tasks};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

mod account;
mod dialect;
mod dn;
mod groups;
mod ldap;
mod name;
mod servers;
mod settings;

pub use account::Refused;
pub use name::{Password, TypedName};
pub use settings::{DirectorySettings, KindSetting, ServerUrl, ServerUrlError};

use self::dialect::Dialect;

/// Sign-ins at a time; more make a single domain controller refuse connections.
const SIGN_INS_MAX: usize = 8;
/// How long the configured groups' identifiers are kept, in milliseconds.
const GROUPS_KEPT_MS: u64 = 300_000;
/// Limit of finding or verifying a person, in multiples of one operation's limit.
const WHOLE_FACTOR: u32 = 3;

/// The directory gives no answer that can be relied on. Never a failed attempt of a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// No server answered.
    #[error("no directory server answers: {last}")]
    NoServer {
        /// What the last one tried had to say.
        last: String,
    },
    /// The servers answer, but too slowly as a whole.
    #[error("the directory takes too long")]
    Slow,
    /// The service account's name or password is wrong. It rests for ten minutes, lest it be locked.
    #[error("the directory refuses the service account ({reason}), hint: check directory.bind_dn and its password")]
    ServiceAccount {
        /// Why.
        reason: String,
    },
    /// The service account's password cannot be read.
    #[error("the service account's password cannot be read: {reason}")]
    NoPassword {
        /// Why.
        reason: String,
    },
}

impl Unavailable {
    /// What an administrator reads.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NoServer { .. } => "No server answers. Check directory.urls, the network and the servers' certificates.",
            Self::Slow => "The servers take too long to answer.",
            Self::ServiceAccount { .. } => {
                "The service account is refused. Check directory.bind_dn and its password; it is tried again after ten minutes."
            }
            Self::NoPassword { .. } => "The service account's password cannot be read. Check directory.bind_password_file.",
        }
    }

    /// The word for the audit.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoServer { .. } => "directory-down",
            Self::Slow => "directory-slow",
            Self::ServiceAccount { .. } | Self::NoPassword { .. } => "service-account-refused",
        }
    }
}

/// A person's stable id: `<directory>:<entryUUID or objectGUID>`. Renaming somebody does not change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersonId(String);

impl PersonId {
    /// An id that came out of the store.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody who gave the right password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The stable id.
    pub id: PersonId,
    /// The sign-in name as the directory spells it.
    pub name: String,
    /// The name as people read it.
    pub title: String,
    /// The configured groups they are in, spelt as configured.
    pub groups: Vec<String>,
}

/// What the directory says later about somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Known, open, in these configured groups.
    Good {
        /// Spelt as configured.
        groups: Vec<String>,
    },
    /// The account is disabled or has expired.
    Closed,
    /// No such entry.
    Gone,
}

/// An entry that a typed name leads to, before any password was tried.
pub struct Found {
    id: PersonId,
    entry: Entry,
    service: Service,
    _permit: OwnedSemaphorePermit,
}

impl Found {
    /// The stable id, to count failures by.
    #[must_use]
    pub fn id(&self) -> &PersonId {
        &self.id
    }
}

/// A connection bound as the service account.
struct Service {
    connection: Connection,
    server: usize,
    dialect: Arc<Dialect>,
}

/// The adapter. One per directory.
pub struct Directory {
    settings: DirectorySettings,
    dialer: Dialer,
    clock: Clock,
    gate: Arc<Semaphore>,
    servers: Mutex<Servers>,
    dialect: OnceCell<Arc<Dialect>>,
    known: Mutex<Option<(u64, Arc<[KnownGroup]>)>>,
}

impl Directory {
    /// Reads the CA bundle; connects to nothing yet.
    ///
    /// # Errors
    /// When the CA bundle cannot be used.
    pub fn new(settings: DirectorySettings, clock: Clock, tasks: Tasks) -> anyhow::Result<Self> {
        let tls = settings::client_tls(&settings.ca)?;
        let dialer = Dialer { tls, starttls: settings.starttls, timeout: settings.timeout, tasks };
        let servers = Mutex::new(Servers::new(settings.servers.len()));
        Ok(Self {
            dialer,
            clock,
            gate: Arc::new(Semaphore::new(SIGN_INS_MAX)),
            servers,
            dialect: OnceCell::new(),
            known: Mutex::new(None),
            settings,
        })
    }

    /// Finds the one entry that a typed name means.
    ///
    /// # Errors
    /// Outer: no reliable answer. Inner: nobody, or several.
    pub async fn find(&self, name: &TypedName) -> Result<Result<Found, Refused>, Unavailable> {
        let permit = Arc::clone(&self.gate).acquire_owned().await.expect("the gate is never closed");
        let finding = async {
            let mut service = self.service(true).await?;
            let dialect = Arc::clone(&service.dialect);
            let Some(filter) = dialect.person_filter(name.form(), &self.settings.user_attribute) else {
                return Ok(Err(Refused::Unknown));
            };
            let entries = self.people(&mut service, &filter).await?;
            let entry = match <[Entry; 1]>::try_from(entries) {
                Ok([entry]) if !entry.dn.is_empty() => entry,
                Ok(_) => return Ok(Err(Refused::Unknown)),
                Err(entries) if entries.is_empty() => return Ok(Err(Refused::Unknown)),
                Err(_) => return Ok(Err(Refused::Ambiguous)),
            };
            let Some(id) = dialect.stable_id(&entry) else { return Ok(Err(Refused::NoStableId)) };
            let id = PersonId(format!("{}:{id}", self.settings.id));
            Ok(Ok(Found { id, entry, service, _permit: permit }))
        };
        self.whole(finding).await
    }

    /// Tries the password of somebody found, and reads their groups.
    ///
    /// # Errors
    /// Outer: no reliable answer. Inner: the directory's reason to refuse.
    pub async fn verify(&self, found: Found, password: &Password<'_>) -> Result<Result<Person, Refused>, Unavailable> {
        let Found { id, entry, mut service, _permit } = found;
        let verifying = async {
            let server = &self.settings.servers[service.server];
            let opened = Connection::open(server, &self.dialer).await;
            let mut connection = self.answered(service.server, opened)?;
            let bound = connection.bind(&entry.dn, password.expose()).await;
            if let Err(refused) = judge(&self.answered(service.server, bound)?) {
                return Ok(Err(refused));
            }
            let groups = self.groups_of(&mut service, &entry).await?;
            let name = service.dialect.sign_in_name(&entry, &self.settings.user_attribute);
            let title = entry.text("displayName").or_else(|| entry.text("cn")).unwrap_or(&name).to_owned();
            Ok(Ok(Person { id, title, name, groups }))
        };
        self.whole(verifying).await
    }

    /// Looks at somebody again who is signed in. Servers that are known to be down are not waited for.
    ///
    /// # Errors
    /// When there is no reliable answer.
    pub async fn look_again(&self, id: &PersonId) -> Result<Standing, Unavailable> {
        let _permit = self.gate.acquire().await.expect("the gate is never closed");
        let looking = async {
            let Some(id) = id.as_str().strip_prefix(&format!("{}:", self.settings.id)) else {
                return Ok(Standing::Gone);
            };
            let mut service = self.service(false).await?;
            let Some(filter) = service.dialect.id_filter(id) else { return Ok(Standing::Gone) };
            let entries = self.people(&mut service, &filter).await?;
            let Ok([entry]) = <[Entry; 1]>::try_from(entries) else { return Ok(Standing::Gone) };
            if service.dialect.is_closed(&entry, self.clock.now_ms()) {
                return Ok(Standing::Closed);
            }
            Ok(Standing::Good { groups: self.groups_of(&mut service, &entry).await? })
        };
        self.whole(looking).await
    }

    /// Connects, binds as the service account and finds the configured groups: what a start and a check look at.
    ///
    /// # Errors
    /// When there is no reliable answer.
    pub async fn check(&self) -> Result<(), Unavailable> {
        let checking = async {
            let mut service = self.service(true).await?;
            self.known_groups(&mut service).await.map(|_| ())
        };
        self.whole(checking).await
    }

    async fn people(&self, service: &mut Service, filter: &str) -> Result<Vec<Entry>, Unavailable> {
        let query = Query {
            base: &self.settings.base,
            depth: Depth::Subtree,
            filter,
            attributes: &service.dialect.person_attributes(&self.settings.user_attribute),
            entries_max: 2,
        };
        let found = service.connection.search(&query).await;
        self.answered(service.server, found)
    }

    async fn groups_of(&self, service: &mut Service, entry: &Entry) -> Result<Vec<String>, Unavailable> {
        let known = self.known_groups(service).await?;
        let found = match &*service.dialect {
            Dialect::ActiveDirectory { .. } => groups::by_token(&mut service.connection, &entry.dn, &known).await,
            Dialect::Plain => {
                let name = entry.text(&self.settings.user_attribute).unwrap_or_default();
                groups::by_walk(&mut service.connection, &self.settings.base, &entry.dn, name, &known).await
            }
        };
        self.answered(service.server, found)
    }

    async fn known_groups(&self, service: &mut Service) -> Result<Arc<[KnownGroup]>, Unavailable> {
        let now = self.clock.now_ms();
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((until, known)) = kept && now < until {
            return Ok(known);
        }
        let found = groups::resolve(&mut service.connection, &self.settings.base, &self.settings.groups).await;
        let known: Arc<[KnownGroup]> = self.answered(service.server, found)?.into();
        let fresh = Some((now.saturating_add(GROUPS_KEPT_MS), Arc::clone(&known)));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(known)
    }

    /// A connection to the first server that answers, bound as the service account.
    async fn service(&self, insist: bool) -> Result<Service, Unavailable> {
        let now = self.clock.now_ms();
        let order = {
            let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            if servers.paused(now) {
                return Err(Unavailable::ServiceAccount { reason: "it was refused a short while ago".to_owned() });
            }
            servers.order(now, insist)
        };
        let mut last = "all are marked as down".to_owned();
        for server in order {
            match self.bound(server).await {
                Ok(service) => {
                    self.servers.lock().unwrap_or_else(PoisonError::into_inner).good(server);
                    return Ok(service);
                }
                Err(Unavailable::NoServer { last: why }) => last = why,
                Err(other) => return Err(other),
            }
        }
        Err(Unavailable::NoServer { last })
    }

    async fn bound(&self, server: usize) -> Result<Service, Unavailable> {
        let opened = Connection::open(&self.settings.servers[server], &self.dialer).await;
        let mut connection = self.answered(server, opened)?;
        let password = read_password(&self.settings.bind_password)?;
        let bound = connection.bind(&self.settings.bind_dn, password.expose()).await;
        if let Err(refused) = judge(&self.answered(server, bound)?) {
            self.servers.lock().unwrap_or_else(PoisonError::into_inner).pause(self.clock.now_ms());
            tracing::error!(reason = %refused, "the directory refuses the service account");
            return Err(Unavailable::ServiceAccount { reason: refused.to_string() });
        }
        let dialect = self.dialect.get_or_try_init(|| async {
            dialect::detect(&mut connection, self.settings.kind).await.map(Arc::new)
        });
        let dialect = dialect.await.cloned();
        let dialect = self.answered(server, dialect)?;
        Ok(Service { connection, server, dialect })
    }

    /// Passes an answer on; a server that gave none is left alone for a while.
    fn answered<T>(&self, server: usize, answer: Result<T, Fault>) -> Result<T, Unavailable> {
        answer.map_err(|fault| {
            let url = self.settings.servers[server].as_str();
            tracing::warn!(server = url, error = %fault, "a directory server does not answer as it should");
            let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            servers.bad(server, self.clock.now_ms());
            Unavailable::NoServer { last: format!("{url}: {fault}") }
        })
    }

    async fn whole<T>(&self, work: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
        let servers = u32::try_from(self.settings.servers.len()).unwrap_or(u32::MAX);
        let limit = self.settings.timeout.saturating_mul(WHOLE_FACTOR.saturating_add(servers));
        tokio::time::timeout(limit, work).await.unwrap_or(Err(Unavailable::Slow))
    }
}

fn read_password(source: &SecretSource) -> Result<spokegate_daemon::Secret, Unavailable> {
    source.resolve().map_err(|error| Unavailable::NoPassword { reason: error.to_string() })
}
