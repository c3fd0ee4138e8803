//! How the kept Node-RED is, for whoever asks.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::RestartDue;
use crate::credentials::told;

/// Where in its life it is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Somebody stopped it.
    #[default]
    Stopped,
    /// It has not answered yet.
    Starting,
    /// It answers.
    Running,
    /// It ended by itself, and waits for its next start.
    Waiting,
}

/// What is told of it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct NodeRedStatus {
    pub(crate) state: Phase,
    pub(crate) since_ms: u64,
    pub(crate) process: Option<u32>,
    pub(crate) port: u16,
    /// Starts after an end that nobody asked for, since the agent's start.
    pub(crate) restarts: u64,
    /// No flow runs.
    pub(crate) safe_mode: bool,
    /// Why it ended the last time that nobody asked for it.
    pub(crate) last_end: Option<String>,
    pub(crate) cpu_percent: Option<u32>,
    pub(crate) memory_bytes: Option<u64>,
    /// None where the command does not show which it is.
    pub(crate) version: Option<String>,
    /// A restart that is due; agents of before say nothing of it.
    #[serde(default)]
    pub(crate) restart_due: Option<RestartDue>,
}

impl Phase {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Waiting => "waiting",
        }
    }
}

impl NodeRedStatus {
    /// For people, in one line; pure.
    pub(crate) fn text(&self) -> String {
        let mut parts = vec![format!(
            "{} since {}",
            self.state.word(),
            told(self.since_ms)
        )];
        if self.safe_mode {
            parts[0].push_str(" IN SAFE MODE (no flow runs)");
        }
        parts.extend(self.process.map(|process| format!("process {process}")));
        parts.extend(
            self.version
                .as_ref()
                .map(|version| format!("version {version}")),
        );
        parts.push(format!("{} restarts", self.restarts));
        parts.extend(self.cpu_percent.map(|percent| format!("CPU {percent} %")));
        parts.extend(
            self.memory_bytes
                .map(|bytes| format!("{} MiB", bytes >> 20)),
        );
        parts.extend(self.restart_due.as_ref().map(RestartDue::text));
        parts.extend(self.last_end.as_ref().map(|why| format!("last end: {why}")));
        parts.join(", ")
    }
}

/// The same, while it changes. Clones share one.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeeperState(Arc<Mutex<NodeRedStatus>>);

impl KeeperState {
    pub(crate) fn now(&self) -> NodeRedStatus {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut NodeRedStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_well() {
        let mut status = NodeRedStatus {
            state: Phase::Running,
            process: Some(7),
            restarts: 2,
            cpu_percent: Some(3),
            memory_bytes: Some(88 << 20),
            version: Some("4.1.15".to_owned()),
            ..NodeRedStatus::default()
        };
        assert_eq!(
            status.text(),
            "running since 1970-01-01T00:00:00Z, process 7, version 4.1.15, 2 restarts, CPU 3 %, 88 MiB"
        );
        status.safe_mode = true;
        status.last_end = Some("it ended with exit status: 1".to_owned());
        let text = status.text();
        assert!(
            text.starts_with("running since 1970-01-01T00:00:00Z IN SAFE MODE (no flow runs), ")
        );
        assert!(
            text.ends_with("last end: it ended with exit status: 1"),
            "{text}"
        );
        let stopped = NodeRedStatus::default().text();
        assert_eq!(stopped, "stopped since 1970-01-01T00:00:00Z, 0 restarts");
    }
}
