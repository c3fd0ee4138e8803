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
