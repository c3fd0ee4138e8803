//! The subcommands that talk to a running broker through its socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use spokegate_contract::{SatelliteId, TenantId};
use spokegate_daemon::cli::{ConfigArgs, print, tell};
use spokegate_daemon::{EXIT_CONFIG, EXIT_CUT_SHORT, EXIT_FAILURE};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Done, Line, Listing, Whom};
use crate::BrokerService;

/// Longest wait for an answer; longer than the longest drain.
const ANSWER: Duration = Duration::from_secs(40);
/// Bytes of an answer: 10,000 sessions fit several times.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Where the broker is.
#[derive(Debug, clap::Args)]
struct At {
    /// The running broker's admin socket [default: the configuration's]
    #[arg(long, value_name = "FILE")]
    socket: Option<PathBuf>,
}

/// `sessions`.
#[derive(Debug, clap::Args)]
pub struct Sessions {
    #[command(flatten)]
    at: At,
    /// Only this tenant's
    #[arg(long, value_name = "TENANT")]
    tenant: Option<TenantId>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// `disconnect`.
#[derive(Debug, clap::Args)]
pub struct Disconnect {
    #[command(flatten)]
    at: At,
    /// Whose sessions
    #[arg(long, value_name = "TENANT")]
    tenant: TenantId,
    /// Only this satellite's
    #[arg(long, value_name = "SATELLITE")]
    satellite: Option<SatelliteId>,
}

/// `drain`.
#[derive(Debug, clap::Args)]
pub struct Drain {
    #[command(flatten)]
    at: At,
}

impl Sessions {
    pub(crate) fn run(self, files: &ConfigArgs) -> ExitCode {
        self.at.ask(files, "GET /v1/sessions", "", |body| {
            let mut listing: Listing = serde_json::from_str(body)?;
            if let Some(tenant) = &self.tenant {
                let is_of = |line: &Line| line.tenant.as_deref() == Some(tenant.as_str());
                listing.sessions.retain(is_of);
            }
            let text = match self.json {
                true => serde_json::to_string_pretty(&listing)? + "\n",
                false => table(&listing.sessions),
            };
            Ok((text, 0))
        })
    }
}

impl Disconnect {
    pub(crate) fn run(self, files: &ConfigArgs) -> ExitCode {
        let whom = Whom {
            tenant: self.tenant,
            satellite: self.satellite,
        };
        let body = serde_json::to_string(&whom).expect("two names are JSON");
        self.at.ask(files, "POST /v1/disconnect", &body, |body| {
            let done: Done = serde_json::from_str(body)?;
            anyhow::ensure!(
                done.ended > 0,
                "nobody of that name is connected\n  hint: `spokegate-broker sessions` lists who is"
            );
            Ok((format!("{} sessions ended\n", done.ended), 0))
        })
    }
}

impl Drain {
    pub(crate) fn run(self, files: &ConfigArgs) -> ExitCode {
        self.at.ask(files, "POST /v1/drain", "", |body| {
            let Done { ended, left } = serde_json::from_str(body)?;
            let code = if left == 0 { 0 } else { EXIT_CUT_SHORT };
            let text =
                format!("{ended} sessions ended, {left} did not leave in time; the broker stops\n");
            Ok((text, code))
        })
    }
}

impl At {
    /// Sends a request and prints what `read` makes of the answer.
    fn ask(
        &self,
        files: &ConfigArgs,
        request: &str,
        body: &str,
        read: impl FnOnce(&str) -> anyhow::Result<(String, u8)>,
    ) -> ExitCode {
        let socket = match self.path(files) {
            Ok(socket) => socket,
            Err(code) => return code,
        };
        let told = exchange(&socket, request, body).with_context(|| {
            let socket = socket.display();
            format!("ask the broker at {socket}\n  hint: is it running, with admin.socket set to this path, and is it yours?")
        });
        match told.and_then(|answer| read(&answer)) {
            Ok((text, code)) => {
                print(&text);
                ExitCode::from(code)
            }
            Err(error) => {
                tell(&format!("{error:#}"));
                ExitCode::from(EXIT_FAILURE)
            }
        }
    }

    fn path(&self, files: &ConfigArgs) -> Result<PathBuf, ExitCode> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        let config = files.load_or_tell::<BrokerService>()?;
        config.admin.path().map(PathBuf::from).ok_or_else(|| {
            tell("admin.socket is not set: the broker has no admin socket\n  hint: set it, or name one with --socket");
            ExitCode::from(EXIT_CONFIG)
        })
    }
}

fn exchange(socket: &std::path::Path, request: &str, body: &str) -> anyhow::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: broker\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer was cut short")?;
    anyhow::ensure!(head.starts_with("HTTP/1.1 200 "), "it answered: {body}");
    Ok(body.to_owned())
}

fn table(sessions: &[Line]) -> String {
    let mut rows = vec![["WHO", "SINCE", "CERTIFICATE ENDS", "SERIAL", "FROM"].map(str::to_owned)];
    rows.extend(sessions.iter().map(|line| {
        let who = match (&line.tenant, &line.satellite) {
            (Some(tenant), Some(satellite)) => format!("{tenant}/{satellite}"),
            (Some(tenant), None) => format!("{} of {tenant}", line.kind),
            _ => line.kind.clone(),
        };
        [
            who,
            date(line.since_ms),
            line.expires_ms.map_or("-".to_owned(), date),
            line.serial.clone().unwrap_or("-".to_owned()),
            line.peer.clone(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A time for people: RFC 3339, UTC, whole seconds.
pub(crate) fn date(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{seconds} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_a_table_for_people() {
        let line = |tenant: Option<&str>, satellite: Option<&str>, kind: &str| Line {
            kind: kind.to_owned(),
            tenant: tenant.map(str::to_owned),
            satellite: satellite.map(str::to_owned),
            principal: "spiffe://x".to_owned(),
            peer: "192.0.2.7:5000".to_owned(),
            since_ms: 1_767_225_600_999,
            serial: tenant.map(|_| "0aff".to_owned()),
            expires_ms: tenant.map(|_| 1_767_830_400_000),
        };
        let sessions = [
            line(Some("acme"), Some("hq"), "satellite"),
            line(Some("acme"), None, "sanitizer"),
            line(None, None, "open"),
        ];
        let expected = "\
WHO                SINCE                 CERTIFICATE ENDS      SERIAL  FROM
acme/hq            2026-01-01T00:00:00Z  2026-01-08T00:00:00Z  0aff    192.0.2.7:5000
sanitizer of acme  2026-01-01T00:00:00Z  2026-01-08T00:00:00Z  0aff    192.0.2.7:5000
open               2026-01-01T00:00:00Z  -                     -       192.0.2.7:5000
";
        assert_eq!(table(&sessions), expected);
        assert_eq!(table(&[]).lines().count(), 1);
    }
}
