//! Which certificates are let in: the TLS files and the revocation lists, replaced while sessions go on.
//!
//! A list counts once one of the roots has signed it and its number is higher than that of the list it replaces. From
//! then on the handshake refuses what it revokes, and live sessions of such certificates end.

mod check;
mod file;
mod outcome;
mod stamp;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use spokegate_daemon::Clock;
use spokegate_identity::{
    OnRefused, Presented, RevocationList, Roots, TlsError, TlsFiles, admitting_server_config,
    door_server_config, not_after_ms, relisted_server_config,
};

use crate::lock;
use crate::meters::ListMeters;
use crate::roster::{Dismissal, Roster};
pub(crate) use check::{check_files, lists_in};
pub use outcome::{Accepted, Refused};
use stamp::Stamps;

/// The TLS files and lists in force.
pub struct Lists {
    files: TlsFiles,
    crl_file: Option<PathBuf>,
    on_refused: OnRefused,
    roster: Arc<Roster>,
    meters: ListMeters,
    clock: Clock,
    /// Held while something is replaced.
    held: Mutex<Held>,
    config: ArcSwap<ServerConfig>,
    door: ArcSwap<ServerConfig>,
    lists: ArcSwap<Vec<RevocationList>>,
}

struct Held {
    roots: Roots,
    stamps: Stamps,
    /// The list whose successor was said to be overdue.
    overdue: Option<u64>,
}

impl Lists {
    /// Loads everything. A file of lists that is missing is told and waited for; one that is broken is an error.
    pub(crate) fn open(
        files: TlsFiles,
        crl_file: Option<PathBuf>,
        on_refused: OnRefused,
        roster: Arc<Roster>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let stamps = Stamps::of(&files, crl_file.as_deref());
        let roots = Roots::read(&files.ca)?;
        let lists = match &crl_file {
            None => {
                tracing::warn!(
                    "no file for revocation lists is configured: what is revoked is let in again when the broker restarts, hint: set revocation.crl_file"
                );
                Vec::new()
            }
            Some(path) => file::read_at_start(path, &roots)?,
        };
        let config = admitting_server_config(&files, &lists, Some(Arc::clone(&on_refused)))
            .context("load the broker's TLS files ([tls])")?;
        let door = door_server_config(&files).context("load the broker's TLS files ([tls])")?;
        let opened = Self {
            files,
            crl_file,
            on_refused,
            roster,
            meters: ListMeters::new(),
            clock,
            held: Mutex::new(Held {
                roots,
                stamps,
                overdue: None,
            }),
            config: ArcSwap::new(config),
            door: ArcSwap::new(door),
            lists: ArcSwap::from_pointee(lists),
        };
        opened.meters.expires(not_after_ms(&opened.files)?);
        opened.observe();
        Ok(opened)
    }

