use super::*;
use crate::health::judge::Verdict;

fn found(part: Part, verdict: Verdict) -> Found {
    Found {
        part,
        verdict,
        since_ms: 1,
        looked_ms: 1,
    }
}

fn told(facts: &Facts<'_>) -> Vec<String> {
    let line = |want: Want| {
        let state = if want.is_failing { "fails" } else { "look" };
        format!("{state} {}: {} {}", want.about, want.found, want.page)
    };
    of(facts).into_iter().map(line).collect()
}

#[test]
fn where_all_is_well_nothing_wants_anybody() {
    let parts = [
        found(Part::Store, Verdict::good("It works.")),
        found(Part::Mail, Verdict::unused("None.")),
        found(Part::Brokers, Verdict::unknown("Nobody knows.")),
        // Told for each satellite, with what to do there.
        found(Part::Satellites, Verdict::warn("1 of 2 online.", "Look.")),
        found(Part::Certificates, Verdict::warn("One ends.", "Look.")),
    ];
    let facts = Facts {
        parts: &parts,
        satellites: &[("acme/hq".into(), Vec::new())],
        silent: &[],
        failed_runs: 0,
        refused: 0,
        schedules: &[],
    };
    assert_eq!(told(&facts), Vec::<String>::new());
}

#[test]
fn what_fails_comes_first_and_each_thing_names_its_page() {
    let parts = [
        found(Part::Disk, Verdict::warn("900 MB free.", "Make room.")),
        found(Part::Store, Verdict::bad("It takes no write.", "Look.")),
        found(
            Part::Satellites,
            Verdict::bad("None of 2 is online.", "Look."),
        ),
    ];
    let facts = Facts {
        parts: &parts,
        satellites: &[
            (
                "acme/hq".into(),
                vec!["It is offline.".into(), "It is old.".into()],
            ),
            ("globex/hq".into(), Vec::new()),
        ],
        silent: &["Initech".into()],
        failed_runs: 1,
        refused: 2,
        schedules: &[(
            "Monthly of Alice".into(),
            "Its template cannot be used.".into(),
        )],
    };
    assert_eq!(
        told(&facts),
        [
            "fails Store: It takes no write. /health",
            "fails Satellites: None of 2 is online. /health",
            "look Disk for documents: 900 MB free. /health",
            "look acme/hq: It is offline. It is old. /satellites",
            "look Customers: Never heard of a satellite of Initech. /satellites",
            "look Runs: One run of the last 24 hours failed. /runs?state=failed",
            "look Quarantine: 2 messages of the last 24 hours were refused. /quarantine",
            "look Schedule Monthly of Alice: Its template cannot be used. /schedules",
        ]
    );
}

#[test]
fn of_many_the_first_are_named_and_the_others_counted() {
    let names = |count: usize| (0..count).map(|number| format!("s{number}"));
    for (count, last) in [(5, None), (6, Some(1)), (200, Some(195))] {
        let satellites: Vec<_> = names(count)
            .map(|name| (name, vec!["Off.".into()]))
            .collect();
        let silent: Vec<_> = names(count).collect();
        let schedules: Vec<_> = names(count).map(|name| (name, "Off.".to_owned())).collect();
        let facts = Facts {
            parts: &[],
            satellites: &satellites,
            silent: &silent,
            failed_runs: 2,
            refused: 1,
            schedules: &schedules,
        };
        let told = told(&facts).join("\n");
        assert_eq!(
            told.lines().count(),
            5 + 5 + 3 + 2 * usize::from(last.is_some())
        );
        for what in ["satellites", "schedules"] {
            let more = last.map(|more| format!("look {more} more {what}: "));
            assert!(more.is_none_or(|more| told.contains(&more)), "{told}");
        }
        let more = last.map(|more| format!("s4 and {more} more."));
        assert!(told.contains(&more.unwrap_or("s4. ".into())), "{told}");
    }
}
