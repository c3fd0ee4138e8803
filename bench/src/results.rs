//! What was measured, as a page for people and as JSON.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::figures::{Rounded, Samples};

/// Ours and the peer's samples of one figure at one size.
#[derive(Debug, Default)]
pub struct Pair {
    /// Rows of the report.
    pub rows: u32,
    /// Spokegate's.
    pub ours: Samples,
    /// The peer's.
    pub peer: Samples,
}

/// What one pull cost.
#[derive(Debug, Default)]
pub struct PullFigure {
    /// Rows of the answer.
    pub rows: u32,
    /// Time in milliseconds.
    pub time: Samples,
    /// Highest resident memory of the agent, in MiB.
    pub agent_mib: f64,
    /// Highest resident memory of the broker, in MiB.
    pub broker_mib: f64,
    /// Highest resident memory of any sanitizer process, in MiB.
    pub sanitizer_mib: f64,
}

/// Everything of one run.
#[derive(Debug, Default)]
pub struct Results {
    /// Whole report, one client, milliseconds.
    pub latency: Vec<Pair>,
    /// Reports a second, eight clients.
    pub rate: Vec<Pair>,
    /// Pull round trips.
    pub pulls: Vec<PullFigure>,
}

impl Results {
    /// Writes `report.md` and `report.json` into a folder.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder).context("make the results folder")?;
        std::fs::write(folder.join("report.md"), self.page()).context("write report.md")?;
        std::fs::write(folder.join("report.json"), format!("{:#}\n", self.json()))
            .context("write report.json")
    }

    /// The page for people.
    pub fn page(&self) -> String {
        let mut page = String::from(
            "# Figures\n\nSpokegate with TLS, validation and sandbox on, through its web form, against two Node-REDs \
             over plain HTTP with docxtemplater; measured in turn in one run. Medians, smallest and largest in \
             brackets; read the ratios, the times belong to one shared machine.\n",
        );
        pairs(
            &mut page,
            "Whole report, one client (ms)",
            "peer ÷ Spokegate",
            &self.latency,
            |ours, peer| peer / ours,
        );
        pairs(
            &mut page,
            "Reports per second, eight clients",
            "Spokegate ÷ peer",
            &self.rate,
            |ours, peer| ours / peer,
        );
        page.push_str("\n## Pull round trip\n\n| rows | ms | agent, peak MiB | broker, peak MiB | largest sanitizer process, peak MiB |\n|---|---|---|---|---|\n");
        for pull in &self.pulls {
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} |",
                pull.rows,
                cell(&pull.time),
                Rounded(pull.agent_mib),
                Rounded(pull.broker_mib),
                Rounded(pull.sanitizer_mib)
            );
        }
        page
    }

    fn json(&self) -> Value {
        let samples = |samples: &Samples| {
            let (least, most) = samples.range();
            json!({"median": samples.median(), "min": least, "max": most, "count": samples.count()})
        };
        let pairs = |pairs: &[Pair]| -> Value {
            let one = |pair: &Pair| json!({"rows": pair.rows, "ours": samples(&pair.ours), "peer": samples(&pair.peer)});
            pairs.iter().map(one).collect()
        };
        let pull = |pull: &PullFigure| {
            json!({
                "rows": pull.rows,
                "ms": samples(&pull.time),
                "agent_peak_mib": pull.agent_mib,
                "broker_peak_mib": pull.broker_mib,
                "sanitizer_peak_mib": pull.sanitizer_mib,
            })
        };
        json!({
            "whole_report_ms": pairs(&self.latency),
            "reports_per_second": pairs(&self.rate),
            "pulls": self.pulls.iter().map(pull).collect::<Value>(),
        })
    }
}

fn pairs(
    page: &mut String,
    title: &str,
    ratio_title: &str,
    pairs: &[Pair],
    ratio: fn(f64, f64) -> f64,
) {
    let _ = write!(
        page,
        "\n## {title}\n\n| rows | Spokegate | peer | {ratio_title} |\n|---|---|---|---|\n"
    );
    for pair in pairs {
        let ratio = Rounded(ratio(pair.ours.median(), pair.peer.median()));
        let _ = writeln!(
            page,
            "| {} | {} | {} | {ratio} |",
            pair.rows,
            cell(&pair.ours),
            cell(&pair.peer)
        );
    }
}

fn cell(samples: &Samples) -> String {
    let (least, most) = samples.range();
    format!(
        "{} ({}–{})",
        Rounded(samples.median()),
        Rounded(least),
        Rounded(most)
    )
}
