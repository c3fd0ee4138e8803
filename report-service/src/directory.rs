//! The company's directory: who somebody is, whether the password is theirs, which groups they are in.
//!
//! Each sign-in opens its own service connection, and a second one for the person's bind, because a bind changes whom
//! a connection speaks for. At most [`SIGN_INS_MAX`] run at a time. No answer of the directory is kept but the list
//! of configured groups, for [`GROUPS_KEPT_MS`].

use self::account::judge;
use self::groups::{KnownGroup, Membership};
use self::ldap::{Connection, Depth, Dialer, Entry, Query};
use self::servers::Servers;
use self::service::Service;
use spokegate_daemon::{Clock, Tasks};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

mod account;
mod dialect;
mod dn;
mod explain;
mod groups;
mod ldap;
mod name;
mod person;
mod servers;
mod service;
mod settings;
mod state;
mod unavailable;

pub use account::Refused;
pub use explain::{Explanation, Step};
pub use name::{Password, TypedName};
pub use person::{Person, PersonId, Standing};
pub use settings::{DirectorySettings, KindSetting, ServerUrl, ServerUrlError};
pub use unavailable::Unavailable;

use self::dialect::Dialect;

/// Sign-ins at a time; more make a single domain controller refuse connections.
const SIGN_INS_MAX: usize = 8;
/// How long the configured groups' identifiers are kept, in milliseconds.
const GROUPS_KEPT_MS: u64 = 300_000;
/// Limit of finding or verifying a person, in multiples of one operation's limit.
const WHOLE_FACTOR: u32 = 3;

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

/// The adapter. One per directory.
pub struct Directory {
    settings: DirectorySettings,
    dialer: Dialer,
    clock: Clock,
    gate: Arc<Semaphore>,
    servers: Mutex<Servers>,
    dialect: OnceCell<Arc<Dialect>>,
    known: Mutex<Option<(u64, Arc<[KnownGroup]>)>>,
    /// Checks go one after the other: a wrong password of the service account is tried once.
    checks: tokio::sync::Mutex<()>,
}

impl Directory {
    /// Reads the CA bundle; connects to nothing yet.
    ///
    /// # Errors
    /// When the CA bundle cannot be used.
    pub fn new(settings: DirectorySettings, clock: Clock, tasks: Tasks) -> anyhow::Result<Self> {
        let tls = settings::client_tls(&settings.ca)?;
        let dialer = Dialer {
            tls,
            starttls: settings.starttls,
            timeout: settings.timeout,
            tasks,
        };
        let servers = Mutex::new(Servers::new(settings.servers.len()));
        Ok(Self {
            dialer,
            clock,
            gate: Arc::new(Semaphore::new(SIGN_INS_MAX)),
            servers,
            dialect: OnceCell::new(),
            known: Mutex::new(None),
            checks: tokio::sync::Mutex::default(),
            settings,
        })
    }

    /// Finds the one entry that a typed name means.
    ///
    /// # Errors
    /// Outer: no reliable answer. Inner: nobody, or several.
    pub async fn find(&self, name: &TypedName) -> Result<Result<Found, Refused>, Unavailable> {
        let permit = Arc::clone(&self.gate)
            .acquire_owned()
            .await
            .expect("the gate is never closed");
        let finding = async {
            let service = self.service(true).await?;
            let filter = service
                .dialect
                .person_filter(name.form(), &self.settings.user_attribute);
            self.only(service, filter, permit).await
        };
        self.whole(finding).await
    }

