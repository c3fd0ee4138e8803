use super::*;
use crate::link::Condemned;
use serde_json::{Value, json};
use spokegate_contract::envelope::{CommandFault, CommandOutcome};
use spokegate_contract::record::check_canonical;
use spokegate_contract::{FailureClass, Registry, RequestId};

fn bench() -> Bench {
    let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let library = Library::compile(&Registry::open(&schemas).unwrap()).unwrap();
    Bench {
        library,
        limits: BodyLimits::default(),
    }
}

fn work(channel: &str) -> WorkHead {
    let is_reply = channel == "reply";
    WorkHead {
        token: 1,
        tenant: "acme".parse().unwrap(),
        satellite: "hq".parse().unwrap(),
        at_ms: 1_800_000_000_000,
        channel: channel.to_owned(),
        dataset: Some("devices".parse().unwrap()),
        version: is_reply.then_some(1),
        id: is_reply.then(|| RequestId::from_bytes([1; 16])),
        push: None,
        hello: None,
        condemned: None,
    }
}

fn device() -> Value {
    json!({
        "hostname": "one", "kind": "server", "os": "Debian", "os_version": "12", "ip": "10.0.0.7",
        "last_seen": "2026-01-05T10:00:00Z", "online": true, "owner": "Zoë \"Z\" \\",
    })
}

fn reply(rows: &Value) -> Bytes {
    reply_of(rows, None)
}

fn reply_of(rows: &Value, captured_at_ms: Option<u64>) -> Bytes {
    let mut body = Vec::new();
    spokegate_contract::cbor::from_json(rows, &mut body).unwrap();
    let part = Part::Rows {
        body: body.into(),
        last: None,
    };
    Reply {
        id: RequestId::from_bytes([1; 16]),
        sequence: 0,
        captured_at_ms,
        part,
    }
    .encode()
    .into()
}

fn lanes(judged: &Judged) -> Vec<Lane> {
    for (_, record) in &judged.records {
        check_canonical(record).unwrap();
    }
    judged.records.iter().map(|(lane, _)| *lane).collect()
}

#[test]
fn a_good_reply_is_one_canonical_record() {
    let judged = bench().judge(&work("reply"), &reply(&json!([device(), device()])));
    assert_eq!((lanes(&judged), judged.refusal), (vec![Lane::Reply], None));
    let record: Value = serde_json::from_slice(&judged.records[0].1).unwrap();
    assert_eq!(record["rows"], json!([device(), device()]));
    assert!(record.get("captured_at").is_none());
}

#[test]
fn a_reply_from_memory_says_since_when() {
    let payload = reply_of(&json!([device()]), Some(1_790_000_000_000));
    let judged = bench().judge(&work("reply"), &payload);
    assert_eq!((lanes(&judged), judged.refusal), (vec![Lane::Reply], None));
    let record: Value = serde_json::from_slice(&judged.records[0].1).unwrap();
    assert_eq!(record["captured_at"], json!(1_790_000_000_000_u64));
}

#[test]
fn a_bad_reply_is_a_quarantine_record_and_a_failure_without_the_value() {
    let mut bad = device();
    bad["ip"] = json!("tell-tale");
    let judged = bench().judge(&work("reply"), &reply(&json!([device(), bad])));
    assert_eq!(lanes(&judged), [Lane::Quarantine, Lane::Reply]);
    assert_eq!(judged.refusal.as_ref().unwrap().pointer, "/1/ip");
    for (_, record) in &judged.records {
        assert!(!String::from_utf8_lossy(record).contains("tell-tale"));
    }
    let failure: Value = serde_json::from_slice(&judged.records[1].1).unwrap();
    assert_eq!(failure["failure"]["class"], json!("invalid"));
}

#[test]
fn rows_per_chunk_are_bounded() {
    let rows = |count: usize| {
        let row = json!({"hostname": "a"});
        reply(&Value::Array(vec![row; count]))
    };
    let rule = |count| {
        bench()
            .judge(&work("reply"), &rows(count))
            .refusal
            .unwrap()
            .rule
    };
    assert_eq!(rule(CHUNK_ROWS_MAX), "contract:required");
    assert_eq!(rule(CHUNK_ROWS_MAX + 1), "array-items");
}

#[test]
fn a_body_keeps_to_the_limits_of_its_dataset() {
    let schemas = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas");
    let shipped = spokegate_contract::folder::Folder::read(&schemas).unwrap();
    let rule = |rows: usize, limits: Value| {
        let mut folder = shipped.clone();
        let about = folder.get("devices/dataset.json").unwrap();
        let mut about: Value = serde_json::from_slice(about).unwrap();
        about["limits"] = limits;
        folder.insert("devices/dataset.json", about.to_string().into_bytes());
        let bench = Bench {
            library: Library::compile(&folder.registry_as_it_stands().unwrap()).unwrap(),
            limits: BodyLimits::default(),
        };
        let judged = bench.judge(&work("reply"), &reply(&Value::Array(vec![device(); rows])));
        judged.refusal.map(|refusal| refusal.rule)
    };
    let refused = |rule: &str| Some(rule.to_owned());
    assert_eq!(rule(2, json!({"rows": 2, "bytes": 10_000})), None);
    assert_eq!(
        rule(3, json!({"rows": 2, "bytes": 10_000})),
        refused("limits.rows")
    );
    assert_eq!(
        rule(1, json!({"rows": 2, "bytes": 100})),
        refused("limits.bytes")
    );
}

