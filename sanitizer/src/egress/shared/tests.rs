use super::*;
use crate::seal::MasterKey;

const RECORD: &[u8] = b"{\"tenant\":\"globex\"}";

fn waiting(tenant: &str, sealed_by: &str) -> usize {
    let master = MasterKey::read("5a".repeat(32).as_bytes()).unwrap();
    let named = |name: &str| -> TenantId { name.parse().unwrap() };
    let keys = ["acme", "globex"].map(|name| (named(name), master.tenant(&named(name))));
    let trust_domain = "spokegate.local".to_owned().try_into().unwrap();
    let audit = Audit::new(Trail::new(None), master.tenant(&named("sanitizer")));
    let shared = Shared::new(keys.into(), audit, trust_domain, Out::nowhere());
    let head = RecordHead {
        lane: Lane::Push,
        length: RECORD.len() as u32,
        seal: master.tenant(&named(sealed_by)).seal(RECORD),
    };
    shared.take(named(tenant), &head, Bytes::from_static(RECORD));
    shared.status().1["push"]
}

#[test]
fn a_record_is_sealed_by_the_tenant_whose_worker_sends_it() {
    assert_eq!(waiting("globex", "globex"), 1);
    assert_eq!(waiting("globex", "acme"), 0);
    assert_eq!(waiting("acme", "globex"), 0);
    assert_eq!(waiting("initech", "initech"), 0);
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
    for lane in [Lane::Reply, Lane::Push] {
        let head = RecordHead {
            lane,
            length: RECORD.len() as u32,
            seal: master.tenant(&acme).seal(RECORD),
        };
        shared.take(acme.clone(), &head, Bytes::from_static(RECORD));
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
