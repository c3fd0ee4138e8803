//! Getting a certificate: joining, and renewing what there is. The private key never leaves this machine.

pub(crate) mod asking;
pub(crate) mod door;
mod fresh;
mod join;
mod offline;
pub(crate) mod renewal;
pub(crate) mod verbs;

pub(crate) use fresh::Fresh;

use std::path::Path;
use std::time::Duration;

use spokegate_daemon::Clock;
use spokegate_identity::JoinToken;

/// Joins as the verb `join` does: makes a key in `directory` and gets a certificate for it, waiting at most `patience`
/// for a centre that is busy or has to approve.
///
/// # Errors
/// When the directory holds a certificate already, the door is not the one of the token's pin, or the token is refused.
pub async fn join(
    directory: &Path,
    token: &JoinToken,
    clock: &Clock,
    patience: Duration,
) -> anyhow::Result<()> {
    let place = join::Place::prepare(directory, false)?;
    let note = |waiting: &str| tracing::info!(waiting, "the join waits");
    join::join(&place, token, clock, (None, patience), note).await?;
    Ok(())
}
