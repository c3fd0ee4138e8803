//! Orders over a real registry and a real key.

use serde_json::json;
use spokegate_identity::PublicKey;
use spokegate_identity::proof::verify_command;
use tempfile::TempDir;

use super::*;
use crate::hop::Hop;
use crate::plan::{CertificatePlan, Validity};

const NOW: u64 = 1_780_272_000_000;
const DAY: u64 = 86_400_000;

async fn office() -> (Office, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let life = Validity::between(NOW - DAY, NOW + 400 * DAY);
    let domain = "spokegate.local".parse().unwrap();
    let office = Office::create(&folder.path().join("ca"), &domain, life)
        .await
        .unwrap();
    for tenant in ["acme", "globex"] {
        let life = Validity::days(NOW, 7);
        let plan = CertificatePlan::satellite(&hq(tenant), &domain, life).unwrap();
        office.issue(Hop::Fabric, &plan, NOW).await.unwrap();
    }
    (office, folder)
}

fn hq(tenant: &str) -> Address {
    Address::new(tenant.parse().unwrap(), "hq".parse().unwrap())
}

fn order(tenant: &str) -> Order {
    Order {
        address: hq(tenant),
        verb: Verb::Restart,
        args: json!({"safe": true}),
        parcel: None,
        life_ms: 60_000,
    }
}

fn done(id: RequestId) -> Came<'static> {
    let detail = "good".into();
    Came::Done { id, detail }
}

#[tokio::test]
async fn an_order_is_signed_as_it_was_recorded_and_numbered_for_its_satellite() {
    let (office, _folder) = office().await;
    for tenant in ["acme", "globex", "acme"] {
        office.order(&order(tenant), NOW).await.unwrap();
    }
    let open = office.registry().orders_open(NOW).await.unwrap();
    let numbers: Vec<_> = open
        .iter()
        .map(|order| (order.address.tenant.to_string(), order.number))
        .collect();
    let expected = [("acme", 1), ("acme", 2), ("globex", 1)];
    assert_eq!(numbers, expected.map(|(tenant, n)| (tenant.to_owned(), n)));
    let authority = office.authorities().fabric.certificate_pem().to_owned();
    let der =
        <rustls_pki_types::CertificateDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_slice(
            authority.as_bytes(),
        )
        .unwrap();
    let key = PublicKey::of_certificate(&der).unwrap();
    for order in &open {
        let command = office.signed(order).unwrap();
        let claim = CommandClaim {
            address: &order.address,
            verb: Verb::Restart,
            id: &command.id,
            number: command.number,
            expires_ms: NOW + 60_000,
            args: b"\xa1\x64safe\xf5",
        };
        assert_eq!(verify_command(&key, &claim, &command.signature), Ok(()));
    }
}

#[tokio::test]
async fn only_its_satellite_ends_an_order_and_only_once() {
    let (office, _folder) = office().await;
    let id = office.order(&order("acme"), NOW).await.unwrap();
    let end = async || office.registry().order(&id).await.unwrap().unwrap().end;
    office.came(&hq("globex"), &done(id), NOW).await.unwrap();
    let stranger = done(RequestId::random());
    office.came(&hq("acme"), &stranger, NOW).await.unwrap();
    assert_eq!(end().await, None);
    office.came(&hq("acme"), &done(id), NOW + 1).await.unwrap();
    let ended = OrderEnd {
        fault: None,
        detail: "good".to_owned(),
        at_ms: NOW + 1,
    };
    assert_eq!(end().await, Some(ended.clone()));
    let fault = CommandFault::Failed;
    let late = Came::Failed {
        id,
        fault,
        detail: "bad".into(),
    };
    office.came(&hq("acme"), &late, NOW + 2).await.unwrap();
    assert_eq!(end().await, Some(ended));
}

#[tokio::test]
async fn an_order_that_nobody_answers_ends_with_its_time() {
    let (office, _folder) = office().await;
    let id = office.order(&order("acme"), NOW).await.unwrap();
    assert_eq!(office.expire_orders(NOW + 60_000).await.unwrap(), 0);
    assert_eq!(office.expire_orders(NOW + 60_001).await.unwrap(), 1);
    let ended = office.registry().order(&id).await.unwrap().unwrap().end;
    assert_eq!(ended.unwrap().fault, Some(CommandFault::Expired));
    // Long after, the last one is still there: the next one's number comes after its own.
    office.order(&order("acme"), NOW + 70_000).await.unwrap();
    office.expire_orders(NOW + 500 * DAY).await.unwrap();
    office.expire_orders(NOW + 1_000 * DAY).await.unwrap();
    let left = office.registry().orders(None, 10).await.unwrap();
    assert_eq!(
        left.iter().map(|order| order.number).collect::<Vec<_>>(),
        [2]
    );
}

#[tokio::test]
async fn what_cannot_be_ordered_is_refused_with_a_reason() {
    let (office, _folder) = office().await;
    let check = async |order: Order, expected: &str| {
        let error = office.order(&order, NOW).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let good = || order("acme");
    check(order("initech"), "satellite list").await;
    let life_ms = 0;
    check(Order { life_ms, ..good() }, "allowed are 1 to").await;
    let life_ms = COMMAND_LIFE_MS_MAX + 1;
    check(Order { life_ms, ..good() }, "allowed are 1 to").await;
    let args = json!({"text": "x".repeat(COMMAND_ARGS_BYTES_MAX)});
    check(Order { args, ..good() }, "allowed are 32768").await;
    office.suspend(&hq("acme").tenant, NOW).await.unwrap();
    check(good(), "tenant resume").await;
}

#[tokio::test]
async fn parts_of_a_parcel_go_to_whom_it_was_announced() {
    let (office, folder) = office().await;
    let file = folder.path().join("flows.json");
    let content = vec![7; PARCEL_PART_BYTES + 10];
    std::fs::write(&file, &content).unwrap();
    let digest = office.keep_parcel(&file).unwrap();
    assert_eq!(digest, <[u8; 32]>::from(Sha256::digest(&content)));
    let parcel = Some(digest);
    let id = office
        .order(
            &Order {
                parcel,
                ..order("acme")
            },
            NOW,
        )
        .await
        .unwrap();
    let wants = |from| Came::Wants { id, from, count: 3 };
    let parts = office.came(&hq("acme"), &wants(0), NOW).await.unwrap();
    assert_eq!(parts.len(), 3);
    let lengths: Vec<_> = parts
        .iter()
        .map(|part| office.part(part).unwrap().map(|parcel| parcel.body.len()))
        .collect();
    assert_eq!(lengths, [Some(PARCEL_PART_BYTES), Some(10), None]);
    assert_eq!(
        office.came(&hq("globex"), &wants(0), NOW).await.unwrap(),
        []
    );
    // Once it is over, nothing is sent any more.
    office.came(&hq("acme"), &done(id), NOW).await.unwrap();
    assert_eq!(office.came(&hq("acme"), &wants(0), NOW).await.unwrap(), []);
    std::fs::write(&file, b"").unwrap();
    let error = office.keep_parcel(&file).unwrap_err().to_string();
    assert!(error.contains("0 bytes"), "{error}");
}
