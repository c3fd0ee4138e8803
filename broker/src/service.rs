//! The service as its executable runs it, and the `explain` subcommand.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use spokegate_daemon::Context;
use spokegate_daemon::cli::{ConfigArgs, Service, print, tell};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use spokegate_identity::{Principal, TrustDomain};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{BrokerConfig, DEFAULTS};
use crate::{Action, Broker, admin, explain};

/// `spokegate-broker`.
#[derive(Debug)]
pub struct BrokerService;

/// Subcommands beyond those of every service.
#[derive(Debug, Subcommand)]
pub enum Extra {
    /// Prints what the policy says to a certificate, and by which rule; exit 0 (allow), 1 (deny) or 2 (cannot tell)
    Explain(Explain),
    /// Lists who is connected, from the running broker; exit 0 or 1
    Sessions(admin::Sessions),
    /// Ends the sessions of a tenant or of one satellite, which may come back; exit 0 or 1
    Disconnect(admin::Disconnect),
    /// Stops the running broker: nobody new is let in, sessions end in slices; exit 0, 1 or 75 (cut short)
    Drain(admin::Drain),
}

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The client's certificate (PEM)
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    #[command(flatten)]
    asked: Asked,
    /// The installation's trust domain [default: the configuration's]
    #[arg(long, value_name = "NAME")]
    trust_domain: Option<TrustDomain>,
}

/// What the certificate's holder would do: one of the two.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Asked {
    /// A topic to publish on
    #[arg(long, value_name = "TOPIC")]
    publish: Option<String>,
    /// A filter to subscribe to
    #[arg(long, value_name = "FILTER")]
    subscribe: Option<String>,
}

impl Service for BrokerService {
    const NAME: &'static str = "broker";
    const ABOUT: &'static str = "The MQTT broker between satellites and sanitizer";
    const DEFAULTS: &'static str = DEFAULTS;
    type Config = BrokerConfig;
    type Extra = Extra;

    fn log(config: &BrokerConfig) -> &LogConfig {
        &config.log
    }

    fn ops(config: &BrokerConfig) -> &OpsConfig {
        &config.ops
    }

    async fn run(config: BrokerConfig, context: Context) -> anyhow::Result<()> {
        let broker = Broker::bind(config, &context).await?;
        let stopping = broker.stopping();
        let mut hang_up = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        while let Some(Some(())) = stopping.run_until_cancelled(hang_up.recv()).await {
            broker.reload().await;
        }
        // What is left of the drain is waited for, and cut short, with all other tasks; the exit code tells which.
        Ok(())
    }

    fn extra(extra: Extra, files: &ConfigArgs) -> ExitCode {
        let arguments = match extra {
            Extra::Explain(arguments) => arguments,
            Extra::Sessions(arguments) => return arguments.run(files),
            Extra::Disconnect(arguments) => return arguments.run(files),
            Extra::Drain(arguments) => return arguments.run(files),
        };
        let trust_domain = match arguments.trust_domain(files) {
            Ok(trust_domain) => trust_domain,
            Err(code) => return code,
        };
        match arguments.verdict(&trust_domain) {
            Ok((text, code)) => {
                print(&text);
                ExitCode::from(code)
            }
            Err(error) => {
                tell(&format!("{error:#}"));
                ExitCode::from(EXIT_CANNOT_TELL)
            }
        }
    }
}

/// What the defaults say.
const DEFAULT_TRUST_DOMAIN: &str = "spokegate.local";
/// Exit code of `explain` when there is no verdict.
const EXIT_CANNOT_TELL: u8 = 2;
/// Exit code of `explain` when the answer is no.
const EXIT_DENY: u8 = 1;

impl Explain {
    /// The one asked for, or that of the configuration; without a configuration that can be used, its default.
    fn trust_domain(&self, files: &ConfigArgs) -> Result<TrustDomain, ExitCode> {
        if let Some(given) = &self.trust_domain {
            return Ok(given.clone());
        }
        match files.load::<BrokerService>() {
            Ok(config) => Ok(config.trust_domain),
            Err(_) if files.config.is_none() => Ok(DEFAULT_TRUST_DOMAIN
                .parse()
                .expect("the default is a trust domain")),
            Err(faults) => {
                tell(&faults.to_string());
                Err(ExitCode::from(spokegate_daemon::EXIT_CONFIG))
            }
        }
    }

    fn verdict(self, trust_domain: &TrustDomain) -> anyhow::Result<(String, u8)> {
        let principal = match principal(&self.cert, trust_domain)? {
            Ok(principal) => principal,
            Err(nobody) => return Ok((format!("deny: {nobody}\n"), EXIT_DENY)),
        };
        let (verb, text, action) = match (self.asked.publish, self.asked.subscribe) {
            (Some(topic), _) => ("publish", topic.clone(), Action::Publish(topic)),
            (None, Some(filter)) => ("subscribe", filter.clone(), Action::Subscribe(filter)),
            (None, None) => anyhow::bail!("neither --publish nor --subscribe was given"),
        };
        let verdict = explain(&principal, &action);
        let word = if verdict.allowed { "allow" } else { "deny" };
        let reason = verdict
            .reason
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default();
        let line = format!(
            "{word}: {principal} may{} {verb} {text:?}, rule {}{reason}\n",
            if verdict.allowed { "" } else { " not" },
            verdict.rule
        );
        let code = if verdict.allowed { 0 } else { EXIT_DENY };
        Ok((line, code))
    }
}

/// Who a certificate is, or in words why nobody; an error when it cannot be read.
fn principal(path: &Path, trust_domain: &TrustDomain) -> anyhow::Result<Result<Principal, String>> {
    let certificate = CertificateDer::from_pem_file(path)
        .with_context(|| format!("read a certificate from {} (--cert)", path.display()))?;
    let found = Principal::from_certificate(&certificate, trust_domain);
    Ok(found.map_err(|error| {
        let path = path.display();
        format!("{path} is nobody in {trust_domain} ({error}), rule identity\n  hint: --trust-domain or --config names another installation")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_trust_domain_is_that_of_the_defaults() {
        let line = format!("\ntrust_domain = \"{DEFAULT_TRUST_DOMAIN}\"\n");
        assert!(DEFAULTS.contains(&line));
    }
}
