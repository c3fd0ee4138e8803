use super::*;

const NOW: u64 = 100_000_000;

fn need(pull: bool, max_age_ms: Option<u64>) -> Need {
    Need {
        dataset: "backup-jobs".parse().unwrap(),
        versions: vec![1],
        title: "Backup jobs".into(),
        source: None,
        key: "backup_jobs".into(),
        required: true,
        max_age_ms,
        older_ms: None,
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
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: "up".into(),
        clock_skew_ms: 0,
        certificate: None,
    }
}

fn address(tenant: &str, name: &str) -> Address {
    Address::new(tenant.parse().unwrap(), name.parse().unwrap())
}

fn push(name: &str, age_ms: u64) -> StoredPush {
    StoredPush {
        id: 1,
        address: address("acme", name),
        version: 1,
        captured_at_ms: NOW - age_ms,
    }
}

#[track_caller]
fn check(need: &Need, satellites: &[Satellite], pushes: &[StoredPush], expected: &Source) {
    let acme = Tenant {
        id: "acme".parse().unwrap(),
        title: "Acme".into(),
        locale: docx_jinja::Locale::default(),
    };
    assert_eq!(
        source(need, &need.versions, &acme, satellites, pushes, NOW),
        *expected
    );
}

fn asked(name: &str, version: u16) -> Asked {
    let address = address("acme", name);
    Asked { address, version }
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
        &Source::Pull(vec![asked("hq", 1)]),
    );
    // One that has not introduced itself yet is asked, too.
    check(
        &pull,
        &[satellite("acme", "hq", true, &[])],
        &[],
        &Source::Pull(vec![asked("hq", 1)]),
    );
    let two = [
        satellite("acme", "hq", true, &serving),
        satellite("acme", "lab", true, &serving),
    ];
    check(
        &pull,
        &two,
        &[],
        &Source::Pull(vec![asked("hq", 1), asked("lab", 1)]),
    );
    let mixed = [
        satellite("acme", "hq", true, &serving),
        satellite("acme", "lab", false, &["devices"]),
    ];
    check(&pull, &mixed, &[], &Source::Pull(vec![asked("hq", 1)]));
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
        &Source::Pull(vec![asked("hq", 1)]),
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
        &Source::Pull(vec![asked("hq", 1), asked("lab", 1)]),
    );
    // Without a maximum age pushes are not looked at.
    check(
        &need(true, None),
        &online,
        &[push("hq", 0)],
        &Source::Pull(vec![asked("hq", 1)]),
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

#[test]
fn each_satellite_gives_the_newest_version_that_it_has_and_that_will_do() {
    let with = |name: &str, versions: &[u16]| {
        let mut satellite = satellite("acme", name, true, &[]);
        let served = |version: &u16| ("backup-jobs".parse().unwrap(), *version);
        satellite.datasets = versions.iter().map(served).collect();
        satellite
    };
    let any = Need {
        versions: vec![3, 2, 1],
        ..need(true, None)
    };
    let pinned = Need {
        versions: vec![2],
        ..need(true, None)
    };
    let mixed = [with("hq", &[1, 2]), with("lab", &[1]), with("new", &[4, 3])];
    let each = [asked("hq", 2), asked("lab", 1), asked("new", 3)];
    check(&any, &mixed, &[], &Source::Pull(each.to_vec()));
    check(&pinned, &mixed, &[], &Source::Pull(vec![asked("hq", 2)]));
    let none = nowhere(
        FailureClass::Refused,
        "none of the customer's satellites supplies it",
    );
    check(&pinned, &[with("lab", &[1])], &[], &none);
    check(
        &any,
        &[with("hq", &[])],
        &[],
        &Source::Pull(vec![asked("hq", 3)]),
    );
}

#[test]
fn of_pushes_in_several_versions_the_newest_fresh_one_counts() {
    let of = |version, age_ms| StoredPush {
        version,
        ..push("hq", age_ms)
    };
    let any = Need {
        versions: vec![2, 1],
        ..need(false, Some(1_000))
    };
    let one = Need {
        versions: vec![1],
        ..any.clone()
    };
    let both = [of(1, 5), of(2, 900)];
    check(&any, &[], &both, &Source::Pushes(vec![of(2, 900)]));
    check(&one, &[], &both, &Source::Pushes(vec![of(1, 5)]));
    let aged = [of(1, 5), of(2, 1_001)];
    check(&any, &[], &aged, &Source::Pushes(vec![of(1, 5)]));
    let foreign = nowhere(FailureClass::SourceError, "nothing was sent yet");
    check(&one, &[], &[of(2, 5)], &foreign);
}
