use super::*;
use crate::seal::MasterKey;

/// A message as ingest knows it.
fn origin(tenant: &str, channel: &str) -> WorkHead {
    let is_reply = channel == "reply";
    WorkHead {
        token: 1,
        tenant: tenant.parse().unwrap(),
        satellite: "hq".parse().unwrap(),
        at_ms: 7,
        channel: channel.to_owned(),
        dataset: None,
        version: is_reply.then_some(1),
        id: is_reply.then(|| "0123456789abcdef0123456789abcdef".parse().unwrap()),
        push: (channel == "push").then_some((5, 9)),
        hello: None,
        condemned: None,
    }
}

/// Records that wait after a worker of one tenant has sent one that names a tenant and is sealed by one.
fn waiting(from: &str, tenant: &str, sealed_by: &str) -> usize {
    let master = MasterKey::read("5a".repeat(32).as_bytes()).unwrap();
    let named = |name: &str| -> TenantId { name.parse().unwrap() };
    let keys = ["acme", "globex"].map(|name| (named(name), master.tenant(&named(name))));
    let trust_domain = "spokegate.local".to_owned().try_into().unwrap();
    let audit = Audit::new(Trail::new(None), master.tenant(&named("sanitizer")));
    let shared = Shared::new(keys.into(), audit, trust_domain, Out::nowhere());
    let record = format!(r#"{{"at":7,"kind":"status","satellite":"hq","tenant":"{tenant}"}}"#);
    let head = RecordHead {
        lane: Lane::Status,
        length: record.len() as u32,
        seal: master.tenant(&named(sealed_by)).seal(record.as_bytes()),
    };
    let origin = origin(from, "status");
    shared.take(&origin, &head, record.into());
    shared.status().1["status"]
}

#[test]
fn a_record_is_sealed_by_the_tenant_whose_worker_sends_it() {
    assert_eq!(waiting("globex", "globex", "globex"), 1);
    assert_eq!(waiting("globex", "globex", "acme"), 0);
    assert_eq!(waiting("acme", "acme", "globex"), 0);
    assert_eq!(waiting("acme", "globex", "acme"), 0);
    assert_eq!(waiting("acme", "globex", "globex"), 0);
    assert_eq!(waiting("initech", "initech", "initech"), 0);
}

#[test]
fn an_audit_that_nobody_reads_is_bounded_and_says_what_is_missing() {
    let master = MasterKey::read("5a".repeat(32).as_bytes()).unwrap();
    let named = |name: &str| -> TenantId { name.parse().unwrap() };
    let audit = Audit::new(Trail::new(None), master.tenant(&named("sanitizer")));
    let trust_domain = "spokegate.local".to_owned().try_into().unwrap();
    let shared = Shared::new(Keys::new(), audit, trust_domain, Out::nowhere());
    let note = Note {
        at_ms: 1,
        action: "message.refuse".to_owned(),
        reason: "form".to_owned(),
        subject: "acme/hq".to_owned(),
        count: 2,
    };
    (0..AUDIT_WAITING_MAX + 5).for_each(|_| shared.audit(&note));
    assert_eq!(shared.status().1["audit"], AUDIT_WAITING_MAX);
    lock(&shared.lanes[&Lane::Audit].outbox).free(AUDIT_WAITING_MAX as u64);
    shared.audit(&note);
    let lines = lock(&shared.lanes[&Lane::Audit].outbox).lines(10, 10_000);
    let lines = String::from_utf8(lines).unwrap();
    let (gap, next) = lines.split_once('\n').unwrap();
    assert!(
        gap.contains("\"action\":\"audit.leave-out\"") && gap.contains("\"count\":10"),
        "{gap}"
    );
    assert!(next.contains("\"count\":2"), "{next}");
}

/// An egress with one answer for acme in the lane `reply` and one push.
fn with_a_reply_and_a_push() -> Shared {
    let master = MasterKey::read("5a".repeat(32).as_bytes()).unwrap();
    let acme: TenantId = "acme".parse().unwrap();
    let audit = Audit::new(Trail::new(None), master.tenant(&acme));
    let keys = Keys::from([(acme.clone(), master.tenant(&acme))]);
    let trust_domain = "spokegate.local".to_owned().try_into().unwrap();
    let shared = Shared::new(keys, audit, trust_domain, Out::nowhere());
    for (lane, channel, record) in [
        (
            Lane::Reply,
            "reply",
            r#"{"at":7,"id":"0123456789abcdef0123456789abcdef","kind":"reply","satellite":"hq","tenant":"acme","version":1}"#,
        ),
        (
            Lane::Push,
            "push",
            r#"{"at":7,"epoch":5,"kind":"push","satellite":"hq","sequence":9,"tenant":"acme"}"#,
        ),
    ] {
        let head = RecordHead {
            lane,
            length: record.len() as u32,
            seal: master.tenant(&acme).seal(record.as_bytes()),
        };
        shared.take(&origin("acme", channel), &head, record.into());
    }
    shared
}

fn poll(lane: Lane, boot: &str, ack: u64) -> PullBody {
    PullBody {
        lane,
        boot: boot.to_owned(),
        ack,
        max: 10,
        max_bytes: 10_000,
        wait_ms: 1_000,
    }
}

#[tokio::test]
async fn lost_requests_are_a_new_boot_for_answers_and_for_nothing_else() {
    let shared = with_a_reply_and_a_push();
    let (replies, pushes) = (shared.boot_of(Lane::Reply), shared.boot_of(Lane::Push));
    let (sender, outcome) = oneshot::channel();
    lock(&shared.calls).1.insert(1, sender);
    let waits = poll(Lane::Reply, &replies, 1);
    let (lines, ()) = tokio::join!(shared.pull(&waits), async { shared.forget_requests() });
    assert!(lines.is_empty(), "a poll that waited learns of it at once");
    assert!(outcome.await.is_err(), "a call is not waited for");
    assert_ne!(shared.boot_of(Lane::Reply), replies);
    assert_eq!(shared.boot_of(Lane::Push), pushes);
    let lines = shared.pull(&poll(Lane::Push, &pushes, 0)).await;
    assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 1);
}

