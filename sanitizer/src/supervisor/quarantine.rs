//! Refused messages on disk: sealed to a key that is kept offline, bounded for each customer and in all, and expiring.
//! This program never reads one again, and nothing releases one: what was refused can only be sent again.

mod folder;
mod index;
mod queue;

use super::ledger::Ledger;
use super::window::Item;
use crate::config::QuarantineConfig;
use crate::link::RefusalHead;
use anyhow::Context as _;
use folder::Folder;
use index::Bounds;
use queue::{Queue, Refused};
use spokegate_daemon::{Clock, Context};
use spokegate_identity::quarantine::{self, Plain};
use spokegate_identity::sealed::Recipient;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Time between two looks for expired files.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Time between two complaints about the same disk.
const COMPLAINT_INTERVAL_MS: u64 = 60_000;

/// Hands refused messages to the disk without waiting for it. What its customer's share has no room for is not kept, and
/// that is counted and audited.
#[derive(Debug, Clone)]
pub(super) struct Quarantine(Arc<Waiting>);

#[derive(Debug)]
struct Waiting {
    queue: Mutex<Queue>,
    filled: Notify,
    losses: Losses,
}

impl Quarantine {
    /// Makes the folder, finds what is kept in it, and starts keeping it for so many tenants.
    pub(super) fn open(
        config: &QuarantineConfig,
        tenants: usize,
        context: &Context,
        ledger: &Arc<Mutex<Ledger>>,
    ) -> anyhow::Result<Quarantine> {
        let recipient = quarantine::read_recipient(&config.recipient_file).with_context(|| {
            format!(
                "read the public key of the quarantine (quarantine.recipient_file) {}, hint: `spokegate quarantine keygen` makes it on the machine that keeps the private one",
                config.recipient_file.display()
            )
        })?;
        let bounds = Bounds {
            bytes_max: config.bytes_max,
            tenant_bytes_max: config.tenant_bytes_max,
            age_ms_max: config.age_h_max.saturating_mul(3_600_000),
        };
        let folder = Folder::open(&config.directory, bounds).with_context(|| {
            format!(
                "use the quarantine's folder (quarantine.directory) {}, hint: it must belong to the user of this service",
                config.directory.display()
            )
        })?;
        let losses = Losses {
            clock: context.clock.clone(),
            ledger: Arc::clone(ledger),
        };
        let waiting = Arc::new(Waiting {
            queue: Mutex::new(Queue::new(tenants)),
            filled: Notify::new(),
            losses: losses.clone(),
        });
        let keeper = Keeper {
            folder,
            recipient,
            losses,
            lost: 0,
            complained_ms: None,
        };
        let keep = keep(keeper, Arc::clone(&waiting), context.clone());
        context.tasks.spawn("quarantine", keep);
        Ok(Quarantine(waiting))
    }

    /// Keeps a refused message, if the disk keeps up.
    pub(super) fn store(&self, item: Item, refusal: RefusalHead) {
        let subject = subject(&item);
        if self.0.queue().push((item, refusal)) {
            self.0.filled.notify_one();
        } else {
            self.0.losses.note(&subject, BEHIND);
        }
    }
}

impl Waiting {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn next(&self) -> Refused {
        loop {
            let filled = self.filled.notified();
            if let Some(next) = self.queue().pop() {
                return next;
            }
            filled.await;
        }
    }
}

/// The disk is slower than what is refused.
const BEHIND: &str = "disk-behind";
/// The disk does not take it.
const FAILED: &str = "disk-failed";

/// Where it is said that a refused message is not kept.
#[derive(Debug, Clone)]
struct Losses {
    clock: Clock,
    ledger: Arc<Mutex<Ledger>>,
}

impl Losses {
    fn note(&self, subject: &str, reason: &'static str) {
        metrics::counter!("spokegate_sanitizer_quarantine_not_kept_total", "reason" => reason)
            .increment(1);
        let now_ms = self.clock.now_ms();
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        ledger.note(now_ms, ("quarantine.lose", reason, subject), 1);
    }
}

fn subject(item: &Item) -> String {
    format!("{}/{}", item.work.tenant, item.work.satellite)
}

async fn keep(mut keeper: Keeper, waiting: Arc<Waiting>, context: Context) {
    let soft = context.tasks.soft();
    let mut timer = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        let next = tokio::select! {
            biased;
            // What waits is still written at a stop.
            () = soft.cancelled(), if waiting.queue().is_empty() => return,
            next = waiting.next() => Some(next),
            _ = timer.tick() => None,
        };
        let work = move || {
            match next {
                Some((item, refusal)) => keeper.write(&item, &refusal),
                None => keeper.sweep(),
            }
            keeper
        };
        let Some(back) = context.tasks.blocking("quarantine", work).await else {
            return;
        };
        keeper = back;
    }
}

struct Keeper {
    folder: Folder,
    recipient: Recipient,
    losses: Losses,
    /// Messages that could not be kept since the last complaint.
    lost: u64,
    /// When the disk last failed; none while it works.
    complained_ms: Option<u64>,
}

impl Keeper {
    fn write(&mut self, item: &Item, refusal: &RefusalHead) {
        let result = self
            .sealed(item, refusal)
            .and_then(|sealed| self.folder.write(&item.work, &sealed, self.now_ms()));
        if result.is_err() {
            self.lost = self.lost.saturating_add(1);
            self.losses.note(&subject(item), FAILED);
        }
        self.tell(result);
    }

    fn sweep(&mut self) {
        let result = self.folder.sweep(self.now_ms());
        metrics::gauge!("spokegate_sanitizer_quarantine_bytes")
            .set(f64::from(u32::try_from(self.folder.bytes() >> 10).unwrap_or(u32::MAX)) * 1_024.0);
        // That it can be read does not say that it can be written.
        if result.is_err() {
            self.tell(result);
        }
    }

    fn now_ms(&self) -> u64 {
        self.losses.clock.now_ms()
    }

    fn sealed(&self, item: &Item, refusal: &RefusalHead) -> std::io::Result<Vec<u8>> {
        let work = &item.work;
        let plain = Plain {
            file: work.quarantine_id(),
            tenant: work.tenant.clone(),
            satellite: work.satellite.clone(),
            at: work.at_ms,
            channel: work.channel.clone(),
            dataset: work.dataset.clone(),
            reason: refusal.reason.as_str().to_owned(),
            size_bytes: item.payload.len() as u64,
        };
        let fault = (refusal.rule.as_str(), refusal.pointer.as_str());
        quarantine::seal(&self.recipient, plain, fault, work.id, &item.payload)
            .map_err(std::io::Error::other)
    }

    /// Says that the disk fails, once a minute, and once that it works again. Refused messages stay refused meanwhile.
    fn tell(&mut self, result: std::io::Result<()>) {
        let now_ms = self.losses.clock.monotonic_ms();
        let folder = self.folder.path().display();
        match result {
            Err(error) => {
                let quiet = |since: u64| now_ms.saturating_sub(since) < COMPLAINT_INTERVAL_MS;
                if self.complained_ms.is_some_and(quiet) {
                    return;
                }
                tracing::error!(%folder, %error, messages = self.lost, "the quarantine cannot keep refused messages");
                self.complained_ms = Some(now_ms);
            }
            Ok(()) if self.complained_ms.take().is_some() => {
                tracing::info!(%folder, messages = self.lost, "the quarantine keeps refused messages again");
            }
            Ok(()) => return,
        }
        self.lost = 0;
    }
}

#[cfg(test)]
mod tests;
