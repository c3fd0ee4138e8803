//! `spokegate-reports break-glass`: a link for whoever has the machine.

use crate::Service;
use crate::auth::break_glass::BreakGlass;
use crate::config::Config;
use crate::directory::TypedName;
use crate::store::audit::{AuditEvent, Decision};
use anyhow::Context as _;
use spokegate_daemon::Context;
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use std::process::ExitCode;

/// Makes the account if need be, and prints a link that sets its password once.
pub(crate) fn verb(name: &str, files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_plain = !name.is_empty() && name.len() <= 40 && name.chars().all(plain);
    if !is_plain || TypedName::parse(name).is_err() {
        tell(&format!(
            "the account cannot be called {name:?}; allowed: 1 to 40 of a-z, 0-9 and '-'"
        ));
        return ExitCode::FAILURE;
    }
    match wait_for(link(&config, name)) {
        Ok(link) => print(&format!(
            "{link}\n\nOpen it within 30 minutes; it works once and sets the password of \"{name}\".\n\
             The account works at the address for administrators while no directory server answers. Every use is told to all\n\
             administrators.\n"
        )),
        Err(error) => {
            tell(&format!("cannot make the link: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn link(config: &Config, name: &str) -> anyhow::Result<String> {
    let store = config.store.open().await?;
    let now = Context::new().clock.now_ms();
    let event = AuditEvent {
        at_ms: now,
        actor: "command-line",
        name: "",
        action: "break-glass.link",
        decision: Decision::Allowed,
        reason: "command-line",
        subject: name,
        address: "",
    };
    store.audit(event).await.context("record the link")?;
    let token = BreakGlass::link(&store, name, now).await?;
    store.close().await;
    let origin = if config.admin.origin.is_empty() {
        format!("https://{}", config.admin.listen)
    } else {
        config.admin.origin.clone()
    };
    Ok(format!("{origin}/break-glass/{token}"))
}
