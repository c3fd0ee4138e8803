//! What of a satellite somebody should look at; pure.

use spokegate_contract::limits::CLOCK_SKEW_MS_MAX;

use super::clock;
use crate::certificate;
use crate::store::budgets::Standing;
use crate::store::satellites::Satellite;
use crate::text;

/// A satellite that is online and says nothing for so long is not well: six of its heartbeats.
const SILENT_MS: u64 = 3 * 60_000;
/// More pushes that wait than this do not go down by themselves.
const SPOOL_MESSAGES_LONG: u64 = 1_000;
/// The same in bytes.
const SPOOL_BYTES_LONG: u64 = 64 * 1024 * 1024;
/// A clock that is off by so much is noticed; by half of what is allowed, in milliseconds.
const CLOCK_OFF_MS: u64 = CLOCK_SKEW_MS_MAX / 2;

/// The newest of some versions.
pub(super) fn newest<'v>(versions: impl Iterator<Item = &'v str>) -> Option<&'v str> {
    versions
        .filter(|version| !version.is_empty())
        .max_by_key(|version| numbers(version))
}

fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}

/// A sentence for each thing; none when all is well.
pub(super) fn warnings(
    satellite: &Satellite,
    newest: &str,
    standings: &[Standing],
    now_ms: u64,
) -> Vec<String> {
    let mut warnings = Vec::new();
    let own = |standing: &&Standing| standing.address == satellite.address;
    for standing in standings.iter().filter(own) {
        let (state, until) = (standing.state.as_str(), text::when(standing.until_ms));
        warnings.push(format!(
            "It is {state} until {until}: too much of what it sent was refused."
        ));
    }
    let since = text::when(satellite.seen_at_ms);
    if !satellite.online {
        warnings.push(format!(
            "It is offline since {since}: check its machine and its line."
        ));
    } else if now_ms.saturating_sub(satellite.seen_at_ms) > SILENT_MS {
        warnings.push(format!(
            "It is connected, but has said nothing since {since}."
        ));
    }
    if satellite.agent_version.is_empty() {
        return warnings;
    }
    if satellite.node_red == "down" {
        warnings.push("Its Node-RED does not run.".into());
    }
    if let Some(since_ms) = satellite.restart_due_ms {
        let since = text::when(since_ms);
        warnings.push(format!(
            "Its Node-RED runs with secrets of before, or a restart was ordered, since {since}: it is restarted in its window, or by spokegate satellite restart --now."
        ));
    }
    if satellite.spool_messages > SPOOL_MESSAGES_LONG || satellite.spool_bytes > SPOOL_BYTES_LONG {
        warnings.push("Many pushes wait: it sends faster than they are taken.".into());
    }
    if satellite.clock_skew_ms.unsigned_abs() > CLOCK_OFF_MS {
        let clock = clock(satellite.clock_skew_ms);
        warnings.push(format!("Its clock is {clock}: set it by NTP."));
    }
    let certificate = satellite.certificate;
    warnings.extend(certificate.and_then(|validity| certificate::warning(validity, now_ms)));
    if numbers(&satellite.agent_version) < numbers(newest) {
        warnings.push(format!("Its agent is older than {newest}."));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use spokegate_contract::Address;
    use spokegate_contract::envelope::Validity;
    use spokegate_contract::record::BudgetState;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn address(satellite: &str) -> Address {
        Address::new("acme".parse().unwrap(), satellite.parse().unwrap())
    }

    fn well() -> Satellite {
        Satellite {
            address: address("hq"),
            online: true,
            seen_at_ms: NOW_MS - 1_000,
            agent_version: "1.2.0".into(),
            datasets: Vec::new(),
            spool_messages: 3,
            spool_bytes: 100,
            spool_oldest_ms: None,
            restart_due_ms: None,
            node_red: "up".into(),
            clock_skew_ms: 400,
            certificate: None,
        }
    }

    #[test]
    fn each_thing_that_is_wrong_has_a_sentence() {
        let check = |change: &dyn Fn(&mut Satellite), expected: &[&str]| {
            let mut satellite = well();
            change(&mut satellite);
            let found = warnings(&satellite, "1.2.0", &[], NOW_MS);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.contains(expected), "{found} lacks {expected}");
            }
        };
        check(&|_| (), &[]);
        check(&|one| one.online = false, &["It is offline since"]);
        check(
            &|one| one.seen_at_ms = NOW_MS - SILENT_MS - 1,
            &["said nothing since"],
        );
        check(&|one| one.seen_at_ms = NOW_MS - SILENT_MS, &[]);
        check(&|one| one.node_red = "down".into(), &["Node-RED"]);
        check(&|one| one.node_red = "unknown".into(), &[]);
        check(&|one| one.restart_due_ms = Some(1), &["secrets of before"]);
        check(
            &|one| one.spool_messages = SPOOL_MESSAGES_LONG + 1,
            &["pushes wait"],
        );
        check(&|one| one.spool_bytes = SPOOL_BYTES_LONG, &[]);
        let off = i64::try_from(CLOCK_OFF_MS).unwrap();
        check(&|one| one.clock_skew_ms = -off, &[]);
        check(&|one| one.clock_skew_ms = -off - 1, &["behind"]);
        check(
            &|one| one.agent_version = "1.1.9".into(),
            &["older than 1.2.0"],
        );
        check(&|one| one.agent_version = "1.10.0".into(), &[]);
        let certificate = |from: u64, to: u64| {
            let now_s = NOW_MS / 1_000;
            Validity::new(now_s - from, now_s + to)
        };
        check(&|one| one.certificate = certificate(70, 30), &[]);
        check(
            &|one| one.certificate = certificate(76, 24),
            &["Its certificate ends in"],
        );
        check(
            &|one| {
                one.agent_version.clear();
                one.node_red = "down".into();
                one.online = false;
            },
            &["It is offline since"],
        );
    }

    #[test]
    fn a_suspension_is_told_of_the_satellite_that_has_it() {
        let standing = |satellite: &str| Standing {
            address: address(satellite),
            sanitizer: "https://one".into(),
            state: BudgetState::Suspended,
            until_ms: NOW_MS,
            at_ms: 1,
        };
        let told = warnings(&well(), "", &[standing("hq")], NOW_MS);
        assert!(told[0].starts_with("It is suspended until"), "{told:?}");
        let other = warnings(&well(), "", &[standing("yard")], NOW_MS);
        assert!(other.is_empty(), "{other:?}");
    }

    #[test]
    fn versions_are_numbers() {
        for (versions, expected) in [
            (&["1.9.0", "1.10.0", ""][..], Some("1.10.0")),
            (&["0.1.0-rc1"], Some("0.1.0-rc1")),
            (&["", ""], None),
        ] {
            assert_eq!(newest(versions.iter().copied()), expected);
        }
    }
}
