use super::*;

#[test]
fn certificates_that_end_are_named_and_what_to_do_is_told() {
    const DAY_S: u64 = 86_400;
    let now_ms = 100 * DAY_S * 1_000;
    // A hundred days of life, of which so many are left.
    let left = |days: u64| Validity::new(days * DAY_S, (100 + days) * DAY_S);
    let holder = |name: &str, certificate| (name.to_owned(), certificate);
    let check = |satellites: Vec<Holder>, sanitizers: Vec<Holder>, expected, words: &[&str]| {
        let verdict = certificates(&satellites, &sanitizers, now_ms);
        assert_eq!(verdict.condition, expected, "{verdict:?}");
        for words in words {
            let told = format!("{} {}", verdict.finding, verdict.advice);
            assert!(told.contains(words), "{told} lacks {words}");
        }
        verdict
    };
    let (hq, yard) = (holder("acme/hq", left(60)), holder("acme/yard", left(3)));
    let silent = holder("acme/attic", None);
    let gate = "https://gate";
    check(vec![], vec![], Condition::Unknown, &[]);
    check(
        vec![silent.clone()],
        vec![holder(gate, None)],
        Condition::Unknown,
        &[],
    );
    let words = [
        "2 known, and the first ends on 10 Jun 1970",
        "One satellite does not say.",
    ];
    let (fresh, old) = (holder(gate, left(90)), holder(gate, left(1)));
    check(
        vec![hq.clone(), silent],
        vec![fresh.clone()],
        Condition::Good,
        &words,
    );
    let words = ["acme/yard (ends in 3 days).", "log says why"];
    let told = check(
        vec![hq.clone(), yard.clone()],
        vec![fresh],
        Condition::Warn,
        &words,
    );
    assert!(!told.finding.contains("acme/hq"), "{told:?}");
    assert!(!told.advice.contains("sanitizer"), "{told:?}");
    let words = ["at: https://gate (ends in 1 day).", "server certificate"];
    let told = check(vec![hq.clone()], vec![old.clone()], Condition::Warn, &words);
    assert!(!told.advice.contains("agent"), "{told:?}");
    let words = [
        "https://gate (ends in 1 day), acme/yard",
        "agent",
        "server certificate",
    ];
    check(vec![yard], vec![old], Condition::Warn, &words);
    let ended: Vec<Holder> = (1..=7)
        .map(|n| holder(&format!("acme/s{n}"), Validity::new(1, 98 * DAY_S)))
        .collect();
    let words = [
        "acme/s1 (ended 2 days ago)",
        "acme/s5 (ended 2 days ago) and 2 more.",
    ];
    check(ended, vec![], Condition::Warn, &words);
}

#[test]
fn versions_of_sanitizers_are_told() {
    let versions = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    for (known, words) in [
        (versions(&[]), "2 of 2 answer."),
        (versions(&["1.0.0"]), "2 of 2 answer. Version 1.0.0."),
        (
            versions(&["1.0.0", "1.1.0"]),
            "2 of 2 answer. Versions 1.0.0, 1.1.0.",
        ),
    ] {
        assert_eq!(sanitizers(2, 2, &known).finding, words);
    }
}

#[test]
fn each_finding_has_its_state_and_what_fails_has_advice() {
    let check = |verdict: Verdict, expected: Condition| {
        assert_eq!(verdict.condition, expected, "{verdict:?}");
        let needs_act = matches!(expected, Condition::Warn | Condition::Bad);
        assert_eq!(!verdict.advice.is_empty(), needs_act, "{verdict:?}");
        assert!(verdict.finding.ends_with('.'), "{verdict:?}");
    };
    let sanitizers = |up, all| super::sanitizers(up, all, &BTreeSet::new());
    check(sanitizers(0, 0), Condition::Unused);
    check(sanitizers(0, 2), Condition::Bad);
    check(sanitizers(1, 2), Condition::Warn);
    check(sanitizers(2, 2), Condition::Good);
    let satellites = |online, all| super::satellites(online, all, &[]);
    let down: Vec<String> = (1..=7).map(|n| format!("acme/s{n}")).collect();
    let told = super::satellites(9, 9, &down);
    assert!(
        format!("{told:?}").contains("acme/s5 and 2 more"),
        "{told:?}"
    );
    check(told, Condition::Warn);
    check(satellites(0, 0), Condition::Unknown);
    check(satellites(0, 1), Condition::Bad);
    check(satellites(1, 3), Condition::Warn);
    check(satellites(3, 3), Condition::Good);
    check(templates(&[], 2), Condition::Good);
    check(templates(&["Overview".into()], 2), Condition::Bad);
    check(brokers(0), Condition::Unknown);
    check(brokers(1), Condition::Good);
    assert!(brokers(2).finding.starts_with("2 satellites are "));
    check(office(true, false), Condition::Good);
    check(office(false, true), Condition::Unused);
    check(office(false, false), Condition::Warn);
    check(directory(2, &[]), Condition::Good);
    check(directory(2, &["x is down.".into()]), Condition::Warn);
    check(sources(0, 0, &[]), Condition::Unused);
    check(sources(2, 0, &[]), Condition::Unknown);
    check(sources(2, 1, &[]), Condition::Good);
    check(sources(2, 2, &["PSA".into()]), Condition::Warn);
    check(queue(QUEUE_LONG, 4), Condition::Good);
    check(queue(QUEUE_LONG + 1, 4), Condition::Warn);
    check(disk(DISK_LOW_BYTES, u64::MAX), Condition::Good);
    check(disk(DISK_LOW_BYTES - 1, u64::MAX), Condition::Warn);
    check(disk(DISK_EMPTY_BYTES - 1, u64::MAX), Condition::Bad);
}
