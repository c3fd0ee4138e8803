//! The last command and what came of it, on disk before it is begun: a repetition is answered, not done again, and what
//! came before it is not done any more.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use spokegate_contract::RequestId;
use spokegate_contract::envelope::{Command, CommandFault, CommandOutcome};
use spokegate_identity::TlsFiles;

use crate::credentials::store::{StoreError, put_private};

/// The file beside the certificate.
const SUFFIX: &str = ".command";

/// The last command.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    last: Option<Last>,
}

/// As it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    number: u64,
    id: RequestId,
    outcome: Option<Noted>,
}

/// A last word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Noted {
    /// The word of the wire; none when it was done.
    fault: Option<String>,
    detail: String,
}

/// Why there is no ledger.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the note of commands {}: {source}", path.display())]
pub(super) struct LedgerError {
    path: PathBuf,
    source: io::Error,
}

/// What becomes of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is to be done: it is new, or was begun and never ended.
    Do,
    /// It is over.
    Answer(CommandOutcome),
}

impl Ledger {
    /// The ledger beside the satellite's certificate.
    pub(super) fn open(files: &TlsFiles) -> Result<Self, LedgerError> {
        let mut path = files.certificate.clone().into_os_string();
        path.push(SUFFIX);
        let path = PathBuf::from(path);
        let failed = |source| LedgerError {
            path: path.clone(),
            source,
        };
        let last = match std::fs::read(&path) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|error| failed(error.into()))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path, last })
    }

    /// What becomes of a command that is believed.
    pub(super) fn next(&self, command: &Command, now_ms: u64) -> Next {
        match &self.last {
            Some(last) if command.number < last.number => Next::Answer(CommandOutcome::failed(
                CommandFault::Superseded,
                "a later command came before",
            )),
            Some(last) if command.number == last.number => match (&last.outcome, last.id) {
                (Some(noted), id) if id == command.id => Next::Answer(noted.outcome()),
                // Begun, and cut off: each verb may be begun again.
                (None, id) if id == command.id => Next::Do,
                // The centre's registry was restored from an older copy.
                _ => Next::Answer(CommandOutcome::failed(
                    CommandFault::Superseded,
                    "another command had its number before",
                )),
            },
            _ if command.expires_ms < now_ms => Next::Answer(CommandOutcome::failed(
                CommandFault::Expired,
                "it came after its end, by the satellite's clock",
            )),
            _ => Next::Do,
        }
    }

    /// The last command, while it has no last word.
    pub(super) fn open_command(&self) -> Option<(RequestId, u64)> {
        let last = self.last.as_ref()?;
        last.outcome.is_none().then_some((last.id, last.number))
    }

    /// Notes that a command is begun.
    pub(super) fn begin(&mut self, command: &Command) -> Result<(), StoreError> {
        self.keep(Last {
            number: command.number,
            id: command.id,
            outcome: None,
        })
    }

    /// Notes what came of it.
    pub(super) fn end(&mut self, outcome: CommandOutcome) -> Result<(), StoreError> {
        let noted = match outcome {
            // Not a last word.
            CommandOutcome::Wants { .. } => return Ok(()),
            CommandOutcome::Done { detail } => Noted {
                fault: None,
                detail,
            },
            CommandOutcome::Failed { fault, detail } => Noted {
                fault: Some(fault.as_str().to_owned()),
                detail,
            },
        };
        match self.last.clone() {
            Some(last) => self.keep(Last {
                outcome: Some(noted),
                ..last
            }),
            None => Ok(()),
        }
    }

    fn keep(&mut self, last: Last) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&last).expect("plain data is always written");
        put_private(&self.path, &text)?;
        self.last = Some(last);
        Ok(())
    }
}

impl Noted {
    fn outcome(&self) -> CommandOutcome {
        match &self.fault {
            None => CommandOutcome::done(&self.detail),
            Some(fault) => {
                let fault = CommandFault::from_wire(fault).unwrap_or(CommandFault::Failed);
                CommandOutcome::failed(fault, &self.detail)
            }
        }
    }
}

#[cfg(test)]
mod tests;
