//! The connection of the moment, for whoever has something to send.

use tokio::sync::watch;

use crate::link::Session;

/// Where the supervisor shows the connection that is ready.
pub(crate) struct UplinkSetter(watch::Sender<Option<Session>>);

/// Sees the connection that is ready.
#[derive(Clone)]
pub(crate) struct Uplink(watch::Receiver<Option<Session>>);

/// A setter and its observer.
pub(crate) fn uplink() -> (UplinkSetter, Uplink) {
    let (setter, uplink) = watch::channel(None);
    (UplinkSetter(setter), Uplink(uplink))
}

impl UplinkSetter {
    pub(crate) fn set(&self, session: Option<Session>) {
        self.0.send_replace(session);
    }
}

impl Uplink {
    /// The connection, as soon as there is one; `None` when there will be none any more.
    pub(crate) async fn session(&mut self) -> Option<Session> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// The connection of this moment, if there is one.
    pub(crate) fn current(&self) -> Option<Session> {
        self.0.borrow().clone()
    }
}
