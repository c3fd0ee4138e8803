//! The `[[source]]` and `[[schedule]]` entries.

mod file;
mod sql;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use spokegate_contract::limits::DEADLINE_MS_MAX;
use spokegate_contract::{DatasetId, Shape};
use spokegate_daemon::SecretSource;
use spokegate_daemon::config::Faults;
use spokegate_sources::CsvShape;
use url::{Host, Url};

pub use file::FileFormat;
pub use sql::ServerConfig;

/// One dataset of the segment.
#[derive(Clone, Debug, Deserialize)]
pub struct SourceConfig {
    /// The dataset.
    pub dataset: DatasetId,
    /// Major version of its contract.
    #[serde(default = "version")]
    pub version: u16,
    /// Where it comes from.
    pub kind: SourceKind,
    /// Table or document.
    #[serde(default = "shape")]
    pub shape: Shape,
    /// For `http`: the flow's address. For `node-red`: Node-RED's root for data.
    pub url: Option<String>,
    /// For `http` and `node-red`: a file with the token.
    pub token_file: Option<PathBuf>,
    /// For `file`, and for `sql` of a SQLite file: where it is, below `files.directory`.
    pub path: Option<PathBuf>,
    /// For `file`: how it is written.
    pub format: Option<FileFormat>,
    /// For `file` of the format `csv`, where it is not written as usual.
    pub csv: Option<CsvShape>,
    /// For `sql`: the one question, with `:name` parameters.
    pub query: Option<String>,
    /// For `sql`: a PostgreSQL server.
    pub postgresql: Option<ServerConfig>,
    /// For `sql`: a MariaDB or MySQL server.
    pub mysql: Option<ServerConfig>,
    /// For all that is asked: seconds for which an answer stands for the same question; without it none does.
    pub cache_max_age_s: Option<u64>,
    /// For all that is asked: longest silence in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

/// Where a dataset comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A flow that is asked.
    Http,
    /// A flow behind a dataset request node.
    NodeRed,
    /// A file of this machine.
    File,
    /// A database of the segment.
    Sql,
    /// Flows that push it unasked; it cannot be pulled.
    Push,
}

/// A source that is asked on a timer.
#[derive(Clone, Debug, Deserialize)]
pub struct ScheduleConfig {
    /// The dataset; its source is one that can be asked.
    pub dataset: DatasetId,
    /// Which of its sources, where it has several.
    pub version: Option<u16>,
    /// Seconds between two times.
    pub every_s: u64,
    /// Seconds by which a time may be later.
    pub jitter_s: Option<u64>,
}

/// Longest age of a kept answer: a day.
const CACHE_AGE_S_MAX: u64 = 86_400;
/// Most seconds of jitter for a schedule that does not say.
const JITTER_S_MAX: u64 = 300;

impl ScheduleConfig {
    /// Seconds by which a time may be later.
    pub(crate) fn jitter_s(&self) -> u64 {
        self.jitter_s
            .unwrap_or_else(|| (self.every_s / 10).min(JITTER_S_MAX))
    }
}

fn version() -> u16 {
    1
}

fn shape() -> Shape {
    Shape::Rows
}

fn timeout_ms() -> u64 {
    30_000
}

/// Where Node-RED has its data endpoints as `deploy/node-red` sets it up.
const NODE_RED: &str = "http://127.0.0.1:1880/spokegate";

impl SourceKind {
    /// Whether there is something to ask.
    pub(crate) fn is_asked(self) -> bool {
        self != Self::Push
    }
}

impl SourceConfig {
    /// Whether it reads below `files.directory`.
    pub(crate) fn reads_files(&self) -> bool {
        match self.kind {
            SourceKind::File => true,
            SourceKind::Sql => self.path.is_some(),
            SourceKind::Http | SourceKind::NodeRed | SourceKind::Push => false,
        }
    }

    /// Where the token comes from.
    pub(crate) fn token(&self) -> SecretSource {
        SecretSource::new(None, self.token_file.clone())
    }

