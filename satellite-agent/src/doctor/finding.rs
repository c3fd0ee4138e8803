//! What a check found, and how it is told. Pure.

use serde::Serialize;

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    pub(super) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// Works today.
    Warning,
    /// Somebody must act.
    Fault,
    /// It could not be looked at; why stands there.
    Skipped,
}

/// All lines.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, what: impl Into<String>) -> Self {
        let what = what.into();
        Self {
            check,
            verdict,
            what,
            next: None,
        }
    }

    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, what)
    }

    pub(super) fn warning(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Verdict::Warning, what)
    }

    pub(super) fn fault(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Verdict::Fault, what)
    }

    pub(super) fn skipped(check: &'static str, what: impl Into<String>) -> Self {
        Self::new(check, Verdict::Skipped, what)
    }

    /// What to do about it.
    pub(super) fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "WARNING",
            Self::Fault => "FAULT",
            Self::Skipped => "-",
        }
    }
}

impl Report {
    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Makes a warning of the last fault, for the reason given.
    pub(super) fn soften(&mut self, why: &str) {
        if let Some(last) = self.findings.last_mut() {
            last.verdict = Verdict::Warning;
            last.what = format!("{}; {why}", last.what);
        }
    }

    /// How many must be acted on.
    pub(super) fn faults(&self) -> usize {
        self.count(Verdict::Fault)
    }

    fn count(&self, verdict: Verdict) -> usize {
        let of = |finding: &&Finding| finding.verdict == verdict;
        self.findings.iter().filter(of).count()
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            let what = finding.what.replace('\n', "\n                       ");
            out.push_str(&format!(
                "{:<8} {:<13} {what}\n",
                finding.verdict.word(),
                finding.check
            ));
            if let Some(next) = &finding.next {
                out.push_str(&format!("                       next: {next}\n"));
            }
        }
        out.push_str(&match (self.faults(), self.count(Verdict::Warning)) {
            (0, 0) => "no fault found\n".to_owned(),
            (0, warnings) => format!("no fault found; warnings: {warnings}\n"),
            (faults, warnings) => format!("faults: {faults}, warnings: {warnings}\n"),
        });
        out
    }

    /// For machines: `findings`, each with `check`, `verdict`, `what` and perhaps `next`.
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts make JSON") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_well_and_counts() {
        let mut report = Report::default();
        report.add(Finding::ok("name", "leads to 192.0.2.1"));
        assert!(report.text().ends_with("no fault found\n"));
        report.add(Finding::fault("port", "is shut").next("open it"));
        report.add(Finding::warning("disk", "one\ntwo"));
        assert_eq!(
            report.text(),
            "ok       name          leads to 192.0.2.1\n\
             FAULT    port          is shut\n                       next: open it\n\
             WARNING  disk          one\n                       two\n\
             faults: 1, warnings: 1\n"
        );
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["findings"][1]["verdict"], "fault");
        assert_eq!(json["findings"][1]["next"], "open it");
        assert!(json["findings"][0].get("next").is_none());
    }
}
