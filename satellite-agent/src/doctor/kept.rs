//! The Node-RED that the agent keeps: whether it runs, and runs its flows.

use super::finding::{Finding, Report};
use crate::config::Config;
use crate::keeper::{NodeRedStatus, Phase};
use crate::status_verb::AgentStatus;

const CHECK: &str = "kept";

pub(super) fn look(config: &Config, running: Option<&AgentStatus>, report: &mut Report) {
    if config.node_red.kept().is_none() {
        return;
    }
    report.add(match running {
        None => Finding::skipped(
            CHECK,
            "the agent does not run, and keeps no Node-RED meanwhile",
        ),
        Some(status) => match &status.kept_node_red {
            Some(kept) => judge(kept),
            None => Finding::warning(CHECK, "the running agent was started without [node_red]")
                .next("systemctl restart spokegate-agent"),
        },
    });
}

fn judge(kept: &NodeRedStatus) -> Finding {
    let text = format!("Node-RED {}", kept.text());
    match kept.state {
        _ if kept.safe_mode => Finding::fault(CHECK, text)
            .next("spokegate-agent logs says what crashed; mend that flow, then: spokegate-agent node-red restart"),
        Phase::Running => match &kept.restart_due {
            None => Finding::ok(CHECK, text),
            Some(due) if due.at_ms.is_some() => Finding::warning(CHECK, text)
                .next("nothing: it is restarted in its window; for at once: spokegate-agent node-red restart"),
            Some(_) => Finding::warning(CHECK, text)
                .next("spokegate-agent node-red restart, or set node_red.restart_window"),
        },
        Phase::Starting => Finding::warning(CHECK, text).next("wait, then: spokegate-agent logs"),
        Phase::Waiting => Finding::fault(CHECK, text).next("spokegate-agent logs says why it ended"),
        Phase::Stopped => Finding::fault(CHECK, text).next("spokegate-agent node-red start"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_restart_that_is_due_is_a_warning() {
        for (at_ms, next) in [
            (None, "set node_red.restart_window"),
            (Some(7_200_000), "in its window"),
        ] {
            let due = crate::keeper::RestartDue {
                cause: crate::keeper::Cause::Secrets,
                since_ms: 1,
                at_ms,
                window: at_ms.map(|_| "02:00-04:00".to_owned()),
            };
            let status = NodeRedStatus {
                state: Phase::Running,
                restart_due: Some(due),
                ..NodeRedStatus::default()
            };
            let finding = judge(&status);
            assert_eq!(finding.verdict, Verdict::Warning);
            assert!(
                finding.what.contains("its secrets have changed"),
                "{}",
                finding.what
            );
            assert!(finding.next.unwrap().contains(next));
        }
    }

    #[test]
    fn only_one_that_runs_its_flows_is_good() {
        for (state, safe_mode, verdict) in [
            (Phase::Running, false, Verdict::Ok),
            (Phase::Running, true, Verdict::Fault),
            (Phase::Starting, false, Verdict::Warning),
            (Phase::Waiting, false, Verdict::Fault),
            (Phase::Stopped, false, Verdict::Fault),
        ] {
            let status = NodeRedStatus {
                state,
                safe_mode,
                ..NodeRedStatus::default()
            };
            assert_eq!(judge(&status).verdict, verdict, "{state:?} {safe_mode}");
        }
    }
}
