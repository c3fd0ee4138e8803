//! `spokegate-sanitizer self-test`: shows on the running host that each confinement holds, by trying to break it from
//! inside a process that is started and confined like the real one.

mod attacker;
mod scratch;
mod trial;
mod verdict;

use crate::config::SanitizerConfig;
use crate::sandbox::{self, ATTACKS, Layers, Stage};
use crate::service::SanitizerService;
use serde::Serialize;
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use trial::Host;

pub use attacker::AttackArgs;
pub(crate) use attacker::main as attack;

/// The configuration, the users or the host are such that nothing can be tried.
const EXIT_CONFIG: u8 = 78;

/// How the report is told.
#[derive(Debug, clap::Args)]
pub struct SelfTestArgs {
    /// As one JSON object
    #[arg(long)]
    json: bool,
    /// Without any confinement, to see that the attacks are some.
    #[cfg(feature = "backdoor")]
    #[arg(long)]
    bare: bool,
}

/// One attack and how it ended.
#[derive(Debug, Serialize)]
struct Finding {
    stage: Stage,
    attack: &'static str,
    held: bool,
    how: String,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Report {
    stages: BTreeMap<&'static str, Layers>,
    attacks: Vec<Finding>,
    held: usize,
    tried: usize,
}

/// Runs the verb.
pub(crate) fn main(args: &SelfTestArgs, files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<SanitizerService>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    #[cfg(feature = "backdoor")]
    let bare = args.bare;
    #[cfg(not(feature = "backdoor"))]
    let bare = false;
    match run(config, bare) {
        Ok(report) => {
            let text = if args.json {
                serde_json::to_string(&report).unwrap_or_default() + "\n"
            } else {
                shown(&report)
            };
            let written = print(&text);
            if report.is_good() {
                written
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::from(EXIT_CONFIG)
        }
    }
}

/// Gives up the rights that a supervisor gives up, and then makes one attack after the other.
fn run(config: SanitizerConfig, bare: bool) -> anyhow::Result<Report> {
    sandbox::become_supervisor(&config.users)?;
    wait_for(async {
        let host = Host::new(config, bare)?;
        let mut report = Report {
            stages: BTreeMap::new(),
            attacks: Vec::new(),
            held: 0,
            tried: 0,
        };
        for stage in Stage::ALL {
            let scene = host.scene(stage).await?;
            report.stages.extend(scene.layers());
            report.attacks.push(scene.seen_by_the_system());
            let attacks = ATTACKS
                .iter()
                .filter(|attack| attack.stages.contains(&stage));
            let mut scene = scene;
            for attack in attacks {
                report.attacks.push(scene.suffer(&host, attack).await?);
            }
        }
        report.tried = report.attacks.len();
        report.held = report.attacks.iter().filter(|finding| finding.held).count();
        Ok(report)
    })
}

impl Report {
    fn is_good(&self) -> bool {
        let complete = self.stages.values().all(|layers| layers.missing.is_empty());
        complete && self.held == self.tried
    }
}

fn shown(report: &Report) -> String {
    let mut text = String::new();
    // Writing into memory cannot fail.
    let mut line = |shown: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{shown}");
    };
    for (stage, layers) in &report.stages {
        line(format_args!("{stage}: {}", layers.held.join(" ")));
        if !layers.covered.is_empty() {
            let covered = layers.covered.join(" ");
            line(format_args!(
                "{stage}: covered by the filter of system calls: {covered}"
            ));
        }
        if !layers.missing.is_empty() {
            line(format_args!(
                "{stage}: MISSING: {}",
                layers.missing.join(" ")
            ));
        }
    }
    for finding in &report.attacks {
        let verdict = if finding.held { "held  " } else { "BROKEN" };
        let stage = finding.stage.as_str();
        line(format_args!(
            "{verdict} {stage:<6} {}: {}",
            finding.attack, finding.how
        ));
    }
    line(format_args!(
        "sandbox attacks: {} held of {}",
        report.held, report.tried
    ));
    text
}
