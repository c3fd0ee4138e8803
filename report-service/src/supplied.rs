//! `spokegate-reports datasets`: what satellites supply, as they last said.

use crate::Service;
use crate::config::StoreConfig;
use crate::store::satellites::Satellite;
use anyhow::Context as _;
use serde_json::{Value, json};
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Prints every satellite of the configured store with its datasets.
pub(crate) fn datasets(files: &ConfigArgs, as_json: bool) -> ExitCode {
    let config = match files.load_or_tell::<Service>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    match satellites(&config.store) {
        Ok(satellites) if as_json => print(&format!("{:#}\n", document(&satellites))),
        Ok(satellites) => print(&lines(&satellites)),
        Err(error) => {
            tell(&format!("cannot list the datasets: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn satellites(store: &StoreConfig) -> anyhow::Result<Vec<Satellite>> {
    wait_for(async {
        let store = store.open().await?;
        store.satellites().await.context("read the satellites")
    })
}

/// What `spokegate contract diff --announced` reads.
fn document(satellites: &[Satellite]) -> Value {
    let satellites: Vec<Value> = satellites
        .iter()
        .map(|satellite| {
            let datasets: Vec<Value> = satellite
                .datasets
                .iter()
                .map(|(dataset, version)| json!({"dataset": dataset, "version": version}))
                .collect();
            json!({
                "tenant": satellite.address.tenant,
                "satellite": satellite.address.satellite,
                "online": satellite.online,
                "seen_at_ms": satellite.seen_at_ms,
                "datasets": datasets,
            })
        })
        .collect();
    json!({"satellites": satellites})
}

fn lines(satellites: &[Satellite]) -> String {
    let mut text = String::new();
    for satellite in satellites {
        let names: Vec<String> = satellite
            .datasets
            .iter()
            .map(|(dataset, version)| format!("{dataset} v{version}"))
            .collect();
        let names = if names.is_empty() {
            "nothing yet".to_owned()
        } else {
            names.join(", ")
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {names}", satellite.address);
    }
    if text.is_empty() {
        text.push_str("no satellite was heard of so far\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn satellite(name: &str, datasets: &[(&str, u16)]) -> Satellite {
        let address =
            spokegate_contract::Address::new("acme".parse().unwrap(), name.parse().unwrap());
        Satellite {
            address,
            online: true,
            seen_at_ms: 5,
            agent_version: String::new(),
            datasets: datasets
                .iter()
                .map(|(id, version)| (id.parse().unwrap(), *version))
                .collect(),
            spool_messages: 0,
            spool_bytes: 0,
            spool_oldest_ms: None,
            restart_due_ms: None,
            node_red: "up".into(),
            clock_skew_ms: 0,
            certificate: None,
        }
    }

    #[test]
    fn what_was_announced_is_listed_for_people_and_programs() {
        let all = [
            satellite("hq", &[("devices", 1), ("devices", 2)]),
            satellite("yard", &[]),
        ];
        assert_eq!(
            lines(&all),
            "acme/hq: devices v1, devices v2\nacme/yard: nothing yet\n"
        );
        assert_eq!(lines(&[]), "no satellite was heard of so far\n");
        let expected = json!({"satellites": [
            {"tenant": "acme", "satellite": "hq", "online": true, "seen_at_ms": 5,
             "datasets": [{"dataset": "devices", "version": 1}, {"dataset": "devices", "version": 2}]},
            {"tenant": "acme", "satellite": "yard", "online": true, "seen_at_ms": 5, "datasets": []},
        ]});
        assert_eq!(document(&all), expected);
    }
}