    /// Finds somebody by the stable id.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn find_again(&self, id: &PersonId) -> Result<Result<Found, Refused>, Unavailable> {
        let permit = Arc::clone(&self.gate)
            .acquire_owned()
            .await
            .expect("the gate is never closed");
        let finding = async {
            let Some(id) = self.own_id(id) else {
                return Ok(Err(Refused::Unknown));
            };
            let service = self.service(true).await?;
            let filter = service.dialect.id_filter(id);
            self.only(service, filter, permit).await
        };
        self.whole(finding).await
    }

    /// The one entry that a filter finds.
    async fn only(
        &self,
        mut service: Service,
        filter: Option<String>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Result<Found, Refused>, Unavailable> {
        let Some(filter) = filter else {
            return Ok(Err(Refused::Unknown));
        };
        let entries = self.people(&mut service, &filter).await?;
        let entry = match <[Entry; 1]>::try_from(entries) {
            Ok([entry]) if !entry.dn.is_empty() => entry,
            Ok(_) => return Ok(Err(Refused::Unknown)),
            Err(entries) if entries.is_empty() => return Ok(Err(Refused::Unknown)),
            Err(_) => return Ok(Err(Refused::Ambiguous)),
        };
        let Some(id) = service.dialect.stable_id(&entry) else {
            return Ok(Err(Refused::NoStableId));
        };
        let id = PersonId::stored(&format!("{}:{id}", self.settings.id));
        Ok(Ok(Found {
            id,
            entry,
            service,
            _permit: permit,
        }))
    }

    /// Does for an unknown name what is done for a known one: a bind on a connection of its own, which must fail. So the
    /// directory takes as long for either. What was typed stays here.
    pub async fn pretend(&self) {
        let _permit = self.gate.acquire().await.expect("the gate is never closed");
        let now = self.clock.now_ms();
        let server = self
            .servers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .order(now, false)
            .first()
            .copied();
        let Some(server) = server else {
            return;
        };
        let nobody = format!("cn=spokegate-nobody,{}", self.settings.base);
        let pretending = async {
            let url = &self.settings.servers[server];
            let mut connection = Connection::open(url, &self.dialer).await?;
            connection.bind(&nobody, "nobody has this password").await
        };
        // Whatever is answered, nobody is let in.
        if let Err(fault) = pretending.await {
            tracing::debug!(error = %fault, "no answer to a bind as nobody");
        }
    }

    /// Tries the password of somebody found, and reads their groups.
    ///
    /// # Errors
    /// Outer: no reliable answer. Inner: the directory's reason to refuse.
    pub async fn verify(
        &self,
        found: Found,
        password: &Password<'_>,
    ) -> Result<Result<Person, Refused>, Unavailable> {
        let Found {
            id,
            entry,
            mut service,
            _permit,
        } = found;
        let verifying = async {
            let mut connection = self.own_connection(&mut service).await?;
            let bound = connection.bind(&entry.dn, password.expose()).await;
            match judge(&self.answered(service.server, bound)?) {
                Ok(()) => {}
                Err(Refused::Locked) => {
                    let now = self.clock.now_ms();
                    return Ok(Err(state::why_locked(&service.dialect, &entry, now)));
                }
                Err(refused) => return Ok(Err(refused)),
            }
            let groups = self.membership(&mut service, &entry).await?.groups;
            let name = service
                .dialect
                .sign_in_name(&entry, &self.settings.user_attribute);
            let title = entry
                .text("displayName")
                .or_else(|| entry.text("cn"))
                .unwrap_or(&name)
                .to_owned();
            Ok(Ok(Person {
                id,
                title,
                name,
                groups,
            }))
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
            let Some(id) = self.own_id(id) else {
                return Ok(Standing::Gone);
            };
            let mut service = self.service(false).await?;
            let Some(filter) = service.dialect.id_filter(id) else {
                return Ok(Standing::Gone);
            };
            let entries = self.people(&mut service, &filter).await?;
            let Ok([entry]) = <[Entry; 1]>::try_from(entries) else {
                return Ok(Standing::Gone);
            };
            if service.dialect.is_closed(&entry, self.clock.now_ms()) {
                return Ok(Standing::Closed);
            }
            Ok(Standing::Good {
                groups: self.membership(&mut service, &entry).await?.groups,
            })
        };
        self.whole(looking).await
    }

    /// Connects, binds as the service account and finds the configured groups: what a start and a check look at.
    ///
    /// # Errors
    /// When there is no reliable answer.
    pub async fn check(&self) -> Result<(), Unavailable> {
        let _turn = self.checks.lock().await;
        let checking = async {
            let mut service = self.service(true).await?;
            self.known_groups(&mut service).await.map(|_| ())
        };
        self.whole(checking).await
    }

    /// The directory's own part of a person's id; `None` for people of another one.
    fn own_id<'a>(&self, id: &'a PersonId) -> Option<&'a str> {
        let (directory, own) = id.as_str().split_once(':')?;
        (directory == self.settings.id).then_some(own)
    }

    /// A connection for a person's own bind. When the server has died since it was asked, the next one takes over;
    /// no password was sent by then.
    async fn own_connection(&self, service: &mut Service) -> Result<Connection, Unavailable> {
        let mut left = self.settings.servers.len();
        loop {
            let server = &self.settings.servers[service.server];
            let opened = Connection::open(server, &self.dialer).await;
            left = left.saturating_sub(1);
            match self.answered(service.server, opened) {
                Ok(connection) => return Ok(connection),
                Err(unavailable) if left == 0 => return Err(unavailable),
                Err(_) => *service = self.service(true).await?,
            }
        }
    }

    async fn people(&self, service: &mut Service, filter: &str) -> Result<Vec<Entry>, Unavailable> {
        let query = Query {
            base: &self.settings.base,
            depth: Depth::Subtree,
            filter,
            attributes: &service
                .dialect
                .person_attributes(&self.settings.user_attribute),
            entries_max: 2,
        };
        let found = service.connection.search(&query).await;
        self.answered(service.server, found)
    }

    async fn membership(
        &self,
        service: &mut Service,
        entry: &Entry,
    ) -> Result<Membership, Unavailable> {
        let known = self.known_groups(service).await?;
        let found = match &*service.dialect {
            Dialect::ActiveDirectory { .. } => {
                groups::by_token(&mut service.connection, &entry.dn, &known).await
            }
            Dialect::Plain => {
                let name = entry
                    .text(&self.settings.user_attribute)
                    .unwrap_or_default();
                groups::by_walk(
                    &mut service.connection,
                    &self.settings.base,
                    &entry.dn,
                    name,
                    &known,
                )
                .await
            }
        };
        self.answered(service.server, found)
    }

    async fn known_groups(&self, service: &mut Service) -> Result<Arc<[KnownGroup]>, Unavailable> {
        let now = self.clock.now_ms();
        let kept = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((until, known)) = kept
            && now < until
        {
            return Ok(known);
        }
        let found = groups::resolve(
            &mut service.connection,
            &self.settings.base,
            &self.settings.groups,
        )
        .await;
        let known: Arc<[KnownGroup]> = self.answered(service.server, found)?.into();
        let fresh = Some((now.saturating_add(GROUPS_KEPT_MS), Arc::clone(&known)));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(known)
    }

    async fn whole<T>(
        &self,
        work: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        let servers = u32::try_from(self.settings.servers.len()).unwrap_or(u32::MAX);
        let limit = self
            .settings
            .timeout
            .saturating_mul(WHOLE_FACTOR.saturating_add(servers));
        tokio::time::timeout(limit, work)
            .await
            .unwrap_or(Err(Unavailable::Slow))
    }
}
