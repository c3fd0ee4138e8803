//! Fetches what a command announced: asks for parts, writes them in order, goes on after a lost link or a restart where it
//! was, and believes the whole by its digest.

mod assembly;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use spokegate_contract::envelope::{Command, CommandFault, CommandOutcome, CommandResult, Parcel};
use spokegate_contract::limits::PARCEL_PART_BYTES;
use spokegate_contract::{Address, Channel, Envelope as _, Topic, hex};
use spokegate_daemon::{Clock, Tasks};
use tokio::sync::mpsc;

use crate::uplink::Uplink;
use assembly::{Assembly, Refused};

/// Parts of parcels between the connection and us; what finds no room is asked for again.
pub(crate) const PARTS_MAX: usize = 16;

/// What ends a parcel that is not whole.
const ENDING: &str = "part";
/// Parts that do not come are asked for again after this.
const AGAIN: Duration = Duration::from_secs(5);
const STOPS: &str = "the agent stops";
/// Nobody else on the machine runs or reads it.
const MODE: u32 = 0o700;

/// What a parcel has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    /// SHA-256 of the whole.
    pub(crate) digest: [u8; 32],
    /// Its length.
    pub(crate) bytes: u64,
}

/// Where parcels come from. Commands are done one after the other, so there is one for all.
pub(crate) struct Parcels {
    pub(crate) address: Address,
    pub(crate) parts: mpsc::Receiver<Parcel>,
    pub(crate) uplink: Uplink,
    pub(crate) clock: Clock,
    pub(crate) tasks: Tasks,
}

impl Parcels {
    /// The whole parcel of a command, as a file in the folder. What is not whole goes with its command, unless the agent stops.
    pub(crate) async fn fetch(
        &mut self,
        command: &Command,
        content: Content,
        folder: &Path,
    ) -> Result<PathBuf, CommandOutcome> {
        let fetch = Fetch {
            parcels: self,
            command,
            content,
            folder,
        };
        fetch.run().await
    }
}

/// One parcel of one command.
struct Fetch<'a> {
    parcels: &'a mut Parcels,
    command: &'a Command,
    content: Content,
    folder: &'a Path,
}

impl Fetch<'_> {
    async fn run(mut self) -> Result<PathBuf, CommandOutcome> {
        let whole = self.whole().await;
        if whole.is_err() {
            let _ = clear(self.folder, None);
        }
        whole
    }

    async fn whole(&mut self) -> Result<PathBuf, CommandOutcome> {
        let path = self.path();
        let begun = self.prepare().map_err(|error| self.disk(&error))?;
        self.collect(begun).await?;
        match self.verified(&path).await? {
            true => Ok(path),
            // What lay there from before may have been cut short by a loss of power: once more, from its beginning.
            false if begun > 0 => {
                remove(&path).map_err(|error| self.disk(&error))?;
                self.collect(0).await?;
                match self.verified(&path).await? {
                    true => Ok(path),
                    false => Err(wrong()),
                }
            }
            false => Err(wrong()),
        }
    }

    fn path(&self) -> PathBuf {
        let name = hex::encode(&self.content.digest);
        self.folder.join(name).with_extension(ENDING)
    }

    /// Removes what is left of other parcels; how many whole parts there are of this one.
    fn prepare(&self) -> io::Result<u32> {
        let path = self.path();
        std::fs::create_dir_all(self.folder)?;
        clear(self.folder, Some(&path))?;
        let file = open(&path)?;
        let length = file.metadata()?.len().min(self.content.bytes);
        let part = PARCEL_PART_BYTES as u64;
        let whole = length / part;
        if file.metadata()?.is_file() {
            file.set_len(whole.saturating_mul(part))?;
        }
        Ok(u32::try_from(whole).unwrap_or(0))
    }

    async fn collect(&mut self, begun: u32) -> Result<(), CommandOutcome> {
        let mut assembly = Assembly::new(self.content.digest, self.content.bytes, begun);
        let mut file = open(&self.path()).map_err(|error| self.disk(&error))?;
        while let Some((from, count)) = assembly.wants() {
            if self.parcels.clock.now_ms() > self.command.expires_ms {
                let (came, all) = (assembly.written(), assembly.parts());
                let text = format!("{came} of {all} parts had come when its time was over");
                return Err(CommandOutcome::failed(CommandFault::Expired, &text));
            }
            self.ask(from, count).await;
            self.take(&mut assembly, &mut file, from.saturating_add(count))
                .await?;
        }
        file.sync_all().map_err(|error| self.disk(&error))
    }

    /// Until the parts before `end` are written, or none comes any more: they were lost, or the link is down.
    async fn take(
        &mut self,
        assembly: &mut Assembly,
        file: &mut File,
        end: u32,
    ) -> Result<(), CommandOutcome> {
        while assembly.written() < end {
            let Ok(came) = tokio::time::timeout(AGAIN, self.parcels.parts.recv()).await else {
                return Ok(());
            };
            match assembly.take(came.ok_or_else(|| failed(STOPS))?) {
                Ok(ready) => write(file, &ready).map_err(|error| self.disk(&error))?,
                Err(Refused::Unwanted) => {}
                Err(refused) => {
                    let text = refused.to_string();
                    return Err(CommandOutcome::failed(CommandFault::Parcel, &text));
                }
            }
        }
        Ok(())
    }

    async fn ask(&self, from: u32, count: u32) {
        let Some(session) = self.parcels.uplink.current() else {
            return;
        };
        let result = CommandResult {
            id: self.command.id,
            number: self.command.number,
            outcome: CommandOutcome::Wants { from, count },
        };
        let topic = Topic::new(self.parcels.address.clone(), Channel::Result).to_string();
        // A connection that is gone is no reason to stop: the next one is asked.
        let _ = session.publish(&topic, result.encode()).await;
    }

    async fn verified(&self, path: &Path) -> Result<bool, CommandOutcome> {
        let (path, due) = (path.to_owned(), self.content.digest);
        let tasks = &self.parcels.tasks;
        let digest = tasks.blocking("digest", move || digest(&path)).await;
        match digest {
            Some(Ok(digest)) => Ok(digest == due),
            Some(Err(error)) => Err(self.disk(&error)),
            None => Err(failed(STOPS)),
        }
    }

    fn disk(&self, error: &io::Error) -> CommandOutcome {
        let (folder, bytes) = (self.folder.display(), self.content.bytes);
        failed(format!(
            "cannot keep what comes ({bytes} bytes) in {folder}: {error}"
        ))
    }
}

fn failed(text: impl ToString) -> CommandOutcome {
    CommandOutcome::failed(CommandFault::Failed, &text.to_string())
}

fn wrong() -> CommandOutcome {
    let text = "what came has another SHA-256 than its command says";
    CommandOutcome::failed(CommandFault::Parcel, text)
}

/// Removes parcels that are not whole, all but one.
pub(crate) fn clear(folder: &Path, but: Option<&Path>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let other = entry?.path();
        let partial = other.extension().is_some_and(|end| end == ENDING);
        if partial && Some(other.as_path()) != but {
            remove(&other)?;
        }
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .open(path)
}

fn write(file: &mut File, ready: &[Bytes]) -> io::Result<()> {
    ready.iter().try_for_each(|body| file.write_all(body))
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// A file's SHA-256. Blocks.
pub(crate) fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests;
