use super::*;
use spokegate_contract::envelope::{CommandOutcome, Enrol, EnrolRequest, Part, Status};
use spokegate_contract::{RequestId, Shape};

const NOW_MS: u64 = 1_800_000_000_000;

fn intake() -> Intake {
    Intake::new("acme".parse().unwrap(), PresenceMode::Broker, 100)
}

fn push(epoch: u64, sequence: u64, captured_at_ms: u64) -> Bytes {
    let body = Bytes::from_static(&[0x80]);
    Push {
        epoch,
        sequence,
        version: 1,
        captured_at_ms,
        shape: Shape::Rows,
        body,
    }
    .encode()
    .into()
}

fn take(intake: &mut Intake, topic: &str, payload: &Bytes) -> Verdict {
    intake.take(topic, payload, NOW_MS)
}

fn rule_of(verdict: Verdict) -> Option<String> {
    match verdict {
        Verdict::Forward(work) | Verdict::Enrol(work, _) => {
            work.condemned.map(|condemned| condemned.rule)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn topics_that_are_not_ours_go_nowhere() {
    let payload = push(1, 1, NOW_MS);
    for (topic, reason) in [
        ("sg/1/globex/hq/up/push/devices", "dropped_topic"),
        ("sg/1/acme/hq/push/devices", "dropped_topic"),
        ("sg/1/acme/hq/up/push", "dropped_topic"),
        ("sg/2/acme/hq/up/hello", "dropped_topic"),
        ("sg/1/acme/hq/down/ack", "dropped_channel"),
        ("sg/1/acme/hq/down/parcel", "dropped_channel"),
    ] {
        assert_eq!(
            take(&mut intake(), topic, &payload),
            Verdict::Drop(reason),
            "{topic}"
        );
    }
    assert_eq!(
        rule_of(take(
            &mut intake(),
            "sg/1/acme/hq/up/push/devices",
            &payload
        )),
        None
    );
}

#[test]
fn envelopes_are_judged_by_size_form_and_clock() {
    let topic = "sg/1/acme/hq/up/push/devices";
    let skew = spokegate_contract::limits::CLOCK_SKEW_MS_MAX;
    for (payload, rule) in [
        (push(NOW_MS, 1, NOW_MS + skew), None),
        (push(NOW_MS, 1, NOW_MS + skew + 1), Some("clock")),
        (push(NOW_MS + skew, 1, NOW_MS), None),
        (push(NOW_MS + skew + 1, 1, NOW_MS), Some("clock")),
        (Bytes::from_static(b"junk"), Some("form")),
        (Bytes::new(), Some("form")),
        (vec![0; MESSAGE_BYTES_MAX + 1].into(), Some("size")),
        (vec![0; MESSAGE_BYTES_MAX].into(), Some("form")),
    ] {
        assert_eq!(
            rule_of(take(&mut intake(), topic, &payload)).as_deref(),
            rule
        );
    }
}

#[test]
fn what_a_hello_says_of_its_spool_is_noted_and_what_is_none_is_condemned() {
    let hello = Hello {
        agent_version: "1".into(),
        at_ms: NOW_MS,
        epoch: 7,
        last_sequence: 9,
        acked_sequence: 3,
        datasets: Vec::new(),
    };
    let topic = "sg/1/acme/hq/up/hello";
    let noted = |payload: &Bytes| match take(&mut intake(), topic, payload) {
        Verdict::Forward(work) => (work.hello, work.condemned.map(|why| why.rule)),
        other => panic!("{other:?}"),
    };
    let payload = Bytes::from(hello.encode());
    assert_eq!(noted(&payload), (Some((7, 3)), None));
    for payload in [payload.slice(1..), Bytes::new()] {
        assert_eq!(noted(&payload), (None, Some("form".to_owned())));
    }
}

#[test]
fn stored_pushes_are_acknowledged_again_and_nothing_else_is_held_back() {
    let mut intake = intake();
    let topic = "sg/1/acme/hq/up/push/devices";
    let hq: SatelliteId = "hq".parse().unwrap();
    intake.stored(&hq, 5, 10);
    intake.stored(&hq, 5, 8);
    assert_eq!(
        take(&mut intake, topic, &push(5, 10, 1)),
        Verdict::Stored {
            satellite: hq.clone(),
            epoch: 5,
            sequence: 10
        }
    );
    assert_eq!(rule_of(take(&mut intake, topic, &push(5, 11, 1))), None);
    assert_eq!(rule_of(take(&mut intake, topic, &push(6, 1, 1))), None);
    assert_eq!(
        rule_of(take(
            &mut intake,
            "sg/1/acme/other/up/push/devices",
            &push(5, 1, 1)
        )),
        None
    );
}

#[test]
fn replies_that_nobody_asked_for_are_dropped() {
    let reply = Reply {
        id: RequestId::from_bytes([1; 16]),
        sequence: 0,
        captured_at_ms: None,
        part: Part::Document { body: Bytes::new() },
    };
    let payload: Bytes = reply.encode().into();
    let topic = "sg/1/acme/hq/up/reply";
    assert_eq!(
        take(&mut intake(), topic, &payload),
        Verdict::Drop("dropped_unmatched_replies")
    );
    let mut intake = intake();
    let asked = ("hq".parse().unwrap(), "devices".parse().unwrap(), 3);
    intake
        .requests
        .open(reply.id, asked, NOW_MS + 1, Bytes::new());
    match take(&mut intake, topic, &payload) {
        Verdict::Forward(work) => {
            assert_eq!(
                (work.id, work.version, work.token),
                (Some(reply.id), Some(3), 101)
            );
            assert_eq!(work.dataset.unwrap().as_str(), "devices");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn presence_tells_who_is_offline() {
    let mut intake = intake();
    let hq: SatelliteId = "hq".parse().unwrap();
    let presence = |online| Bytes::from(Presence { online, at_ms: 1 }.encode());
    assert!(!intake.is_offline(&hq));
    take(&mut intake, "sg/1/acme/hq/up/presence", &presence(false));
    assert!(intake.is_offline(&hq));
    take(&mut intake, "sg/1/acme/hq/up/presence", &presence(true));
    assert!(!intake.is_offline(&hq));
    take(&mut intake, "sg/1/acme/hq/up/presence", &presence(false));
    let health = spokegate_contract::envelope::SourceHealth::Up;
    let status = Status {
        agent_version: "1".into(),
        at_ms: 1,
        spool_messages: 0,
        spool_bytes: 0,
        spool_oldest_ms: None,
        restart_due_ms: None,
        node_red: health,
        certificate: None,
    };
    take(
        &mut intake,
        "sg/1/acme/hq/up/status",
        &status.encode().into(),
    );
    assert!(!intake.is_offline(&hq));
    take(&mut intake, "sg/1/acme/hq/up/presence", &presence(false));
    intake.forget_presence();
    assert!(!intake.is_offline(&hq));
}

fn enrolment(request: EnrolRequest, peer: Option<&str>) -> Bytes {
    let enrol = Enrol {
        id: RequestId::from_bytes([9; 16]),
        csr: Bytes::from_static(&[0x30, 0]),
        request,
        peer: peer.map(str::to_owned),
    };
    enrol.encode().into()
}

fn join() -> EnrolRequest {
    EnrolRequest::Join {
        token: "0123456789abcdef".to_owned(),
        proof: [1; 32],
    }
}

fn renew() -> EnrolRequest {
    EnrolRequest::Renew {
        serial: Bytes::from_static(&[1]),
        signature: Bytes::from_static(&[0x30, 0]),
    }
}

fn door() -> Intake {
    Intake::new(Address::door().tenant, PresenceMode::Broker, 100)
}

#[test]
fn a_satellite_renews_in_its_own_name_and_the_door_relays_for_others() {
    let own = "sg/1/acme/hq/up/enrol";
    let at_door = "sg/1/enrolment/door/up/enrol";
    let check = |mut intake: Intake, topic: &str, payload: Bytes, expected: Option<&str>| {
        let rule = rule_of(take(&mut intake, topic, &payload));
        assert_eq!(rule.as_deref(), expected, "{topic}");
    };
    check(intake(), own, enrolment(renew(), None), None);
    check(intake(), own, enrolment(join(), None), Some("join"));
    let peer = Some("192.0.2.7");
    check(intake(), own, enrolment(renew(), peer), Some("peer"));
    check(intake(), own, enrolment(join(), peer), Some("peer"));
    check(intake(), own, Bytes::from_static(b"x"), Some("form"));
    for request in [join(), renew()] {
        check(door(), at_door, enrolment(request.clone(), peer), None);
        check(door(), at_door, enrolment(request, None), None);
    }
    check(door(), at_door, Bytes::from_static(b"x"), Some("form"));
}

#[test]
fn under_the_doors_name_stands_nobody_else_and_nothing_else_is_said() {
    let presence = |online| Bytes::from(Presence { online, at_ms: 1 }.encode());
    for (topic, payload, expected) in [
        (
            "door/up/presence",
            presence(true),
            Verdict::Door { online: true },
        ),
        (
            "door/up/presence",
            presence(false),
            Verdict::Door { online: false },
        ),
        (
            "door/up/presence",
            Bytes::new(),
            Verdict::Drop("dropped_presence"),
        ),
        (
            "hq/up/presence",
            presence(true),
            Verdict::Drop("dropped_topic"),
        ),
        (
            "hq/up/enrol",
            enrolment(join(), None),
            Verdict::Drop("dropped_topic"),
        ),
        (
            "door/up/push/devices",
            push(1, 1, 1),
            Verdict::Drop("dropped_channel"),
        ),
        (
            "door/up/hello",
            Bytes::new(),
            Verdict::Drop("dropped_channel"),
        ),
        (
            "door/down/crl",
            Bytes::new(),
            Verdict::Drop("dropped_channel"),
        ),
    ] {
        let topic = format!("sg/1/enrolment/{topic}");
        assert_eq!(take(&mut door(), &topic, &payload), expected, "{topic}");
    }
}

#[test]
fn requests_for_certificates_are_counted_per_satellite_and_minute() {
    let payload = enrolment(renew(), None);
    let mut intake = intake();
    let mut passed = |satellite: &str, now_ms: u64| {
        let topic = format!("sg/1/acme/{satellite}/up/enrol");
        let all = (0..100).map(|_| intake.take(&topic, &payload, now_ms));
        let (passed, dropped): (Vec<_>, Vec<_>) =
            all.partition(|verdict| matches!(verdict, Verdict::Enrol(_, _)));
        assert!(
            dropped
                .iter()
                .all(|verdict| *verdict == Verdict::Drop("dropped_enrols"))
        );
        passed.len()
    };
    assert_eq!(passed("hq", NOW_MS), 30);
    assert_eq!(passed("branch", NOW_MS), 30);
    assert_eq!(passed("hq", NOW_MS + 59_999), 0);
    assert_eq!(passed("hq", NOW_MS + 60_000), 30);
    let mut door = door();
    let mut passed = |request: EnrolRequest| {
        let payload = enrolment(request, None);
        let all = (0..3_000).map(|_| take(&mut door, "sg/1/enrolment/door/up/enrol", &payload));
        let (passed, busy): (Vec<_>, Vec<_>) =
            all.partition(|verdict| matches!(verdict, Verdict::Enrol(_, _)));
        assert!(
            busy.iter()
                .all(|verdict| matches!(verdict, Verdict::Busy(_)))
        );
        passed.len()
    };
    assert_eq!(passed(join()), 2_000);
    assert_eq!(passed(renew()), 1_000, "joins do not use up their share");
}

#[test]
fn where_heartbeats_count_nobody_else_may_say_who_is_there() {
    let topic = "sg/1/acme/hq/up/presence";
    let at_ms = 1;
    let payload = Bytes::from(
        Presence {
            online: true,
            at_ms,
        }
        .encode(),
    );
    assert_eq!(rule_of(take(&mut intake(), topic, &payload)), None);
    let mut intake = Intake::new("acme".parse().unwrap(), PresenceMode::Heartbeat, 100);
    let forged = take(&mut intake, topic, &payload);
    assert_eq!(forged, Verdict::Drop("dropped_presence"));
    let hq = "hq".parse().unwrap();
    for online in [false, true] {
        let (work, payload) = intake.presence(&hq, online, NOW_MS);
        assert_eq!((work.channel.as_str(), work.at_ms), ("presence", NOW_MS));
        let at_ms = NOW_MS;
        assert_eq!(Presence::decode(&payload), Ok(Presence { online, at_ms }));
        assert_eq!(intake.is_offline(&hq), !online);
    }
}

#[test]
fn results_are_counted_per_satellite_and_minute() {
    let result = CommandResult {
        id: RequestId::from_bytes([9; 16]),
        number: 1,
        outcome: CommandOutcome::done(""),
    };
    let payload: Bytes = result.encode().into();
    let mut intake = intake();
    let mut passed = |satellite: &str, now_ms: u64| {
        let topic = format!("sg/1/acme/{satellite}/up/result");
        let all = (0..400).map(|_| intake.take(&topic, &payload, now_ms));
        let (passed, dropped): (Vec<_>, Vec<_>) =
            all.partition(|verdict| matches!(verdict, Verdict::Forward(_)));
        assert!(
            dropped
                .iter()
                .all(|verdict| *verdict == Verdict::Drop("dropped_results"))
        );
        passed.len()
    };
    assert_eq!(passed("hq", NOW_MS), 300);
    assert_eq!(passed("branch", NOW_MS), 300);
    assert_eq!(passed("hq", NOW_MS + 59_999), 0);
    assert_eq!(passed("hq", NOW_MS + 60_000), 300);
    let malformed = Bytes::from_static(&[0xa0]);
    let verdict = intake.take("sg/1/acme/hq/up/result", &malformed, NOW_MS);
    assert_eq!(rule_of(verdict), Some("form".to_owned()));
}
