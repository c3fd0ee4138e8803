use super::*;
use serde_json::{Value, json};

const BASE_MS: u64 = 1_700_000_000_000;

fn leases(enabled: bool) -> Leases {
    let id = |name: &str| -> TenantId { name.parse().unwrap() };
    let ends = ["acme", "globex", "enrolment"].map(|name| {
        let end_ms = if enabled { 0 } else { ALWAYS };
        (id(name), watch::Sender::new(end_ms))
    });
    Leases {
        table: Table::default(),
        enabled,
        undivided: false,
        base_ms: BASE_MS,
        ends: ends.into(),
    }
}

/// One call; the answer, or the status of its refusal.
fn call(
    leases: &mut Leases,
    (holder, stamp): (Holder, u64),
    tenants: &[&str],
    now_ms: u64,
) -> Result<LeasesAnswer, u16> {
    let body = json!({"stamp": stamp, "lease_ms": 3_000, "tenants": tenants}).to_string();
    let (outcome, answer) = leases.call(7, holder, body.as_bytes(), now_ms);
    assert_eq!(outcome.call, 7);
    match outcome.class {
        None => Ok(serde_json::from_slice(&answer).unwrap()),
        Some(_) => Err(outcome.status),
    }
}

fn end_of(leases: &Leases, tenant: &str) -> u64 {
    let tenant = tenant.parse().unwrap();
    *leases.end_of(&tenant).unwrap().borrow()
}

#[test]
fn a_lease_runs_from_its_stamp_and_each_call_replaces_what_was_leased() {
    let mut leases = leases(true);
    let first = call(&mut leases, (Holder::Reports, 0), &["acme"], 100).unwrap();
    assert!(!first.taken, "nobody can have the first stamp yet");
    assert_eq!((first.stamp, end_of(&leases, "acme")), (BASE_MS + 100, 0));
    let second = call(&mut leases, (Holder::Reports, first.stamp), &["acme"], 600).unwrap();
    assert!(second.taken);
    assert_eq!(
        end_of(&leases, "acme"),
        3_100,
        "from the stamp, not from now"
    );
    assert_eq!(end_of(&leases, "globex"), 0);
    let third = call(
        &mut leases,
        (Holder::Reports, second.stamp),
        &["globex"],
        1_600,
    )
    .unwrap();
    assert_eq!((third.taken, third.term), (true, second.term));
    assert_eq!(
        (end_of(&leases, "acme"), end_of(&leases, "globex")),
        (0, 3_600)
    );
}

#[track_caller]
fn check(stamp_back_ms: u64, late_ms: u64, expected_taken: bool) {
    let mut leases = leases(true);
    let first = call(&mut leases, (Holder::Reports, 0), &[], 1_000).unwrap();
    let stamp = first.stamp - stamp_back_ms;
    let answer = call(
        &mut leases,
        (Holder::Reports, stamp),
        &["acme"],
        1_000 + late_ms,
    )
    .unwrap();
    assert_eq!(answer.taken, expected_taken, "{stamp_back_ms} {late_ms}");
    let expected_end = if expected_taken { 4_000 } else { 0 };
    assert_eq!(
        end_of(&leases, "acme"),
        expected_end,
        "{stamp_back_ms} {late_ms}"
    );
}

#[test]
fn a_call_that_was_held_up_on_its_way_lengthens_nothing() {
    check(0, 0, true);
    check(0, 2_999, true);
    check(0, 3_000, false);
    check(0, 60_000, false);
    check(1, 0, false);
    check(1_000, 0, false);
}

#[test]
fn a_stamp_counts_once() {
    let mut leases = leases(true);
    let first = call(&mut leases, (Holder::Reports, 0), &[], 10).unwrap();
    assert!(
        call(&mut leases, (Holder::Reports, first.stamp), &["acme"], 20)
            .unwrap()
            .taken
    );
    let again = call(&mut leases, (Holder::Reports, first.stamp), &["globex"], 30).unwrap();
    assert!(!again.taken);
    assert_eq!(
        (end_of(&leases, "acme"), end_of(&leases, "globex")),
        (3_010, 0)
    );
    let same_moment = call(&mut leases, (Holder::Reports, again.stamp), &[], 30).unwrap();
    assert!(same_moment.taken && same_moment.stamp > again.stamp);
}