#[test]
fn the_condemned_are_written_down_and_not_looked_at() {
    let mut condemned = work("reply");
    condemned.condemned = Some(Condemned {
        reason: Reason::TooLarge,
        rule: "chunks".into(),
    });
    let judged = bench().judge(&condemned, &reply(&json!([device()])));
    assert_eq!(lanes(&judged), [Lane::Quarantine, Lane::Reply]);
    let failure: Value = serde_json::from_slice(&judged.records[1].1).unwrap();
    assert_eq!(
        failure["failure"],
        json!({"class": FailureClass::TooLarge, "detail": "/: chunks"})
    );
}

#[test]
fn every_channel_has_an_answer_for_junk() {
    for channel in ["reply", "push", "hello", "status", "presence", "result", ""] {
        for junk in [&b""[..], b"\xa0", b"\xff\xff", &[0; 2_000]] {
            let judged = bench().judge(
                &work(channel),
                &Bytes::from_static(b"")
                    .slice(0..0)
                    .into_iter()
                    .chain(junk.iter().copied())
                    .collect(),
            );
            assert_eq!(
                judged.refusal.as_ref().unwrap().reason,
                Reason::Envelope,
                "{channel}"
            );
            assert_eq!(lanes(&judged)[0], Lane::Quarantine);
        }
    }
}

fn enrolment(csr: &str, satellite: (&str, &str)) -> (WorkHead, Bytes) {
    let path = format!("{}/fuzz/corpus/csr/{csr}", env!("CARGO_MANIFEST_DIR"));
    let enrol = Enrol {
        id: RequestId::from_bytes([9; 16]),
        csr: std::fs::read(path).unwrap().into(),
        request: spokegate_contract::envelope::EnrolRequest::Join {
            token: "0123456789abcdef".to_owned(),
            proof: [0xab; 32],
        },
        peer: Some("192.0.2.7".to_owned()),
    };
    let mut work = work("enrol");
    (work.tenant, work.satellite) = (satellite.0.parse().unwrap(), satellite.1.parse().unwrap());
    work.dataset = None;
    (work, enrol.encode().into())
}

#[test]
fn of_a_request_for_too_much_the_record_holds_the_key_and_nothing_it_asked_for() {
    let (work, payload) = enrolment("ca-and-foreign-san", ("enrolment", "door"));
    assert!(payload.windows(6).any(|part| part == b"globex"));
    let judged = bench().judge(&work, &payload);
    assert_eq!(
        (lanes(&judged), judged.refusal.clone()),
        (vec![Lane::Enrol], None)
    );
    let record: Value = serde_json::from_slice(&judged.records[0].1).unwrap();
    let point = record["public_key"].as_str().unwrap();
    assert_eq!((point.len(), &point[..2]), (130, "04"));
    let expected = json!({
        "at": 1_800_000_000_000_u64, "id": "09".repeat(16), "kind": "enrol", "peer": "192.0.2.7",
        "proof": "ab".repeat(32), "public_key": point, "request": "join", "satellite": "door",
        "tenant": "enrolment", "token": "0123456789abcdef",
    });
    assert_eq!(record, expected);
}

#[test]
fn of_a_result_the_record_holds_its_outcome_and_one_clean_line() {
    let check = |outcome: CommandOutcome, members: Value| {
        let id = RequestId::from_bytes([9; 16]);
        let result = CommandResult {
            id,
            number: 3,
            outcome,
        };
        let judged = bench().judge(&work("result"), &result.encode().into());
        assert_eq!(
            (lanes(&judged), judged.refusal.clone()),
            (vec![Lane::Result], None)
        );
        let mut expected = json!({
            "at": 1_800_000_000_000_u64, "id": "09".repeat(16), "kind": "result", "satellite": "hq", "tenant": "acme",
        });
        let members = members.as_object().unwrap().clone();
        expected.as_object_mut().unwrap().extend(members);
        let record: Value = serde_json::from_slice(&judged.records[0].1).unwrap();
        assert_eq!(record, expected);
    };
    let (from, count) = (16, 8);
    check(
        CommandOutcome::Wants { from, count },
        json!({"state": "wants", "first": 16, "count": 8}),
    );
    let detail = "two\nlines\u{202e}".to_owned();
    check(
        CommandOutcome::Done { detail },
        json!({"state": "done", "detail": "two lines"}),
    );
    check(
        CommandOutcome::failed(CommandFault::RolledBack, "unhealthy"),
        json!({"state": "failed", "reason": "rolled-back", "detail": "unhealthy"}),
    );
    let judged = bench().judge(&work("result"), &Bytes::from_static(b"\xa0"));
    assert_eq!(lanes(&judged), [Lane::Quarantine]);
}

#[test]
fn a_bad_request_for_a_certificate_is_refused_by_rule() {
    for (csr, rule) in [
        ("rsa", "csr:key"),
        ("bad-signature", "csr:signature"),
        ("trailing", "csr:der"),
        ("sha512", "csr:algorithm"),
    ] {
        let (work, payload) = enrolment(csr, ("acme", "hq"));
        let judged = bench().judge(&work, &payload);
        assert_eq!(lanes(&judged), [Lane::Quarantine], "{csr}");
        let refusal = judged.refusal.unwrap();
        assert_eq!(
            (refusal.rule.as_str(), refusal.pointer.as_str()),
            (rule, "/csr")
        );
        // What strangers post at the door is not told to the centre.
        let (work, payload) = enrolment(csr, ("enrolment", "door"));
        let judged = bench().judge(&work, &payload);
        assert!(judged.records.is_empty() && judged.refusal.is_some());
    }
}
