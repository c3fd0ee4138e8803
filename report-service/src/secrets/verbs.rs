//! `spokegate-reports secret …`.

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use spokegate_contract::hex;
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use spokegate_daemon::{Clock, Secret};

use super::envelope::random_key;
use super::{SecretName, Secrets, VALUE_BYTES_MAX};
use crate::Service;
use crate::config::Config;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::secrets::SecretInfo;
use crate::text::when;

/// What to do with secrets.
#[derive(Debug, clap::Subcommand)]
pub enum SecretVerb {
    /// Puts a value in; it is read from standard input and never an argument
    Set {
        /// What sources call it: `secret:NAME`
        name: SecretName,
    },
    /// Wipes a value
    Remove {
        /// Its name
        name: SecretName,
    },
    /// Lists names, versions and last uses; values are never shown
    List,
    /// Prints a fresh master key, for a file of mode 0400
    NewKey,
    /// Wraps all keys with the first master key of the file; the others may go afterwards
    RotateMasterKey,
}

/// Runs one of them.
pub(crate) fn verb(verb: &SecretVerb, files: &ConfigArgs) -> ExitCode {
    if matches!(verb, SecretVerb::NewKey) {
        return match random_key() {
            Ok(key) => print(&format!("{}\n", hex::encode(key.as_slice()))),
            Err(error) => failed(&anyhow::anyhow!("{error}")),
        };
    }
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    match wait_for(run(verb, &config)) {
        Ok(said) => print(&said),
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    tell(&format!("{error:#}"));
    ExitCode::FAILURE
}

async fn run(verb: &SecretVerb, config: &Config) -> anyhow::Result<String> {
    let store = config.store.open().await?;
    let clock = Clock::system();
    let secrets = Secrets::open(&config.secrets, &config.store.url, &store, &clock)?;
    let act = |action: &'static str, subject: String| {
        let (store, at_ms) = (store.clone(), clock.now_ms());
        async move {
            let event = AuditEvent {
                at_ms,
                actor: "command line",
                name: "",
                action,
                decision: Decision::Allowed,
                reason: "operator",
                subject: &subject,
                address: "",
            };
            store
                .audit(event)
                .await
                .context("record it in the audit trail")
        }
    };
    match verb {
        SecretVerb::Set { name } => {
            let value = given()?;
            act("secret.set", name.to_string()).await?;
            let version = secrets.set(name, &value, "command line").await?;
            Ok(format!("secret \"{name}\" is set, version {version}\n"))
        }
        SecretVerb::Remove { name } => {
            act("secret.remove", name.to_string()).await?;
            secrets.remove(name, "command line").await?;
            Ok(format!("secret \"{name}\" is removed\n"))
        }
        SecretVerb::RotateMasterKey => {
            act("secret.rotate-master-key", String::new()).await?;
            let done = secrets.rewrap().await?;
            Ok(format!(
                "{} keys are wrapped with the master key in force, {} were before; other lines of the key's file may go\n",
                done.changed, done.kept
            ))
        }
        SecretVerb::List | SecretVerb::NewKey => Ok(lines(&secrets.list().await?)),
    }
}

/// The value from standard input, without one line end.
fn given() -> anyhow::Result<Secret> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    std::io::stdin()
        .lock()
        .take(VALUE_BYTES_MAX as u64 + 2)
        .read_to_end(&mut bytes)
        .context("read the value from standard input")?;
    let text = std::str::from_utf8(&bytes).context("the value is no text")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text)))
}

fn lines(all: &[SecretInfo]) -> String {
    let mut text = String::new();
    for info in all {
        let used = info.used_at_ms.map_or_else(
            || "never used".to_owned(),
            |ms| format!("used {}", when(ms)),
        );
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}  version {}, set {} by {}, {used}",
            info.name,
            info.version,
            when(info.changed_at_ms),
            info.changed_by
        );
    }
    if text.is_empty() {
        text.push_str("no secret is set\n");
    }
    text
}