#[test]
fn a_gap_begins_another_term() {
    let mut leases = leases(true);
    let mut stamp = call(&mut leases, (Holder::Reports, 0), &[], 10)
        .unwrap()
        .stamp;
    let mut terms = Vec::new();
    for now_ms in [1_000, 2_000, 3_999, 12_000, 13_000] {
        let mut answer = call(&mut leases, (Holder::Reports, stamp), &["acme"], now_ms).unwrap();
        if !answer.taken {
            answer = call(
                &mut leases,
                (Holder::Reports, answer.stamp),
                &["acme"],
                now_ms,
            )
            .unwrap();
        }
        assert!(answer.taken, "{now_ms}");
        stamp = answer.stamp;
        terms.push(answer.term - BASE_MS);
    }
    let (first, last) = (terms[0], terms[3]);
    assert_eq!(terms, [first, first, first, last, last]);
    assert!(last > first);
}

#[test]
fn each_service_leases_its_own_and_touches_nothing_of_the_other() {
    let mut leases = leases(true);
    let reports = call(&mut leases, (Holder::Reports, 0), &["acme"], 10).unwrap();
    let office = call(&mut leases, (Holder::Provisioner, 0), &["enrolment"], 10).unwrap();
    let reports = call(&mut leases, (Holder::Reports, reports.stamp), &["acme"], 20).unwrap();
    call(
        &mut leases,
        (Holder::Provisioner, office.stamp),
        &["enrolment"],
        20,
    )
    .unwrap();
    assert_eq!(
        (end_of(&leases, "acme"), end_of(&leases, "enrolment")),
        (3_010, 3_010)
    );
    call(&mut leases, (Holder::Reports, reports.stamp), &[], 30).unwrap();
    assert_eq!(
        (end_of(&leases, "acme"), end_of(&leases, "enrolment")),
        (0, 3_010)
    );
    for (holder, tenant) in [
        (Holder::Reports, "enrolment"),
        (Holder::Provisioner, "acme"),
    ] {
        assert_eq!(
            call(&mut leases, (holder, 0), &[tenant], 40),
            Err(403),
            "{tenant}"
        );
    }
    assert_eq!(end_of(&leases, "enrolment"), 3_010);
}

#[test]
fn a_tenant_that_is_not_served_is_named() {
    let mut leases = leases(true);
    let first = call(&mut leases, (Holder::Reports, 0), &["acme", "initech"], 10).unwrap();
    assert_eq!(first.unknown, ["initech".parse::<TenantId>().unwrap()]);
    let second = call(
        &mut leases,
        (Holder::Reports, first.stamp),
        &["acme", "initech"],
        20,
    );
    assert!(second.unwrap().taken);
    assert_eq!(end_of(&leases, "acme"), 3_010);
}

#[track_caller]
fn check_refused(body: &Value, status: u16) {
    let (outcome, answer) = leases(true).call(1, Holder::Reports, body.to_string().as_bytes(), 10);
    assert_eq!((outcome.status, answer.len()), (status, 0), "{body}");
}

#[test]
fn malformed_calls_are_refused_and_without_leases_every_call_is() {
    check_refused(&json!({"stamp": 0, "lease_ms": 0, "tenants": []}), 400);
    check_refused(&json!({"stamp": 0, "lease_ms": 10_001, "tenants": []}), 400);
    check_refused(&json!({"stamp": 0, "lease_ms": 3_000}), 400);
    check_refused(&json!({"stamp": -1, "lease_ms": 3_000, "tenants": []}), 400);
    check_refused(
        &json!({"stamp": 0, "lease_ms": 3_000, "tenants": ["Acme"]}),
        400,
    );
    let mut off = leases(false);
    assert_eq!(
        call(&mut off, (Holder::Reports, 0), &["acme"], 10),
        Err(404)
    );
    assert_eq!(end_of(&off, "acme"), ALWAYS);
}
