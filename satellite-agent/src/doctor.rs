//! `spokegate-agent doctor`: what is wrong on this machine and on the way to the broker, and what to do about it.

mod certificate;
mod clock;
mod disk;
mod finding;
mod flows;
mod kept;
mod listeners;
mod reach;
mod topics;
mod trust;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use spokegate_daemon::{Clock, EXIT_FAILURE, SecretSource};
use spokegate_identity::{Door, JoinToken};

use crate::agent::check_files;
use crate::config::Config;
use crate::credentials::{Life, Store};
use crate::enrol::verbs::{proxy_address, token};
use crate::proxy::{Proxy, ProxyAddress};
use crate::service::AgentService;
use crate::status_verb::{AgentStatus, ask};
use finding::{Finding, Report};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Prints JSON
    #[arg(long)]
    json: bool,
    /// Looks at the way to the door of this join token, before there is a certificate; "-" reads it from standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The HTTP proxy that leads there: http://HOST:PORT
    #[arg(long, value_name = "URL", requires = "token_file", value_parser = proxy_address)]
    proxy: Option<ProxyAddress>,
    /// A file with USER:PASSWORD for the proxy, for its owner only
    #[arg(long, value_name = "FILE", requires = "proxy")]
    proxy_credentials_file: Option<PathBuf>,
}

/// What is examined.
struct Patient {
    config: Option<Config>,
    token: Option<JoinToken>,
    proxy: Option<Proxy>,
    /// What the running agent says of itself, if one runs.
    running: Option<AgentStatus>,
    clock: Clock,
}

impl DoctorArgs {
    /// Runs it to its exit code: 0 without a fault, 1 with one.
    pub(crate) fn run(&self, files: &ConfigArgs) -> ExitCode {
        let report = self
            .joining()
            .and_then(|joining| wait_for(async { Ok(examine(files, joining).await) }));
        match report {
            Ok(report) => {
                let text = match self.json {
                    true => report.json(),
                    false => report.text(),
                };
                match (print(&text), report.faults()) {
                    (code, 0) => code,
                    _ => ExitCode::from(EXIT_FAILURE),
                }
            }
            Err(error) => {
                tell(&format!("{error:#}"));
                ExitCode::from(EXIT_FAILURE)
            }
        }
    }
}

impl DoctorArgs {
    fn joining(&self) -> anyhow::Result<Option<(JoinToken, Option<Proxy>)>> {
        let Some(token) = self.token_file.as_deref().map(token).transpose()? else {
            return Ok(None);
        };
        let credentials = SecretSource::new(None, self.proxy_credentials_file.clone());
        let proxy = self.proxy.clone().map(|at| Proxy::new(at, &credentials));
        Ok(Some((token, proxy.transpose()?)))
    }
}

async fn examine(files: &ConfigArgs, joining: Option<(JoinToken, Option<Proxy>)>) -> Report {
    let mut report = Report::default();
    let config = configuration(files, joining.is_some(), &mut report);
    let (token, proxy) = match joining {
        Some((token, proxy)) => (Some(token), proxy),
        None => (None, configured_proxy(config.as_ref(), &mut report)),
    };
    if config.is_none() && token.is_none() {
        return report;
    }
    let running = match &config {
        Some(config) => ask(&config.spool.path).await.ok(),
        None => None,
    };
    let patient = Patient {
        config,
        token,
        proxy,
        running,
        clock: Clock::system(),
    };
    patient.look(&mut report).await;
    report
}

fn configured_proxy(config: Option<&Config>, report: &mut Report) -> Option<Proxy> {
    let proxy = config?.broker.proxy();
    proxy.unwrap_or_else(|error| {
        let fault = Finding::fault("proxy", format!("{error:#}"));
        report.add(fault.next("mend broker.proxy and broker.proxy_credentials_file"));
        None
    })
}

fn configuration(files: &ConfigArgs, joining: bool, report: &mut Report) -> Option<Config> {
    const CHECK: &str = "configuration";
    match files.load::<AgentService>() {
        Ok(config) => {
            let joined = Store::new(config.tls.clone()).certificate().is_ok();
            let problems = if joined {
                check_files(&config)
            } else {
                Vec::new()
            };
            let finding = match problems.is_empty() {
                true => Finding::ok(CHECK, "can be read and is good"),
                false => Finding::fault(CHECK, problems.join("; "))
                    .next("mend it, then: spokegate-agent check-config. Files that \"cannot be read\" are the agent's own: run doctor as root"),
            };
            report.add(finding);
            Some(config)
        }
        Err(faults) if joining => {
            report.add(Finding::skipped(
                CHECK,
                format!(
                    "there is none yet, or it has faults ({} of them)",
                    faults.to_string().lines().count()
                ),
            ));
            None
        }
        Err(faults) => {
            report.add(
                Finding::fault(CHECK, faults.to_string().trim_end())
                    .next("mend it, then: spokegate-agent check-config. Before joining: spokegate-agent doctor --token-file FILE"),
            );
            None
        }
    }
}

impl Patient {
    /// Every check, in the order in which one explains the next.
    async fn look(&self, report: &mut Report) {
        let reached = reach::look(self, report).await;
        let dates = trust::look(self, &reached, report).await;
        report.add(clock::look(dates, self.clock.now_ms()));
        let Some(config) = &self.config else { return };
        let life = Store::new(config.tls.clone())
            .certificate()
            .ok()
            .and_then(|certificate| Life::of(&certificate).ok());
        report.add(certificate::look(
            life.as_ref(),
            config.enrolment.renew,
            self.clock.now_ms(),
        ));
        topics::look(self, config, reached.broker && life.is_some(), report).await;
        disk::look(config, self.running.as_ref(), report);
        flows::look(config, report).await;
        kept::look(config, self.running.as_ref(), report);
        listeners::look(config, report);
    }

    /// Where to join or renew.
    fn door(&self) -> Option<&Door> {
        let configured = || self.config.as_ref()?.enrolment.door.as_ref();
        self.token
            .as_ref()
            .map(|token| &token.door)
            .or_else(configured)
    }

    /// Host and port of the broker.
    fn broker(&self) -> Option<(&str, u16)> {
        self.config.as_ref()?.broker.host_and_port()
    }
}