#[tokio::test]
async fn a_cursor_of_a_boot_before_frees_nothing() {
    let shared = with_a_reply_and_a_push();
    let before = shared.boot_of(Lane::Reply);
    shared.forget_requests();
    assert!(!shared.pull(&poll(Lane::Reply, &before, 1)).await.is_empty());
    assert_eq!(shared.status().1["reply"], 1);
    let now = shared.boot_of(Lane::Reply);
    let asked = poll(Lane::Reply, &now, 1);
    let patience = std::time::Duration::from_millis(10);
    let waited = tokio::time::timeout(patience, shared.pull(&asked)).await;
    assert!(waited.is_err(), "nothing is left");
    assert_eq!(shared.status().1["reply"], 0);
}

#[test]
fn a_record_that_would_break_its_line_is_dropped_whatever_its_seal() {
    let check = |record: String, expected: usize| {
        let master = MasterKey::read("5a".repeat(32).as_bytes()).unwrap();
        let acme: TenantId = "acme".parse().unwrap();
        let key = master.tenant(&acme);
        let seal = key.seal(record.as_bytes());
        let keys = Keys::from([(acme.clone(), key)]);
        let trust_domain = "spokegate.local".to_owned().try_into().unwrap();
        let audit = Audit::new(Trail::new(None), master.tenant(&acme));
        let shared = Shared::new(keys, audit, trust_domain, Out::nowhere());
        let head = RecordHead {
            lane: Lane::Status,
            length: record.len() as u32,
            seal,
        };
        shared.take(&origin("acme", "status"), &head, record.clone().into());
        assert_eq!(shared.status().1["status"], expected, "{record:.80}");
    };
    let with = |more: &str| {
        format!(r#"{{"at":7,"kind":"status"{more},"satellite":"hq","tenant":"acme"}}"#)
    };
    check(with(""), 1);
    check(with("\n"), 0);
    check(with(" "), 0);
    let long = |bytes: usize| with(&format!(r#","node_red":"{}""#, "x".repeat(bytes)));
    check(long(1_000_000), 1);
    check(long(1_048_000), 0);
}
