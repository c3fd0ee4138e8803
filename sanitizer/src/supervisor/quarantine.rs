//! Refused messages on disk: raw bytes and metadata, bounded in size and age, never read again by this program.

use super::window::Item;
use crate::config::QuarantineConfig;
use crate::link::RefusalHead;
use anyhow::Context as _;
use serde_json::json;
use spokegate_daemon::{Clock, Context};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// Refused messages that wait for the disk; further ones are counted and not kept.
const QUEUE_MESSAGES: usize = 64;
/// Time between two looks for expired files.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Hands refused messages to the disk without waiting for it.
#[derive(Debug, Clone)]
pub(super) struct Quarantine(mpsc::Sender<(Item, RefusalHead)>);

impl Quarantine {
    /// Makes the folder and starts keeping it.
    pub(super) fn open(config: &QuarantineConfig, context: &Context) -> anyhow::Result<Quarantine> {
        let folder = Folder {
            path: config.directory.clone(),
            bytes_max: config.bytes_max,
            age_max: Duration::from_secs(config.age_h_max.saturating_mul(3_600)),
            clock: context.clock.clone(),
            next: 0,
        };
        fs::create_dir_all(&folder.path)
            .with_context(|| format!("make the quarantine folder {}", folder.path.display()))?;
        restrict(&folder.path, 0o700)?;
        let (sender, receiver) = mpsc::channel(QUEUE_MESSAGES);
        context
            .tasks
            .spawn("quarantine", keep(folder, receiver, context.clone()));
        Ok(Quarantine(sender))
    }

    /// Keeps a refused message, if the disk keeps up.
    pub(super) fn store(&self, item: Item, refusal: RefusalHead) {
        if self.0.try_send((item, refusal)).is_err() {
            metrics::counter!("spokegate_sanitizer_quarantine_not_kept_total").increment(1);
        }
    }
}

async fn keep(
    mut folder: Folder,
    mut refused: mpsc::Receiver<(Item, RefusalHead)>,
    context: Context,
) {
    let soft = context.tasks.soft();
    let mut timer = tokio::time::interval(SWEEP_INTERVAL);
    loop {
        let next = tokio::select! {
            next = refused.recv() => match next {
                Some(next) => Some(next),
                None => return,
            },
            _ = timer.tick() => None,
            () = soft.cancelled() => return,
        };
        let Some(kept) = context
            .tasks
            .blocking("quarantine", move || {
                let result = next.map_or(Ok(()), |(item, refusal)| folder.write(&item, &refusal));
                (result.and_then(|()| folder.sweep()), folder)
            })
            .await
        else {
            return;
        };
        if let (Err(error), _) = &kept {
            tracing::error!(error = %error, "cannot keep the quarantine folder");
        }
        folder = kept.1;
    }
}

struct Folder {
    path: PathBuf,
    bytes_max: u64,
    age_max: Duration,
    clock: Clock,
    next: u64,
}

impl Folder {
    fn write(&mut self, item: &Item, refusal: &RefusalHead) -> std::io::Result<()> {
        self.next = self.next.wrapping_add(1);
        let work = &item.work;
        let name = format!(
            "{:013}-{:06}-{}-{}",
            self.clock.now_ms(),
            self.next,
            work.tenant,
            work.satellite
        );
        let about = json!({
            "tenant": work.tenant, "satellite": work.satellite, "at": work.at_ms, "channel": work.channel,
            "dataset": work.dataset, "id": work.id, "reason": refusal.reason, "rule": refusal.rule,
            "pointer": refusal.pointer, "size_bytes": item.payload.len(),
        });
        let raw = self.path.join(format!("{name}.raw"));
        fs::write(&raw, &item.payload)?;
        restrict(&raw, 0o600)?;
        fs::write(self.path.join(format!("{name}.json")), about.to_string())
    }

    /// Removes what is too old, and the oldest as long as there is too much.
    fn sweep(&self) -> std::io::Result<()> {
        let oldest_ms = self
            .clock
            .now_ms()
            .saturating_sub(u64::try_from(self.age_max.as_millis()).unwrap_or(u64::MAX));
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            files.push((entry.file_name(), entry.metadata()?.len()));
        }
        files.sort();
        let mut total = files
            .iter()
            .fold(0u64, |sum, (_, size)| sum.saturating_add(*size));
        for (name, size) in files {
            let text = name.to_string_lossy();
            let written_ms = text.get(..13).and_then(|digits| digits.parse::<u64>().ok());
            // A file of another name is not ours.
            let Some(written_ms) = written_ms else {
                continue;
            };
            if written_ms >= oldest_ms && total <= self.bytes_max {
                return Ok(());
            }
            fs::remove_file(self.path.join(&name))?;
            total = total.saturating_sub(size);
        }
        Ok(())
    }
}

fn restrict(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests;
