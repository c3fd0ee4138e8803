use super::*;
use serde_json::{Value, json};

const ID: &str = "0123456789abcdef0123456789abcdef";
const OTHER_ID: &str = "1123456789abcdef0123456789abcdef";

fn origin(channel: &str) -> WorkHead {
    let is_reply = channel == "reply";
    let has_dataset = is_reply || channel == "push";
    WorkHead {
        token: 1,
        tenant: "acme".parse().unwrap(),
        satellite: "hq".parse().unwrap(),
        at_ms: 7,
        channel: channel.to_owned(),
        dataset: has_dataset.then(|| "devices".parse().unwrap()),
        version: is_reply.then_some(1),
        id: is_reply.then(|| ID.parse().unwrap()),
        push: (channel == "push").then_some((5, 9)),
        hello: (channel == "hello").then_some((5, 3)),
        condemned: None,
    }
}

/// The record with members changed; null takes one out.
fn check(lane: Lane, origin: &WorkHead, record: &Value, changes: &Value, expected: bool) {
    let mut record = record.clone();
    let members = record.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    let held = is_of(record.to_string().as_bytes(), lane, origin);
    assert_eq!(held, expected, "{lane:?} {changes}");
}

#[test]
fn a_reply_is_of_its_pull_and_no_other() {
    let record = json!({
        "at": 7, "dataset": "devices", "id": ID, "kind": "reply", "last": true, "rows": [{"tenant": "globex"}],
        "satellite": "hq", "sequence": 0, "tenant": "acme", "version": 1,
    });
    let origin = origin("reply");
    check(Lane::Reply, &origin, &record, &json!({}), true);
    check(Lane::Reply, &origin, &record, &json!({"sequence": 4}), true);
    for change in [
        json!({"tenant": "globex"}),
        json!({"satellite": "branch"}),
        json!({"at": 8}),
        json!({"id": OTHER_ID}),
        json!({"id": null}),
        json!({"dataset": "tickets"}),
        json!({"version": 2}),
        json!({"kind": "push"}),
    ] {
        check(Lane::Reply, &origin, &record, &change, false);
    }
    check(Lane::Push, &origin, &record, &json!({}), false);
    check(Lane::Status, &origin, &record, &json!({}), false);
}

#[test]
fn a_push_is_of_its_place_in_the_spool() {
    let record = json!({
        "at": 7, "captured_at": 6, "dataset": "devices", "epoch": 5, "kind": "push", "rows": [], "satellite": "hq",
        "sequence": 9, "tenant": "acme", "version": 1,
    });
    let push = origin("push");
    check(Lane::Push, &push, &record, &json!({}), true);
    for change in [
        json!({"sequence": 10}),
        json!({"epoch": 6}),
        json!({"sequence": null}),
        json!({"dataset": "tickets"}),
        json!({"satellite": "branch"}),
    ] {
        check(Lane::Push, &push, &record, &change, false);
    }
    check(Lane::Push, &origin("status"), &record, &json!({}), false);
}

#[test]
fn a_sign_of_life_is_of_its_kind() {
    let record = json!({"at": 7, "kind": "status", "satellite": "hq", "tenant": "acme"});
    check(Lane::Status, &origin("status"), &record, &json!({}), true);
    check(
        Lane::Status,
        &origin("status"),
        &record,
        &json!({"kind": "hello"}),
        false,
    );
    check(Lane::Status, &origin("hello"), &record, &json!({}), false);
    check(
        Lane::Status,
        &origin("push"),
        &record,
        &json!({"kind": "push"}),
        false,
    );
    check(
        Lane::Enrol,
        &origin("enrol"),
        &record,
        &json!({"kind": "enrol"}),
        true,
    );
    check(
        Lane::Enrol,
        &origin("status"),
        &record,
        &json!({"kind": "enrol"}),
        false,
    );
    for (channel, expected) in [("result", true), ("status", false), ("reply", false)] {
        let change = json!({"kind": "result"});
        check(Lane::Result, &origin(channel), &record, &change, expected);
    }
    check(Lane::Audit, &origin("status"), &record, &json!({}), false);
    for (channel, expected) in [("budget", true), ("status", false)] {
        let change = json!({"kind": "budget"});
        check(Lane::Status, &origin(channel), &record, &change, expected);
    }
}

#[test]
fn a_hello_says_of_its_spool_what_the_satellite_said() {
    let record = json!({
        "acked_sequence": 3, "agent_version": "1", "at": 7, "datasets": [], "epoch": 5, "kind": "hello",
        "last_sequence": 9, "satellite": "hq", "tenant": "acme",
    });
    let hello = origin("hello");
    check(Lane::Status, &hello, &record, &json!({}), true);
    for change in [
        json!({"acked_sequence": 9}),
        json!({"acked_sequence": null}),
        json!({"epoch": 6}),
        json!({"epoch": null}),
        json!({"kind": "status"}),
    ] {
        check(Lane::Status, &hello, &record, &change, false);
    }
    let mut unread = origin("hello");
    unread.hello = None;
    check(Lane::Status, &unread, &record, &json!({}), false);
}

#[test]
fn a_refusal_disposes_of_no_other_push() {
    let record = json!({
        "at": 7, "channel": "push", "dataset": "devices", "epoch": 5, "file": origin("push").quarantine_id(), "kind": "quarantine", "satellite": "hq",
        "sequence": 9, "tenant": "acme",
    });
    let push = origin("push");
    check(Lane::Quarantine, &push, &record, &json!({}), true);
    check(
        Lane::Quarantine,
        &push,
        &record,
        &json!({"epoch": null, "sequence": null}),
        true,
    );
    check(
        Lane::Quarantine,
        &push,
        &record,
        &json!({"sequence": 10}),
        false,
    );
    check(
        Lane::Quarantine,
        &push,
        &record,
        &json!({"channel": "reply"}),
        false,
    );
    check(Lane::Quarantine, &push, &record, &json!({"id": ID}), false);
    let mut unread = origin("push");
    unread.push = None;
    check(Lane::Quarantine, &unread, &record, &json!({}), false);
}

#[test]
fn what_is_no_record_is_of_nothing() {
    for text in ["", "null", "[]", "{}", "{\"at\":7}", "\u{0}"] {
        assert!(
            !is_of(text.as_bytes(), Lane::Status, &origin("status")),
            "{text}"
        );
    }
    let twice = br#"{"at":7,"kind":"status","satellite":"hq","tenant":"globex","tenant":"acme"}"#;
    assert!(!is_of(twice, Lane::Status, &origin("status")));
}
