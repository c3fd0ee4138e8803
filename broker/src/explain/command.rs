//! The `explain` subcommand: first whether the certificate is let in at all, then what the policy says.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use spokegate_daemon::Clock;
use spokegate_daemon::cli::{ConfigArgs, print, tell};
use spokegate_identity::{Presented, Principal, RevocationList, Roots, TrustDomain};

use super::{Action, explain};
use crate::admin::date;
use crate::config::BrokerConfig;
use crate::{BrokerService, revocation};

/// What the defaults say.
const DEFAULT_TRUST_DOMAIN: &str = "spokegate.local";
/// Exit code when there is no verdict.
const EXIT_CANNOT_TELL: u8 = 2;
/// Exit code when the answer is no.
const EXIT_DENY: u8 = 1;

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
    /// Revocation lists that may name the certificate [default: the configuration's revocation.crl_file]
    #[arg(long, value_name = "FILE")]
    crl: Option<PathBuf>,
    /// The roots that sign those lists [default: the configuration's tls.client_ca]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
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

impl Asked {
    fn action(self) -> anyhow::Result<Action> {
        match (self.publish, self.subscribe) {
            (Some(topic), _) => Ok(Action::Publish(topic)),
            (None, Some(filter)) => Ok(Action::Subscribe(filter)),
            (None, None) => anyhow::bail!("neither --publish nor --subscribe was given"),
        }
    }
}

impl Explain {
    pub(crate) fn run(self, files: &ConfigArgs) -> ExitCode {
        let config = match self.config(files) {
            Ok(config) => config,
            Err(code) => return code,
        };
        match self.verdict(config, Clock::system().now_ms()) {
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

    /// The configuration, when one can be used; without one, the arguments and defaults have to do.
    fn config(&self, files: &ConfigArgs) -> Result<Option<BrokerConfig>, ExitCode> {
        match files.load::<BrokerService>() {
            Ok(config) => Ok(Some(config)),
            Err(_) if files.config.is_none() => Ok(None),
            Err(faults) => {
                tell(&faults.to_string());
                Err(ExitCode::from(spokegate_daemon::EXIT_CONFIG))
            }
        }
    }

    fn verdict(self, config: Option<BrokerConfig>, now_ms: u64) -> anyhow::Result<(String, u8)> {
        let (configured, tls, crl_file) = match config {
            Some(config) => (
                Some(config.trust_domain),
                config.tls.client_ca,
                config.revocation.crl_file,
            ),
            None => (None, None, None),
        };
        let trust_domain = self.trust_domain.or(configured).unwrap_or_else(|| {
            let name = DEFAULT_TRUST_DOMAIN;
            name.parse().expect("the default is a trust domain")
        });
        let certificate = read(&self.cert)?;
        let principal = match Principal::from_certificate(&certificate, &trust_domain) {
            Ok(principal) => principal,
            Err(error) => {
                let path = self.cert.display();
                let text = format!(
                    "deny: {path} is nobody in {trust_domain} ({error}), rule identity\n  hint: --trust-domain or --config names another installation\n"
                );
                return Ok((text, EXIT_DENY));
            }
        };
        if let Some(crl) = &self.crl {
            let readable = std::fs::File::open(crl);
            readable
                .with_context(|| format!("read revocation lists from {} (--crl)", crl.display()))?;
        }
        let lists = lists(self.crl.or(crl_file), self.ca.or(tls))?;
        let presented = Presented::of(&[certificate])?;
        if let Some(why) = unfit(&presented, &lists, now_ms) {
            let serial = presented.serial();
            let text = format!("deny: {principal} may not connect, {why} (serial {serial})\n");
            return Ok((text, EXIT_DENY));
        }
        Ok(sentence(&principal, &self.asked.action()?))
    }
}

fn read(path: &Path) -> anyhow::Result<CertificateDer<'static>> {
    CertificateDer::from_pem_file(path)
        .with_context(|| format!("read a certificate from {} (--cert)", path.display()))
}

/// The lists that count; none when no file of lists is named.
fn lists(crl: Option<PathBuf>, ca: Option<PathBuf>) -> anyhow::Result<Vec<RevocationList>> {
    let Some(crl) = crl else {
        return Ok(Vec::new());
    };
    let ca = ca.context("a revocation list needs the root that signed it\n  hint: name it with --ca, or the broker's configuration with --config")?;
    revocation::lists_in(&crl, &Roots::read(&ca)?)
}

/// Why the handshake would refuse the certificate today, and the rule.
fn unfit(presented: &Presented, lists: &[RevocationList], now_ms: u64) -> Option<String> {
    let end_ms = presented.not_after_ms();
    if now_ms > end_ms.saturating_add(999) {
        return Some(format!(
            "its certificate ended at {}, rule certificate-expired",
            date(end_ms)
        ));
    }
    if now_ms < presented.not_before_ms() {
        let from = date(presented.not_before_ms());
        return Some(format!(
            "its certificate is good from {from} on, rule certificate-not-yet-valid"
        ));
    }
    let id = &presented.ids()[0];
    let list = lists.iter().find(|list| list.revokes(id))?;
    Some(format!(
        "its certificate is on revocation list {} of {}, rule certificate-revoked",
        list.number(),
        date(list.this_update_ms())
    ))
}

fn sentence(principal: &Principal, action: &Action) -> (String, u8) {
    let (verb, text) = match action {
        Action::Publish(topic) => ("publish", topic),
        Action::Subscribe(filter) => ("subscribe", filter),
    };
    let verdict = explain(principal, action);
    let (word, not, code) = match verdict.allowed {
        true => ("allow", "", 0),
        false => ("deny", " not", EXIT_DENY),
    };
    let reason = verdict
        .reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    let rule = verdict.rule;
    let line = format!("{word}: {principal} may{not} {verb} {text:?}, rule {rule}{reason}\n");
    (line, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULTS;

    #[test]
    fn the_default_trust_domain_is_that_of_the_defaults() {
        let line = format!("\ntrust_domain = \"{DEFAULT_TRUST_DOMAIN}\"\n");
        assert!(DEFAULTS.contains(&line));
    }
}
