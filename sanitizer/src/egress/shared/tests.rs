use super::*;
use crate::seal::MasterKey;

const RECORD: &[u8] = b"{\"tenant\":\"globex\"}";

fn waiting(tenant: &str, sealed_by: &str) -> usize {
    let master = MasterKey::read("5a".repeat(32).as_bytes()).unwrap();
    let named = |name: &str| -> TenantId { name.parse().unwrap() };
    let keys = ["acme", "globex"].map(|name| (named(name), master.tenant(&named(name))));
    let trust_domain = "spokegate.local".to_owned().try_into().unwrap();
    let shared = Shared::new(keys.into(), trust_domain, Out::nowhere());
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
