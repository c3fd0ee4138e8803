//! The keeper as the rest of the agent reaches it: how Node-RED is, and orders that wait for what comes of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::book::Book;
use super::due::{Cause, Due, RestartDue};
use super::trial::Trial;
use super::{Asked, KeeperState, NodeRedStatus, Order, Phase};

/// Beside what the configuration gives a stop and a start: crashes, their delays, and a start in safe mode.
const CRASHES: Duration = Duration::from_secs(120);
/// It counts as running once it has been for so long: flows start after the first answer, and one may end it.
const STEADY: Duration = Duration::from_secs(3);
/// Flows that were put in force a moment ago have to stay up for so long.
const TRUSTED: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(100);

/// Orders to the keeper. Clones reach the same one.
#[derive(Clone)]
pub(crate) struct Hand {
    pub(super) trial: Arc<Trial>,
    pub(super) state: KeeperState,
    pub(super) orders: mpsc::Sender<Asked>,
    pub(super) due: Due,
    pub(super) book: Book,
    /// For a stop and a start, as the configuration says.
    pub(super) patience: Duration,
}

impl Hand {
    /// How it is.
    pub(crate) fn state(&self) -> KeeperState {
        self.state.clone()
    }

    /// Restarts it, and waits until its flows run or it is plain that they do not: in words.
    pub(crate) async fn restart(&self) -> Result<String, String> {
        let by = Instant::now() + self.patience + CRASHES;
        let before = self.state.now().restarts;
        let (done, carried_out) = oneshot::channel();
        if self.orders.try_send((Order::Restart, done)).is_err() {
            return Err("other orders are under way, hint: order it again in a moment".to_owned());
        }
        // An end before the first answer drops the sender: what is next tells.
        let _ = timeout_at(by, carried_out).await;
        let end = timeout_at(by, self.steady()).await;
        let now = end.unwrap_or_else(|_| self.state.now());
        told(&now, now.restarts.saturating_sub(before))
    }

    /// Runs what is prepared in a folder beside it, for a moment; why it must not be put in force.
    pub(crate) async fn trial(&self, folder: &Path, modules: Option<&Path>) -> Result<(), String> {
        self.trial.run(folder, modules).await
    }

    /// Stops it, until [`Self::up`] or somebody's word.
    pub(crate) async fn stop(&self) {
        let (done, carried_out) = oneshot::channel();
        // An agent that ends drops both.
        if self.orders.send((Order::Stop, done)).await.is_ok() {
            let _ = carried_out.await;
        }
    }

    /// Starts it, and waits until it has stayed up for a while; at its first end, why.
    pub(crate) async fn up(&self) -> Result<(), String> {
        let before = self.state.now().restarts;
        let by = Instant::now() + self.patience + TRUSTED;
        let (done, _carried_out) = oneshot::channel();
        if self.orders.send((Order::Restart, done)).await.is_err() {
            return Err("the agent stops".to_owned());
        }
        let mut since = None;
        while Instant::now() < by {
            let now = self.state.now();
            if now.restarts > before {
                return Err(now.last_end.unwrap_or_else(|| "it ended".to_owned()));
            }
            let up = (now.state == Phase::Running).then(Instant::now);
            since = up.map(|now| since.unwrap_or(now));
            if since.is_some_and(|since| since.elapsed() >= TRUSTED) {
                // The keeper's own probes may be further apart than this.
                return self.trial.is_good().await;
            }
            tokio::time::sleep(LOOK).await;
        }
        Err("it does not answer in time".to_owned())
    }

    /// Notes that it is to be restarted in the window: when, in words.
    pub(crate) fn restart_in_window(&self) -> Result<String, String> {
        if !self.due.has_window() {
            return Err("this satellite has no node_red.restart_window, hint: set one, or order it with --now".to_owned());
        }
        if let Some(why) = resting(&self.state.now()) {
            return Err(format!(
                "Node-RED {why}, and is left so, hint: order it with --now"
            ));
        }
        Ok(self.due.mark(Cause::Ordered).text())
    }

    /// Takes a secret out of its lines from now on.
    pub(crate) fn learn(&self, secret: &str) {
        self.book.learn(secret);
    }

    /// Notes that it runs with secrets of before.
    pub(crate) fn secrets_changed(&self) -> RestartDue {
        self.due.mark(Cause::Secrets)
    }

    /// How it is once it has been up for a moment, or is in safe mode, or was stopped meanwhile.
    async fn steady(&self) -> NodeRedStatus {
        let mut since = Instant::now();
        let mut process = None;
        loop {
            let now = self.state.now();
            let is_up = now.state == Phase::Running;
            if now.state == Phase::Stopped || is_up && now.safe_mode {
                return now;
            }
            if !is_up || now.process != process {
                (since, process) = (Instant::now(), now.process);
            }
            if is_up && since.elapsed() >= STEADY {
                return now;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Why it is not restarted by itself: somebody has to look first.
pub(super) fn resting(now: &NodeRedStatus) -> Option<&'static str> {
    match now.state {
        Phase::Stopped => Some("is stopped by hand"),
        _ if now.safe_mode => Some("is in safe mode"),
        _ => None,
    }
}

/// What came of a restart after which it crashed so many times; pure.
fn told(now: &NodeRedStatus, crashes: u64) -> Result<String, String> {
    let last_end = now.last_end.as_deref().filter(|_| crashes > 0);
    let after = match last_end {
        Some(why) => format!(" after {crashes} crashes ({why})"),
        None => String::new(),
    };
    match now.state {
        _ if now.safe_mode => Err(format!(
            "Node-RED crashes again and again, and is in safe mode: no flow runs{after}, hint: mend the flow, then order it again"
        )),
        Phase::Running => Ok(match &now.version {
            Some(version) => format!("Node-RED {version} answers{after}"),
            None => format!("Node-RED answers{after}"),
        }),
        Phase::Stopped => Err("somebody stopped it meanwhile, or the agent stops".to_owned()),
        Phase::Starting | Phase::Waiting => Err(format!(
            "Node-RED does not stay up{after}, hint: spokegate-agent logs on the satellite"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: Phase, safe_mode: bool, crashes: u64, expected: Result<&str, &str>) {
        let now = NodeRedStatus {
            state,
            safe_mode,
            last_end: Some("it ended with exit status: 7".to_owned()),
            version: Some("4.1.15".to_owned()),
            ..NodeRedStatus::default()
        };
        match (told(&now, crashes), expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected),
            (Err(text), Err(part)) => assert!(text.contains(part), "{text}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_restart_says_what_came_of_it() {
        use Phase::{Running, Stopped, Waiting};
        check(Running, false, 0, Ok("Node-RED 4.1.15 answers"));
        let after = "Node-RED 4.1.15 answers after 1 crashes (it ended with exit status: 7)";
        check(Running, false, 1, Ok(after));
        check(
            Running,
            true,
            5,
            Err("safe mode: no flow runs after 5 crashes"),
        );
        check(Waiting, false, 2, Err("does not stay up after 2 crashes"));
        check(Stopped, false, 0, Err("somebody stopped it"));
    }

    #[test]
    fn what_somebody_has_to_look_at_is_left() {
        let now = |state, safe_mode| NodeRedStatus {
            state,
            safe_mode,
            ..NodeRedStatus::default()
        };
        assert!(resting(&now(Phase::Stopped, false)).is_some());
        assert!(resting(&now(Phase::Running, true)).is_some());
        assert!(resting(&now(Phase::Running, false)).is_none());
    }
}