    /// The flow's address, if it is one that the agent may ask.
    pub(crate) fn local_url(&self) -> Result<Url, &'static str> {
        let usual = (self.kind == SourceKind::NodeRed).then_some(NODE_RED);
        let url: Url = self
            .url
            .as_deref()
            .or(usual)
            .ok_or("is missing")?
            .parse()
            .map_err(|_| "is no URL")?;
        let local = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        match () {
            () if url.scheme() != "http" => Err("is not an http:// address"),
            () if !local => Err("leads to another machine"),
            () if !url.username().is_empty() || url.password().is_some() => {
                Err("holds a user name or password")
            }
            () if url.fragment().is_some() => Err("has a fragment"),
            () => Ok(url),
        }
    }

    fn validate(&self, at: &str, faults: &mut Faults) {
        let key = |name: &str| format!("{at}.{name}");
        faults.bounds(&key("version"), self.version, 1..=u16::MAX);
        if self.kind.is_asked() {
            faults.bounds(&key("timeout_ms"), self.timeout_ms, 100..=DEADLINE_MS_MAX);
            if let Some(age_s) = self.cache_max_age_s {
                faults.bounds(&key("cache_max_age_s"), age_s, 1..=CACHE_AGE_S_MAX);
            }
        }
        self.refuse_foreign(at, faults);
        match self.kind {
            SourceKind::File => self.validate_file(at, faults),
            SourceKind::Sql => self.validate_sql(at, faults),
            SourceKind::Http | SourceKind::NodeRed => {
                if let Err(problem) = self.local_url() {
                    faults
                        .add(&key("url"), problem)
                        .allowed("the http:// address of a flow on this machine")
                        .hint("write \"http://127.0.0.1:1880/spokegate/devices\"");
                }
                if self.token_file.is_none() {
                    faults
                        .add(&key("token_file"), "is missing")
                        .hint("name a file with the token that the flow asks for");
                }
            }
            SourceKind::Push => {}
        }
    }

    /// Keys that belong to another kind.
    fn refuse_foreign(&self, at: &str, faults: &mut Faults) {
        let flow = matches!(self.kind, SourceKind::Http | SourceKind::NodeRed);
        let file = self.kind == SourceKind::File;
        let sql = self.kind == SourceKind::Sql;
        let kind = match self.kind {
            SourceKind::Http => "http",
            SourceKind::NodeRed => "node-red",
            SourceKind::File => "file",
            SourceKind::Sql => "sql",
            SourceKind::Push => "push",
        };
        for (name, set, allowed, other) in [
            ("url", self.url.is_some(), flow, "http"),
            ("token_file", self.token_file.is_some(), flow, "http"),
            ("path", self.path.is_some(), file || sql, "file"),
            (
                "cache_max_age_s",
                self.cache_max_age_s.is_some(),
                self.kind.is_asked(),
                "node-red",
            ),
            ("format", self.format.is_some(), file, "file"),
            ("csv", self.csv.is_some(), file, "file"),
            ("query", self.query.is_some(), sql, "sql"),
            ("postgresql", self.postgresql.is_some(), sql, "sql"),
            ("mysql", self.mysql.is_some(), sql, "sql"),
        ] {
            if set && !allowed {
                faults
                    .add(
                        &format!("{at}.{name}"),
                        format!("has no meaning for kind = \"{kind}\""),
                    )
                    .hint(format!("remove it, or write kind = \"{other}\""));
            }
        }
    }
}

/// Checks all entries, and the rules between them.
pub(super) fn validate_all(
    sources: &[SourceConfig],
    schedules: &[ScheduleConfig],
    faults: &mut Faults,
) {
    let mut seen = BTreeSet::new();
    for (index, source) in sources.iter().enumerate() {
        let at = format!("source[{index}]");
        source.validate(&at, faults);
        if !seen.insert((&source.dataset, source.version)) {
            let SourceConfig {
                dataset, version, ..
            } = source;
            faults
                .add(
                    &format!("{at}.dataset"),
                    format!("{dataset} v{version} has a source already"),
                )
                .allowed("one source for each version of a dataset");
        }
    }
    for (index, schedule) in schedules.iter().enumerate() {
        let at = format!("schedule[{index}]");
        let dataset = &schedule.dataset;
        let asked = sources
            .iter()
            .filter(|source| source.kind.is_asked() && source.dataset == *dataset)
            .filter(|source| {
                schedule
                    .version
                    .is_none_or(|version| source.version == version)
            });
        match asked.count() {
            1 => {}
            0 => {
                faults
                    .add(
                        &format!("{at}.dataset"),
                        format!("{dataset} has no source that can be asked"),
                    )
                    .hint("add a [[source]] with kind = \"node-red\" or \"http\" for it");
            }
            _ => {
                faults
                    .add(
                        &format!("{at}.version"),
                        format!("is missing: {dataset} has sources of several versions"),
                    )
                    .hint("name the version that is to be pushed");
            }
        }
        faults.bounds(&format!("{at}.every_s"), schedule.every_s, 5..=2_592_000);
        let jitter_s = schedule.jitter_s.unwrap_or(0);
        faults.bounds(&format!("{at}.jitter_s"), jitter_s, 0..=schedule.every_s);
    }
}
