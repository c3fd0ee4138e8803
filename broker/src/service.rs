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
use crate::{Action, Broker, explain};

/// `spokegate-broker`.
#[derive(Debug)]
pub struct BrokerService;

/// Subcommands beyond those of every service.
#[derive(Debug, Subcommand)]
pub enum Extra {
    /// Prints what the policy says to a certificate, and by which rule; exit 0 (allow) or 1 (deny)
    Explain(Explain),
}

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Explain {
    /// The client's certificate (PEM)
    #[arg(long, value_name = "FILE")]
    cert: PathBuf,
    #[command(flatten)]
    asked: Asked,
    /// The installation's trust domain
    #[arg(long, value_name = "NAME", default_value = "spokegate.local")]
    trust_domain: TrustDomain,
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
        let soft = context.tasks.soft();
        let mut hang_up = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        while soft
            .run_until_cancelled(hang_up.recv())
            .await
            .flatten()
            .is_some()
        {
            match broker.reload() {
                Ok(()) => tracing::info!("TLS files read again"),
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "the present TLS files stay in use"
                ),
            }
        }
        broker.shutdown().await;
        Ok(())
    }

    fn extra(Extra::Explain(arguments): Extra, _files: &ConfigArgs) -> ExitCode {
        match arguments.verdict() {
            Ok((text, code)) => {
                print(&text);
                ExitCode::from(code)
            }
            Err(error) => {
                tell(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        }
    }
}

impl Explain {
    fn verdict(self) -> anyhow::Result<(String, u8)> {
        let principal = principal(&self.cert, &self.trust_domain)?;
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
        Ok((line, u8::from(!verdict.allowed)))
    }
}

fn principal(path: &Path, trust_domain: &TrustDomain) -> anyhow::Result<Principal> {
    let certificate = CertificateDer::from_pem_file(path)
        .with_context(|| format!("read a certificate from {} (--cert)", path.display()))?;
    Principal::from_certificate(&certificate, trust_domain).with_context(|| {
        format!(
            "{} is nobody in {trust_domain} (--trust-domain)",
            path.display()
        )
    })
}
