//! Puts directory, roles, throttle, sign-in and sessions together from the configuration.

use super::break_glass::BreakGlass;
use super::rights::RightsConfig;
use super::second_factor::SecondFactor;
use super::session::Sessions;
use super::sign_in::SignIn;
use super::throttle::Throttle;
use super::tokens::{TokenLimits, Tokens};
use crate::config::Config;
use crate::directory::Directory;
use crate::secrets::Secrets;
use crate::store::Store;
use anyhow::Context as _;
use spokegate_daemon::Context;
use std::sync::Arc;

/// Everything that decides about people.
pub struct People {
    /// Who they are.
    pub directory: Arc<Directory>,
    /// The decision about a name and a password.
    pub sign_in: Arc<SignIn>,
    /// Sessions: begin, check, end.
    pub sessions: Sessions,
    /// Tokens of the API: make, check, revoke.
    pub tokens: Tokens,
    /// The decision about codes.
    pub second_factor: Arc<SecondFactor>,
    /// The local account for when the directory is gone.
    pub break_glass: BreakGlass,
    /// What groups may do.
    pub rights: Arc<RightsConfig>,
}

impl People {
    /// From a checked configuration; `report_groups` are those that reports name.
    ///
    /// # Errors
    /// When the directory's settings cannot be put to work.
    pub fn assemble(
        config: &Config,
        store: &Store,
        secrets: &Secrets,
        report_groups: Vec<String>,
        context: &Context,
    ) -> anyhow::Result<Self> {
        let (clock, tasks) = (context.clock.clone(), context.tasks.clone());
        let roles = Arc::new(config.roles.roles());
        let rights = Arc::new(config.rights());
        let mut groups = report_groups;
        groups.extend(roles.forms_groups.iter().cloned());
        groups.extend(roles.admin_groups.iter().cloned());
        groups.extend(rights.grants.iter().flat_map(|grant| grant.groups.clone()));
        groups.sort();
        groups.dedup();
        let settings = config
            .directory
            .settings(groups)
            .context("read the directory's settings")?;
        let directory = Arc::new(Directory::new(settings, clock.clone(), tasks)?);
        let throttle = Throttle::new(store.clone(), clock.clone(), config.throttle.limits());
        let break_glass = BreakGlass::new(
            store.clone(),
            clock.clone(),
            config.break_glass.always,
            roles.admin_groups.clone(),
        );
        let sign_in = SignIn::new(
            Arc::clone(&directory),
            Arc::clone(&roles),
            break_glass.clone(),
            throttle.clone(),
            store.clone(),
            clock.clone(),
            config.throttle.refusal_floor(),
        );
        let sessions = Sessions::new(
            store.clone(),
            Arc::clone(&directory),
            roles,
            break_glass.clone(),
            config.session.limits(),
            clock.clone(),
        );
        let second_factor = SecondFactor::new(
            store.clone(),
            secrets.clone(),
            throttle,
            Arc::clone(&rights),
            clock.clone(),
        );
        let tokens = Tokens::new(store.clone(), sessions.clone(), limits(config), clock);
        Ok(Self {
            directory,
            sign_in: Arc::new(sign_in),
            sessions,
            tokens,
            second_factor: Arc::new(second_factor),
            break_glass,
            rights,
        })
    }
}

fn limits(config: &Config) -> TokenLimits {
    let throttle = config.throttle.limits();
    TokenLimits {
        days_max: config.api.token_days_max,
        per_person_max: config.api.tokens_per_person_max as usize,
        requests_per_minute_max: u64::from(config.api.requests_per_minute_max),
        failures_max: throttle.address_failures_max,
        failures_window_ms: throttle.window_ms,
    }
}
