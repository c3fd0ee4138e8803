//! `spokegate-agent status`: how the running agent is, from itself.

mod link_state;
mod socket;

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::{Deserialize, Serialize};
use spokegate_contract::envelope::SourceHealth;
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use spokegate_daemon::{Clock, EXIT_FAILURE};

pub(crate) use link_state::{LinkNow, LinkState};
pub(crate) use socket::{StatusSocket, ask};

use crate::credentials::life::Stage;
use crate::credentials::{Life, told};
use crate::keeper::NodeRedStatus;
use crate::service::AgentService;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// What a running agent says of itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct AgentStatus {
    pub(crate) version: String,
    pub(crate) process: u32,
    pub(crate) started_at_ms: u64,
    pub(crate) tenant: String,
    pub(crate) satellite: String,
    pub(crate) link: LinkNow,
    /// None when the file cannot be read.
    pub(crate) certificate: Option<CertificateStatus>,
    /// None when the spool cannot be read.
    pub(crate) spool: Option<SpoolStatus>,
    pub(crate) datasets: Vec<DatasetStatus>,
    /// `up`, `down` or `unknown`.
    pub(crate) node_red: String,
    /// None where the agent keeps none.
    #[serde(default)]
    pub(crate) kept_node_red: Option<NodeRedStatus>,
}

/// The certificate in use.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct CertificateStatus {
    pub(crate) serial: String,
    pub(crate) not_before_ms: u64,
    pub(crate) not_after_ms: u64,
    pub(crate) renew_at_ms: u64,
}

/// What waits for the centre.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct SpoolStatus {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_max: u64,
}

/// One dataset of the segment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct DatasetStatus {
    pub(crate) dataset: String,
    pub(crate) version: u16,
    /// Whether it can be asked for; else flows only push it.
    pub(crate) pulled: bool,
}

impl CertificateStatus {
    pub(crate) fn of(life: &Life) -> Self {
        Self {
            serial: life.serial.to_string(),
            not_before_ms: life.not_before_ms,
            not_after_ms: life.not_after_ms,
            renew_at_ms: life.renew_at_ms(),
        }
    }
}

/// The word of the JSON.
pub(crate) fn health_word(health: SourceHealth) -> &'static str {
    match health {
        SourceHealth::Up => "up",
        SourceHealth::Down => "down",
        SourceHealth::Unknown => "unknown",
    }
}

impl StatusArgs {
    /// Runs it to its exit code: 0 while the agent is connected, 1 otherwise.
    pub(crate) fn run(&self, files: &ConfigArgs) -> ExitCode {
        let config = match files.load_or_tell::<AgentService>() {
            Ok(config) => config,
            Err(code) => return code,
        };
        let status = match wait_for(ask(&config.spool.path)) {
            Ok(status) => status,
            Err(error) => {
                tell(&format!(
                    "{error:#}\n  hint: is it running? systemctl status spokegate-agent; then journalctl -u spokegate-agent"
                ));
                return ExitCode::from(EXIT_FAILURE);
            }
        };
        let text = match self.json {
            true => {
                serde_json::to_string_pretty(&status).expect("numbers and text make JSON") + "\n"
            }
            false => status.text(Clock::system().now_ms()),
        };
        match (print(&text), status.link.up) {
            (code, true) => code,
            (_, false) => ExitCode::from(EXIT_FAILURE),
        }
    }
}

