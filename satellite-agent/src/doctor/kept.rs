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
        Phase::Running => Finding::ok(CHECK, text),
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
