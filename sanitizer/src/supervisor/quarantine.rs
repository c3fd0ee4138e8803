//! Refused messages on disk: sealed to a key that is kept offline, bounded for each customer and in all, and expiring.
//! This program never reads one again, and nothing releases one: what was refused can only be sent again.

mod folder;
mod index;

use super::window::Item;
use crate::config::QuarantineConfig;
use crate::link::RefusalHead;
use anyhow::Context as _;
use folder::Folder;
use index::Bounds;
use spokegate_daemon::{Clock, Context};
use spokegate_identity::quarantine::{self, Plain};
use spokegate_identity::sealed::Recipient;
use std::time::Duration;
use tokio::sync::mpsc;

/// Refused messages that wait for the disk; further ones are counted and not kept.
const QUEUE_MESSAGES: usize = 64;
/// Time between two looks for expired files.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// Time between two complaints about the same disk.
const COMPLAINT_INTERVAL_MS: u64 = 60_000;

/// Hands refused messages to the disk without waiting for it.
#[derive(Debug, Clone)]
pub(super) struct Quarantine(mpsc::Sender<(Item, RefusalHead)>);

impl Quarantine {
    /// Makes the folder, finds what is kept in it, and starts keeping it.
    pub(super) fn open(config: &QuarantineConfig, context: &Context) -> anyhow::Result<Quarantine> {
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
        let (sender, receiver) = mpsc::channel(QUEUE_MESSAGES);
        let keeper = Keeper {
            folder,
            recipient,
            clock: context.clock.clone(),
            lost: 0,
            complained_ms: None,
        };
        context
            .tasks
            .spawn("quarantine", keep(keeper, receiver, context.clone()));
        Ok(Quarantine(sender))
    }

    /// Keeps a refused message, if the disk keeps up.
    pub(super) fn store(&self, item: Item, refusal: RefusalHead) {
        if self.0.try_send((item, refusal)).is_err() {
            not_kept();
        }
    }
}

async fn keep(
    mut keeper: Keeper,
    mut refused: mpsc::Receiver<(Item, RefusalHead)>,
    context: Context,
) {
    let soft = context.tasks.soft();
    let mut timer = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        let next = tokio::select! {
            biased;
            // What waits is still written at a stop.
            () = soft.cancelled(), if refused.is_empty() => return,
            next = refused.recv() => match next {
                Some(next) => Some(next),
                None => return,
            },
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
    clock: Clock,
    /// Messages that could not be kept since the last complaint.
    lost: u64,
    /// When the disk last failed; none while it works.
    complained_ms: Option<u64>,
}

impl Keeper {
    fn write(&mut self, item: &Item, refusal: &RefusalHead) {
        let result = self
            .sealed(item, refusal)
            .and_then(|sealed| self.folder.write(&item.work, &sealed, self.clock.now_ms()));
        if result.is_err() {
            self.lost = self.lost.saturating_add(1);
            not_kept();
        }
        self.tell(result);
    }

    fn sweep(&mut self) {
        let result = self.folder.sweep(self.clock.now_ms());
        metrics::gauge!("spokegate_sanitizer_quarantine_bytes")
            .set(f64::from(u32::try_from(self.folder.bytes() >> 10).unwrap_or(u32::MAX)) * 1_024.0);
        // That it can be read does not say that it can be written.
        if result.is_err() {
            self.tell(result);
        }
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
        let now_ms = self.clock.monotonic_ms();
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

fn not_kept() {
    metrics::counter!("spokegate_sanitizer_quarantine_not_kept_total").increment(1);
}

#[cfg(test)]
mod tests;