impl AgentStatus {
    /// For people; pure.
    fn text(&self, now_ms: u64) -> String {
        let mut out = format!(
            "satellite    {}/{}, agent {} (process {}), running since {}\n",
            self.tenant,
            self.satellite,
            self.version,
            self.process,
            told(self.started_at_ms)
        );
        // Writing to a String cannot fail.
        let _ = writeln!(out, "link         {}", self.link.text());
        let certificate = self
            .certificate
            .as_ref()
            .map_or_else(|| "cannot be read".to_owned(), |known| known.text(now_ms));
        let _ = writeln!(out, "certificate  {certificate}");
        let spool = self.spool.as_ref().map_or_else(
            || "cannot be read".to_owned(),
            |spool| {
                format!(
                    "{} messages, {} of {} bytes",
                    spool.messages, spool.bytes, spool.bytes_max
                )
            },
        );
        let _ = writeln!(out, "spool        {spool}");
        let datasets: Vec<String> = self.datasets.iter().map(DatasetStatus::text).collect();
        let datasets = match datasets.is_empty() {
            true => "none; add a [[source]] to the configuration".to_owned(),
            false => datasets.join(", "),
        };
        let _ = writeln!(out, "datasets     {datasets}");
        let _ = writeln!(out, "Node-RED     {}", self.node_red);
        if let Some(kept) = &self.kept_node_red {
            let _ = writeln!(out, "kept         {}", kept.text());
        }
        out
    }
}

impl CertificateStatus {
    fn text(&self, now_ms: u64) -> String {
        let stage = if now_ms < self.not_before_ms {
            Stage::Early
        } else if now_ms >= self.not_after_ms {
            Stage::Expired
        } else if now_ms >= self.renew_at_ms {
            Stage::Due
        } else {
            Stage::Fresh
        };
        let until = told(self.not_after_ms);
        match stage {
            Stage::Fresh => format!(
                "valid until {until}, renewed after {}",
                told(self.renew_at_ms)
            ),
            Stage::Due => format!("valid until {until}, to be renewed now"),
            Stage::Early => format!("not valid before {}", told(self.not_before_ms)),
            Stage::Expired => format!("EXPIRED at {until}"),
        }
    }
}

impl DatasetStatus {
    fn text(&self) -> String {
        let how = match self.pulled {
            true => "",
            false => " (pushed)",
        };
        format!("{} v{}{how}", self.dataset, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> AgentStatus {
        AgentStatus {
            version: "0.1.0".to_owned(),
            process: 7,
            started_at_ms: 0,
            tenant: "acme".to_owned(),
            satellite: "hq".to_owned(),
            link: LinkNow {
                up: true,
                since_ms: Some(1_000),
                last_error: None,
            },
            certificate: Some(CertificateStatus {
                serial: "01".to_owned(),
                not_before_ms: 0,
                not_after_ms: 10_000,
                renew_at_ms: 6_000,
            }),
            spool: Some(SpoolStatus {
                messages: 2,
                bytes: 30,
                bytes_max: 100,
            }),
            datasets: vec![
                DatasetStatus {
                    dataset: "devices".to_owned(),
                    version: 1,
                    pulled: true,
                },
                DatasetStatus {
                    dataset: "backup-jobs".to_owned(),
                    version: 2,
                    pulled: false,
                },
            ],
            node_red: "up".to_owned(),
            kept_node_red: None,
        }
    }

    #[test]
    fn it_reads_well() {
        assert_eq!(
            status().text(2_000),
            "satellite    acme/hq, agent 0.1.0 (process 7), running since 1970-01-01T00:00:00Z\n\
             link         up since 1970-01-01T00:00:01Z\n\
             certificate  valid until 1970-01-01T00:00:10Z, renewed after 1970-01-01T00:00:06Z\n\
             spool        2 messages, 30 of 100 bytes\n\
             datasets     devices v1, backup-jobs v2 (pushed)\n\
             Node-RED     up\n"
        );
    }

    #[test]
    fn a_kept_node_red_has_a_line_of_its_own() {
        let mut status = status();
        status.kept_node_red = Some(NodeRedStatus::default());
        let text = status.text(2_000);
        assert!(text.ends_with("kept         stopped since 1970-01-01T00:00:00Z, 0 restarts\n"));
    }

    #[test]
    fn a_certificate_says_where_in_its_life_it_is() {
        let text = |now_ms| status().certificate.unwrap().text(now_ms);
        assert!(text(7_000).ends_with("to be renewed now"));
        assert_eq!(text(10_000), "EXPIRED at 1970-01-01T00:00:10Z");
    }
}