    /// The configuration for the next handshake.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        self.config.load_full()
    }

    /// The configuration for the next handshake with someone who has no certificate.
    pub(crate) fn door_config(&self) -> Arc<ServerConfig> {
        self.door.load_full()
    }

    /// Whether a list in force revokes one of these certificates.
    pub(crate) fn revoke(&self, presented: &Presented) -> bool {
        revoked(&self.lists.load(), presented)
    }

    /// Takes a list in DER that came over the fabric, keeps it in the file, and ends what it revokes. Blocks for the
    /// disk; what it refuses is in the log.
    pub fn offer(&self, der: &[u8]) -> Result<Accepted, Refused> {
        let mut held = lock(&self.held);
        let result = self.put(&held.roots, der);
        match &result {
            Ok(Accepted::Taken { .. }) => self.save(&mut held),
            Ok(Accepted::Present) => {}
            Err(refused) => self.refuse(refused, "the fabric"),
        }
        result
    }

    /// Reads what has changed on disk since the last time; `all` reads everything.
    pub(crate) fn reread(&self, all: bool) {
        let mut held = lock(&self.held);
        let changed = held.stamps.changed(&self.files, self.crl_file.as_deref());
        if changed.tls || all {
            self.reload_tls(&mut held);
        }
        // A new root may have signed a list that was nobody's before.
        let lists = changed.lists || changed.tls || all;
        if let Some(path) = self.crl_file.as_ref().filter(|_| lists) {
            self.reread_lists(&held.roots, path);
        }
    }

    /// Shows number and age of the lists, and says once when a new one is overdue.
    pub(crate) fn observe(&self) {
        let now_ms = self.clock.now_ms();
        let lists = self.lists.load();
        self.meters.show(&lists, now_ms);
        let mut held = lock(&self.held);
        let overdue = lists.iter().find(|list| list.next_update_ms() < now_ms);
        match (overdue, held.overdue) {
            (Some(list), told) if told != Some(list.number()) => {
                held.overdue = Some(list.number());
                tracing::warn!(
                    number = list.number(),
                    "a new revocation list is overdue; the present one stays in force, hint: is the provisioner running, and does it reach the sanitizer?"
                );
            }
            (None, Some(_)) => held.overdue = None,
            _ => {}
        }
    }

    /// Verifies a list and puts it in force.
    fn put(&self, roots: &Roots, der: &[u8]) -> Result<Accepted, Refused> {
        let offered = RevocationList::verify(der, roots)?;
        let mut lists = self.lists.load().as_ref().clone();
        let present = lists.iter().position(|list| list.has_root_of(&offered));
        if let Some(present) = present {
            let present = lists.remove(present);
            if present.der() == offered.der() {
                return Ok(Accepted::Present);
            }
            if present.number() >= offered.number() {
                return Err(Refused::Older {
                    present: present.number(),
                    offered: offered.number(),
                });
            }
        }
        let (number, revoked) = (offered.number(), offered.revoked());
        lists.push(offered);
        let on_refused = Some(Arc::clone(&self.on_refused));
        let config = relisted_server_config(&self.config.load(), roots, &lists, on_refused)?;
        let ended = self.enforce(config, lists);
        tracing::info!(number, revoked, ended, "a new revocation list is in force");
        Ok(Accepted::Taken {
            number,
            revoked,
            ended,
        })
    }

    /// Puts both in force; first for who comes, then for who is here, so that nobody slips through in between.
    fn enforce(&self, config: Arc<ServerConfig>, lists: Vec<RevocationList>) -> usize {
        self.config.store(config);
        self.lists.store(Arc::new(lists));
        self.meters.show(&self.lists.load(), self.clock.now_ms());
        let lists = self.lists.load();
        self.roster.dismiss(Dismissal::Revoked, |guest| {
            guest
                .presented
                .as_ref()
                .is_some_and(|presented| revoked(&lists, presented))
        })
    }

    fn save(&self, held: &mut Held) {
        let Some(path) = &self.crl_file else { return };
        match file::write(path, &self.lists.load()) {
            // Our own change is none.
            Ok(()) => held.stamps.renew_lists(path),
            Err(error) => tracing::error!(
                path = %path.display(),
                %error,
                "the revocation list is in force but cannot be written; a restart would forget it, hint: let the broker write into that folder"
            ),
        }
    }

    fn reload_tls(&self, held: &mut Held) {
        match self.load_tls() {
            Ok((roots, lists, config)) => {
                held.roots = roots;
                self.enforce(config, lists);
                self.meters.reloaded(true);
                tracing::info!("the TLS files were read again; sessions go on");
            }
            Err(error) => {
                self.meters.reloaded(false);
                tracing::error!(
                    error = format!("{error:#}"),
                    "the present TLS files stay in use"
                );
            }
        }
    }

    fn load_tls(&self) -> Result<(Roots, Vec<RevocationList>, Arc<ServerConfig>), TlsError> {
        let roots = Roots::read(&self.files.ca)?;
        // A list stays while its root does.
        let lists: Vec<RevocationList> = self
            .lists
            .load()
            .iter()
            .filter_map(|list| RevocationList::verify(list.der(), &roots).ok())
            .collect();
        let config = admitting_server_config(&self.files, &lists, Some(self.on_refused.clone()))?;
        self.door.store(door_server_config(&self.files)?);
        self.meters.expires(not_after_ms(&self.files).unwrap_or(0));
        Ok((roots, lists, config))
    }

    fn reread_lists(&self, roots: &Roots, path: &Path) {
        if self.lists.load().is_empty() && !path.exists() {
            return;
        }
        let lists = match file::read(path) {
            Ok(lists) => lists,
            Err(error) => {
                self.meters.refused("unreadable");
                return tracing::error!(
                    error = format!("{error:#}"),
                    "the present revocation lists stay in force, a restart would forget them"
                );
            }
        };
        for der in lists {
            if let Err(refused) = self.put(roots, &der) {
                self.refuse(&refused, &path.display().to_string());
            }
        }
    }

    fn refuse(&self, refused: &Refused, from: &str) {
        self.meters.refused(refused.reason());
        tracing::error!(
            reason = refused.reason(),
            from,
            error = format!("{:#}", anyhow::Error::msg(refused.to_string())),
            "a revocation list was refused; the present ones stay in force"
        );
    }
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lists")
            .field("files", &self.files)
            .field("crl_file", &self.crl_file)
            .finish_non_exhaustive()
    }
}

fn revoked(lists: &[RevocationList], presented: &Presented) -> bool {
    let mut ids = presented.ids().iter();
    ids.any(|id| lists.iter().any(|list| list.revokes(id)))
}

#[cfg(test)]
mod tests;
