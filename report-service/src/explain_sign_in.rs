//! `spokegate-reports explain-sign-in`: the admin page's answer on a terminal, for when nobody can sign in to read it.

use crate::Service;
use crate::auth::people::People;
use crate::config::Config;
use crate::directory::Explanation;
use crate::secrets::Secrets;
use crate::store::audit::{AuditEvent, Decision};
use anyhow::Context as _;
use spokegate_daemon::Context;
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use std::process::ExitCode;

/// Explains what becomes of a sign-in with this name. Exit 0 when it would be let in somewhere, else 1.
pub(crate) fn verb(name: &str, files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    match wait_for(explain(&config, name)) {
        Ok(told) => {
            let printed = print(&text(&told));
            if told.steps.iter().all(|step| step.good) {
                printed
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            tell(&format!("cannot explain the sign-in: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn explain(config: &Config, name: &str) -> anyhow::Result<Explanation> {
    let store = config.store.open().await?;
    let context = Context::new();
    let secrets = Secrets::open(&config.secrets, &config.store.url, &store, &context.clock)?;
    let people = People::assemble(config, &store, &secrets, Vec::new(), &context)?;
    let event = AuditEvent {
        at_ms: context.clock.now_ms(),
        actor: "command-line",
        name: "",
        action: "sign-in.explain",
        decision: Decision::Allowed,
        reason: "command-line",
        subject: name,
        address: "",
    };
    store.audit(event).await.context("record the question")?;
    let told = people.sign_in.explain(name, &people.rights).await;
    store.close().await;
    told.context("read the counters of failed sign-ins")
}

fn text(told: &Explanation) -> String {
    let mut text = String::new();
    for step in &told.steps {
        let mark = if step.good { "ok  " } else { "STOP" };
        text.push_str(&format!("{mark} {}\n", step.title));
        for line in &step.lines {
            text.push_str(&format!(
                "     {}\n",
                crate::text::escaped(line, usize::MAX)
            ));
        }
    }
    text
}
