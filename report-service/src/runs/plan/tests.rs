use super::*;

const NOW: u64 = 100_000_000;

fn need(pull: bool, max_age_ms: Option<u64>) -> Need {
    Need {
        dataset: "backup-jobs".parse().unwrap(),
        version: 1,
        title: "Backup jobs".into(),
        key: "backup_jobs".into(),
        required: true,
        max_age_ms,
        pull,
        timeout_ms: 1_000,
        params: Vec::new(),
    }
}

fn satellite(tenant: &str, name: &str, online: bool, datasets: &[&str]) -> Satellite {
    Satellite {
        address: address(tenant, name),
        online,
        seen_at_ms: NOW,
        agent_version: String::new(),
        datasets: datasets.iter().map(|id| (id.parse().unwrap(), 1)).collect(),
        spool_messages: 0,
        spool_bytes: 0,
        node_red: "up".into(),
        clock_skew_ms: 0,
    }
}

fn address(tenant: &str, name: &str) -> Address {
    Address::new(tenant.parse().unwrap(), name.parse().unwrap())
}

fn push(name: &str, age_ms: u64) -> StoredPush {
    StoredPush {
        id: 1,
        address: address("acme", name),
        captured_at_ms: NOW - age_ms,
    }
}

#[track_caller]
fn check(need: &Need, satellites: &[Satellite], pushes: &[StoredPush], expected: &Source) {
    let acme = Tenant {
        id: "acme".parse().unwrap(),
        title: "Acme".into(),
    };
    assert_eq!(source(need, &acme, satellites, pushes, NOW), *expected);
}

fn nowhere(class: FailureClass, detail: &str) -> Source {
    Source::Nowhere(Failure::new(class, detail))
}

#[test]
fn pulls_go_to_every_satellite_that_serves_and_only_to_the_tenants_own() {
    let pull = need(true, None);
    let serving = ["backup-jobs"];
    check(
        &pull,
        &[satellite("acme", "hq", true, &serving)],
        &[],
        &Source::Pull(vec![address("acme", "hq")]),
    );
    // One that has not introduced itself yet is asked, too.
    check(
        &pull,
        &[satellite("acme", "hq", true, &[])],
        &[],
        &Source::Pull(vec![address("acme", "hq")]),
    );
    let two = [
        satellite("acme", "hq", true, &serving),
        satellite("acme", "lab", true, &serving),
    ];
    check(
        &pull,
        &two,
        &[],
        &Source::Pull(vec![address("acme", "hq"), address("acme", "lab")]),
    );
    let mixed = [
        satellite("acme", "hq", true, &serving),
        satellite("acme", "lab", false, &["devices"]),
    ];
    check(
        &pull,
        &mixed,
        &[],
        &Source::Pull(vec![address("acme", "hq")]),
    );
    let none = nowhere(
        FailureClass::Offline,
        "no satellite of this customer has reported in yet",
    );
    check(&pull, &[], &[], &none);
    check(
        &pull,
        &[satellite("globex", "hq", true, &serving)],
        &[],
        &none,
    );
}

#[test]
fn what_cannot_be_pulled_is_told_at_once() {
    let pull = need(true, None);
    let serving = ["backup-jobs"];
    let offline = [
        satellite("acme", "hq", true, &serving),
        satellite("acme", "lab", false, &serving),
    ];
    check(
        &pull,
        &offline,
        &[],
        &nowhere(FailureClass::Offline, "satellite lab"),
    );
    let other = [satellite("acme", "hq", true, &["devices"])];
    check(
        &pull,
        &other,
        &[],
        &nowhere(
            FailureClass::Refused,
            "none of the customer's satellites supplies it",
        ),
    );
}

#[test]
fn fresh_pushes_come_before_pulls_and_old_ones_do_not() {
    let both = need(true, Some(1_000));
    let serving = ["backup-jobs"];
    let online = [satellite("acme", "hq", true, &serving)];
    let offline = [satellite("acme", "hq", false, &serving)];
    check(
        &both,
        &online,
        &[push("hq", 1_000)],
        &Source::Pushes(vec![push("hq", 1_000)]),
    );
    check(
        &both,
        &offline,
        &[push("hq", 0)],
        &Source::Pushes(vec![push("hq", 0)]),
    );
    check(
        &both,
        &[],
        &[push("hq", 0)],
        &Source::Pushes(vec![push("hq", 0)]),
    );
    check(
        &both,
        &online,
        &[push("hq", 1_001)],
        &Source::Pull(vec![address("acme", "hq")]),
    );
    check(
        &both,
        &offline,
        &[push("hq", 1_001)],
        &nowhere(FailureClass::Offline, "satellite hq"),
    );
    // All of the customer's satellites must be in it, or the table would silently lack rows.
    let two = [
        satellite("acme", "hq", true, &serving),
        satellite("acme", "lab", true, &serving),
    ];
    check(
        &both,
        &two,
        &[push("hq", 0)],
        &Source::Pull(vec![address("acme", "hq"), address("acme", "lab")]),
    );
    // Without a maximum age pushes are not looked at.
    check(
        &need(true, None),
        &online,
        &[push("hq", 0)],
        &Source::Pull(vec![address("acme", "hq")]),
    );
}

#[test]
fn what_is_only_ever_pushed_is_never_asked_for() {
    let only = need(false, Some(1_000));
    let online = [satellite("acme", "hq", true, &["backup-jobs"])];
    check(
        &only,
        &online,
        &[push("hq", 5)],
        &Source::Pushes(vec![push("hq", 5)]),
    );
    check(
        &only,
        &online,
        &[],
        &nowhere(FailureClass::SourceError, "nothing was sent yet"),
    );
    let old = nowhere(
        FailureClass::SourceError,
        "what was last sent is 2 hours old",
    );
    check(&only, &online, &[push("hq", 7_200_000)], &old);
}
