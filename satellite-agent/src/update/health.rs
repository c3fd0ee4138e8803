//! Whether the version that is tried is healthy: the link is up, its own topics are subscribed, and the broker has taken
//! its status.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Slots, version};
use crate::link::Session;
use crate::status_verb::LinkState;

/// How long the link has to last after the broker took the status.
const STEADY: Duration = Duration::from_secs(5);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(200);

/// A status that was handed over for sending: on which connection, and how many messages were by then.
pub(crate) type Told = Option<(Session, u64)>;

/// Watches a version that is tried.
pub(crate) struct Watch {
    pub(crate) slots: Slots,
    pub(crate) link: LinkState,
    pub(crate) told: watch::Receiver<Told>,
    /// Says that the trial is over.
    pub(crate) over: mpsc::Sender<()>,
    pub(crate) soft: CancellationToken,
}

impl Watch {
    /// Whether this process is on trial.
    pub(crate) fn is_due(slots: &Slots) -> bool {
        std::env::current_exe().is_ok_and(|program| slots.tries(&program))
    }

    /// Runs until the version is healthy, or the soft token is cancelled.
    pub(crate) async fn run(mut self) {
        let soft = self.soft.clone();
        soft.run_until_cancelled(async {
            tracing::info!(version = version(), "this version is tried");
            tokio::select! {
                () = healthy(&mut self.told) => {}
                () = complain(&self.slots, &self.link) => {}
            }
            let detail = format!("{} runs, and is healthy", version());
            match self.slots.confirm(&detail) {
                Ok(()) => tracing::info!(version = version(), "this version is healthy, and stays"),
                // The launcher ends the trial.
                Err(error) => return tracing::error!(%error, "it cannot be noted that this version is healthy"),
            }
            // Whoever waits for it looks at its next start, too.
            let _ = self.over.send(()).await;
        })
        .await;
    }
}

/// Returns once a status has been taken by the broker, and the link has lasted.
async fn healthy(told: &mut watch::Receiver<Told>) {
    loop {
        let latest = told.borrow_and_update().clone();
        if let Some((session, sent)) = latest
            && is_taken(&session, sent).await
        {
            return;
        }
        if told.changed().await.is_err() {
            // There will be no further status.
            return std::future::pending().await;
        }
    }
}

async fn is_taken(session: &Session, sent: u64) -> bool {
    let taken = async {
        while session.acked() < sent {
            tokio::time::sleep(LOOK).await;
        }
        tokio::time::sleep(STEADY).await;
    };
    tokio::select! {
        () = taken => true,
        () = session.gone() => false,
    }
}

/// Keeps the word for the launcher up to date; never returns.
async fn complain(slots: &Slots, link: &LinkState) {
    let mut before = String::new();
    loop {
        let word = format!("its link is {}", link.now().text());
        if word != before {
            slots.say(&word);
            before = word;
        }
        tokio::time::sleep(LOOK).await;
    }
}
