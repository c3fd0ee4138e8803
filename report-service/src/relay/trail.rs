//! The audit of one sanitizer: walked as it comes, kept, and never believed without its chain.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use spokegate_contract::Address;
use spokegate_contract::record::{AuditEntry, AuditRoot, Content, Lane, Record};
use spokegate_daemon::Backoff;
use spokegate_daemon::audit::Event;
use spokegate_daemon::chain::{self, Walk};
use spokegate_identity::PublicKey;
use spokegate_identity::proof::{AuditEnd, verify_audit_root};
use spokegate_relay::{BACKOFF_MS, Intake, LineFault, Link};

use super::{Sanitizer, Shared, Surroundings};
use crate::store::sanitizer_audit::{ChainEnd, SanitizerEntry, SanitizerNews, SanitizerRoot};

/// The name of a chain whose beginning was never seen.
const NO_BEGINNING: &str = "beginning-unknown";

/// Reads the audit of one sanitizer until the service stops.
pub(super) async fn run(shared: Arc<Shared>, sanitizer: usize) {
    let Some(Sanitizer { link, .. }) = shared.sanitizers.get(sanitizer) else {
        return;
    };
    let tasks = shared.around.tasks.clone();
    let stop = tasks.soft();
    let mut backoff = Backoff::new(BACKOFF_MS.0, BACKOFF_MS.1);
    loop {
        match Trail::open(Arc::clone(link), shared.around.clone()).await {
            Ok(trail) => return Arc::clone(link).drain(Arc::new(trail), tasks).await,
            Err(error) => tracing::error!(%error, "cannot read how far a sanitizer's audit went"),
        }
        let wait = tokio::time::sleep(backoff.next_delay());
        if stop.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}

/// The lane `audit` of one sanitizer.
pub(super) struct Trail {
    link: Arc<Link>,
    around: Surroundings,
    chain: Mutex<Chain>,
}

impl Trail {
    /// Goes on where the store stopped.
    pub(super) async fn open(link: Arc<Link>, around: Surroundings) -> Result<Self, sqlx::Error> {
        let end = around.store.sanitizer_audit_end(link.url()).await?;
        Ok(Self {
            link,
            around,
            chain: Mutex::new(end.map(Chain::after).unwrap_or_default()),
        })
    }
}

impl Intake for Trail {
    type Taken = SanitizerNews;

    fn lane(&self) -> Lane {
        Lane::Audit
    }

    fn take(
        &self,
        record: Record<'_>,
        _own: &dyn Fn(&str) -> Bytes,
        taken: &mut Vec<SanitizerNews>,
    ) -> Result<(), LineFault> {
        if record.address != Address::egress() {
            return Err(LineFault::ForeignTenant);
        }
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        let news = match &record.content {
            Content::Audit(entry) => chain.entry(entry, record.at_ms).map(SanitizerNews::Entry),
            Content::AuditRoot(root) => chain
                .root(root, record.at_ms, self.link.audit_key())
                .map(SanitizerNews::Root),
            _ => return Err(LineFault::Record("not a record of the lane audit".into())),
        };
        taken.extend(news);
        Ok(())
    }

    async fn store(&self, taken: Vec<SanitizerNews>) -> anyhow::Result<()> {
        for news in &taken {
            self.tell(news);
        }
        let store = &self.around.store;
        store.sanitizer_audit_note(self.link.url(), &taken).await?;
        Ok(())
    }
}

impl Trail {
    fn tell(&self, news: &SanitizerNews) {
        let (reason, sequence) = match news {
            SanitizerNews::Entry(entry) if !entry.fits => ("audit-chain-broken", entry.sequence),
            SanitizerNews::Root(root) if root.holds == Some(false) => {
                ("audit-signature", root.sequence)
            }
            _ => return,
        };
        metrics::counter!("spokegate_reports_sanitizer_audit_faults_total", "reason" => reason)
            .increment(1);
        Event::denied(reason)
            .principal(self.link.url())
            .message_id(&sequence.to_string())
            .hint("somebody changed what this sanitizer wrote down, or put another in its place")
            .emit("the audit of a sanitizer does not hold");
    }
}

/// How far a chain was walked. Pure.
#[derive(Debug, Default)]
struct Chain {
    name: String,
    walk: Walk,
}

impl Chain {
    fn after(end: ChainEnd) -> Self {
        let hash = end.hash.try_into().unwrap_or(chain::START);
        Self {
            name: end.chain,
            walk: Walk::after(end.sequence, hash),
        }
    }

    /// An entry, unless it was there before.
    fn entry(&mut self, entry: &AuditEntry<'_>, at_ms: u64) -> Option<SanitizerEntry> {
        let begins = entry.sequence == 1 && entry.action == "audit.begin";
        if begins && entry.subject != self.name {
            *self = Self {
                name: entry.subject.to_string(),
                walk: Walk::default(),
            };
        } else if entry.sequence <= self.walk.records() {
            return None;
        } else if self.name.is_empty() {
            self.name = NO_BEGINNING.to_owned();
        }
        let previous = *self.walk.last();
        let count = entry.count.to_string();
        let hash = chain::hash(&previous, entry.sequence, at_ms, &entry.fields(&count));
        let link = chain::Link {
            sequence: entry.sequence,
            previous: &previous,
            stored: &entry.hash,
            hash,
        };
        let fits = self.walk.step(&link).is_ok();
        if !fits {
            self.walk = Walk::after(entry.sequence, entry.hash);
        }
        Some(SanitizerEntry {
            chain: self.name.clone(),
            sequence: entry.sequence,
            at_ms,
            action: entry.action.to_string(),
            reason: entry.reason.to_string(),
            subject: entry.subject.to_string(),
            count: entry.count,
            previous: previous.to_vec(),
            hash: entry.hash.to_vec(),
            fits,
        })
    }

    /// A signature. One over anything but the chain's present end was there before, or is not good.
    fn root(&self, root: &AuditRoot, at_ms: u64, key: Option<&PublicKey>) -> Option<SanitizerRoot> {
        if root.sequence < self.walk.records() {
            return None;
        }
        let end = AuditEnd {
            sequence: root.sequence,
            at_ms,
            hash: root.hash,
        };
        let is_end = root.sequence == self.walk.records() && root.hash == *self.walk.last();
        let holds = key.map(|key| is_end && verify_audit_root(key, &end, &root.signature).is_ok());
        Some(SanitizerRoot {
            chain: self.name.clone(),
            sequence: root.sequence,
            at_ms,
            signature: root.signature.clone(),
            holds,
        })
    }
}

#[cfg(test)]
mod tests;
