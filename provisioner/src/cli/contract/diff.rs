//! `spokegate contract diff`: what a change means, and for whom.

use std::fmt::Write as _;
use std::path::PathBuf;

use spokegate_contract::compat::{Class, DatasetChange, Part, compare_registries};
use spokegate_contract::{Dataset, Registry};

use super::touched::{Announced, Reports};
use super::{Answer, read, registry};

/// Two schema folders to be compared.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Diff {
    /// The schema folder as it is in use
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The schema folder as it is to be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Report folders: names the reports that a breaking change touches
    #[arg(long, value_name = "DIR")]
    reports: Option<PathBuf>,
    /// What satellites supply, from `spokegate-reports datasets --json`: names the tenants that a breaking change
    /// touches
    #[arg(long, value_name = "FILE")]
    announced: Option<PathBuf>,
}

impl Diff {
    pub(super) fn run(self) -> anyhow::Result<Answer> {
        let old = registry(&read(&self.old)?, &self.old)?;
        let new = registry(&read(&self.new)?, &self.new)?;
        let touched = Touched {
            reports: self.reports.as_deref().map(Reports::read).transpose()?,
            announced: self.announced.as_deref().map(Announced::read).transpose()?,
        };
        let changes = compare_registries(&old, &new);
        let mut text = String::new();
        for change in &changes {
            describe(change, &old, &touched, &mut text);
        }
        let count = |class| {
            changes
                .iter()
                .filter(|change| change.class == class)
                .count()
        };
        let breaking = count(Class::Breaking);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "breaking: {breaking}, compatible: {}, identical: {}",
            count(Class::Compatible),
            count(Class::Identical)
        );
        if breaking > 0 {
            text += "hint: a breaking change belongs into a new major version, a folder v<N> beside the old one\n";
            if touched.reports.is_none() || touched.announced.is_none() {
                text += "hint: --reports DIR and --announced FILE name the reports and tenants that it touches\n";
            }
        }
        Ok(Answer {
            text,
            is_good: breaking == 0,
        })
    }
}

/// Whom a breaking change touches, as far as it is known.
struct Touched {
    reports: Option<Reports>,
    announced: Option<Announced>,
}

fn describe(change: &DatasetChange, old: &Registry, touched: &Touched, text: &mut String) {
    let class = change.class.as_str();
    let before = old.get(&change.id, change.version);
    let new = if before.is_none() { " (new)" } else { "" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} v{}: {class}{new}", change.id, change.version);
    if change.class == Class::Identical {
        return;
    }
    for part in &change.parts {
        if part.change.class == Class::Identical || before.is_none() {
            continue;
        }
        let _ = writeln!(
            text,
            "  {}: {}",
            part.part.as_str(),
            part.change.class.as_str()
        );
        for loss in &part.change.losses {
            let place = if loss.pointer.is_empty() {
                "the whole"
            } else {
                &loss.pointer
            };
            let _ = writeln!(text, "    {place}: {}", loss.what);
        }
    }
    if let (Class::Breaking, Some(before)) = (change.class, before) {
        touch(change, before, old, touched, text);
    }
}

fn touch(
    change: &DatasetChange,
    before: &Dataset,
    old: &Registry,
    touched: &Touched,
    text: &mut String,
) {
    let listed = |names: Vec<String>| match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    if let Some(reports) = &touched.reports {
        let is_newest = old.newest(&before.id).map(|newest| newest.version) == Some(before.version);
        let names = reports.with_need(&before.id, before.version, is_newest);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  touches reports: {}", listed(names));
    }
    // Satellites send data; what may be asked concerns those who ask.
    let is_sent = |part: Part| part != Part::Params;
    let sent = change
        .parts
        .iter()
        .any(|part| is_sent(part.part) && part.change.class == Class::Breaking);
    if let Some(announced) = touched.announced.as_ref().filter(|_| sent) {
        let names = announced.with_dataset(&before.id, before.version);
        let _ = writeln!(text, "  touches tenants: {}", listed(names));
    }
}
