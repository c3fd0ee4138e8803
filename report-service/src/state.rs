//! What every request handler can reach.

use crate::auth::break_glass::BreakGlass;
use crate::auth::rights::RightsConfig;
use crate::auth::second_factor::SecondFactor;
use crate::auth::session::Sessions;
use crate::auth::sign_in::SignIn;
use crate::auth::tokens::Tokens;
use crate::config::Config;
use crate::directory::Directory;
use crate::health::Health;
use crate::mail::TestLetters;
use crate::runs::Engine;
use crate::satellite_log::SatelliteLogs;
use crate::secrets::Secrets;
use crate::store::Store;
use crate::web::admin_datasets::Tries;
use crate::web::live::Places;
use crate::web::uploads::Uploading;
use spokegate_daemon::{Clock, Tasks};
use std::sync::Arc;

/// Shared by all handlers of both listeners. Cloning is cheap.
#[derive(Clone)]
pub struct AppState {
    /// The configuration as checked at start.
    pub config: Arc<Config>,
    /// What groups may do.
    pub rights: Arc<RightsConfig>,
    /// The time; tests move it.
    pub clock: Clock,
    /// Starts and watches background work.
    pub tasks: Tasks,
    /// The service's memory.
    pub store: Store,
    /// Passwords of sources, mail and storage, and sealing for whoever keeps something like that.
    pub secrets: Secrets,
    /// Sessions: begin, check, end.
    pub sessions: Sessions,
    /// Tokens of the API: make, check, revoke.
    pub tokens: Tokens,
    /// The decision about a name and a password.
    pub sign_in: Arc<SignIn>,
    /// The decision about codes.
    pub second_factor: Arc<SecondFactor>,
    /// The local account for when the directory is gone.
    pub break_glass: BreakGlass,
    /// Who people are.
    pub directory: Arc<Directory>,
    /// Starts and watches runs; knows reports, customers and the way to the satellites.
    pub engine: Engine,
    /// How every part is.
    pub health: Health,
    /// Pages that are followed now.
    pub places: Places,
    /// Files that are being taken now.
    pub uploading: Uploading,
    /// Test letters of late.
    pub test_letters: TestLetters,
    /// Satellites whose log somebody looks at.
    pub satellite_logs: SatelliteLogs,
    /// Pulls that administrators try.
    pub tries: Tries,
}
