//! The `[[source]]` and `[[schedule]]` entries.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use spokegate_contract::limits::DEADLINE_MS_MAX;
use spokegate_contract::{DatasetId, Shape};
use spokegate_daemon::SecretSource;
use spokegate_daemon::config::Faults;
use url::{Host, Url};

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
    /// For `http`: the flow's address.
    pub url: Option<String>,
    /// For `http`: a file with the token.
    pub token_file: Option<PathBuf>,
    /// For `http`: longest silence in milliseconds.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

/// Where a dataset comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A flow that is asked.
    Http,
    /// Flows that push it unasked; it cannot be pulled.
    Push,
}

/// A source that is asked on a timer.
#[derive(Clone, Debug, Deserialize)]
pub struct ScheduleConfig {
    /// The dataset; it has an `http` source.
    pub dataset: DatasetId,
    /// Which of its sources, where it has several.
    pub version: Option<u16>,
    /// Seconds between two times.
    pub every_s: u64,
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

impl SourceConfig {
    /// Where the token comes from.
    pub(crate) fn token(&self) -> SecretSource {
        SecretSource::new(None, self.token_file.clone())
    }

    /// The flow's address, if it is one that the agent may ask.
    pub(crate) fn local_url(&self) -> Result<Url, &'static str> {
        let url: Url = self
            .url
            .as_deref()
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
        match self.kind {
            SourceKind::Http => {
                if let Err(problem) = self.local_url() {
                    faults
                        .add(&key("url"), problem)
                        .allowed("the http:// address of a flow on this machine")
                        .hint("write \"http://127.0.0.1:1880/spokegate/devices\"");
                }
                faults.bounds(&key("timeout_ms"), self.timeout_ms, 100..=DEADLINE_MS_MAX);
                if self.token_file.is_none() {
                    faults
                        .add(&key("token_file"), "is missing")
                        .hint("name a file with the token that the flow asks for");
                }
            }
            SourceKind::Push => {
                for (name, set) in [
                    ("url", self.url.is_some()),
                    ("token_file", !self.token().is_empty()),
                ] {
                    if set {
                        faults
                            .add(&key(name), "has no meaning for kind = \"push\"")
                            .hint("remove it, or write kind = \"http\"");
                    }
                }
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
            .filter(|source| source.kind == SourceKind::Http && source.dataset == *dataset)
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
                    .hint("add a [[source]] with kind = \"http\" for it");
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
    }
}
