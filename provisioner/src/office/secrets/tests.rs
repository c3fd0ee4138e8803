//! Secrets over a real registry and a real key.

use spokegate_contract::record::Came;
use spokegate_identity::PublicKey;
use tempfile::TempDir;

use super::*;
use crate::hop::Hop;
use crate::plan::{CertificatePlan, Validity};

const NOW: u64 = 1_780_272_000_000;
const DAY: u64 = 86_400_000;
const VALUE: &str = "canary-5b1e";

fn hq() -> Address {
    Address::new("acme".parse().unwrap(), "hq".parse().unwrap())
}

fn name() -> SecretName {
    "MAIL_PASSWORD".parse().unwrap()
}

/// The office, and the satellite's private key.
async fn office() -> (Office, String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let life = Validity::between(NOW - DAY, NOW + 400 * DAY);
    let domain = "spokegate.local".parse().unwrap();
    let office = Office::create(&folder.path().join("ca"), &domain, life)
        .await
        .unwrap();
    let plan = CertificatePlan::satellite(&hq(), &domain, Validity::days(NOW, 7)).unwrap();
    let issued = office.issue(Hop::Fabric, &plan, NOW).await.unwrap();
    (office, issued.key_pem.expose().to_owned(), folder)
}

fn set(value: Option<&str>) -> (SecretName, Option<String>) {
    (name(), value.map(str::to_owned))
}

async fn ordered(office: &Office, value: Option<&str>) -> OrderRecord {
    let (name, value) = set(value);
    let wanted = SecretOrder {
        name: &name,
        value: value.as_deref(),
        life_ms: 60_000,
    };
    let id = office.order_secret(&hq(), wanted, NOW).await.unwrap();
    office.registry().order(&id).await.unwrap().unwrap()
}

async fn done(office: &Office, order: &OrderRecord) {
    let (id, detail) = (order.id, "kept".into());
    let came = Came::Done { id, detail };
    office.came(&hq(), &came, NOW + 1).await.unwrap();
}

async fn kept(office: &Office) -> Vec<(String, bool)> {
    let tenant = hq().tenant;
    let all = office.registry().secrets(&tenant).await.unwrap();
    all.iter()
        .map(|secret| (secret.name.to_string(), secret.removed))
        .collect()
}

#[tokio::test]
async fn a_value_is_sealed_to_the_satellite_and_dropped_once_it_is_there() {
    let (office, private, folder) = office().await;
    let order = ordered(&office, Some(VALUE)).await;
    assert_eq!(kept(&office).await, [], "not before the satellite says so");
    let mut reader = Reader::new(order.args.clone().into());
    let mut map = reader.map(2).unwrap();
    assert_eq!(
        map.required("name").unwrap().text(64).unwrap(),
        "MAIL_PASSWORD"
    );
    let sealed = map.required("sealed").unwrap().text(32_768).unwrap();
    let sealed = STANDARD.decode(sealed).unwrap();
    let opened = secret::open(&private, &hq(), &name(), &sealed).unwrap();
    assert_eq!(opened.as_slice(), VALUE.as_bytes());

    done(&office, &order).await;
    assert_eq!(kept(&office).await, [("MAIL_PASSWORD".to_owned(), false)]);
    let ended = office.registry().order(&order.id).await.unwrap().unwrap();
    assert_eq!(ended.args, [0xa0], "what is sealed is not kept here");

    let order = ordered(&office, None).await;
    done(&office, &order).await;
    assert_eq!(kept(&office).await, [("MAIL_PASSWORD".to_owned(), true)]);
    office.close().await;
    for entry in std::fs::read_dir(folder.path().join("ca")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        let found = bytes
            .windows(VALUE.len())
            .any(|part| part == VALUE.as_bytes());
        assert!(!found, "the value is in {}", path.display());
    }
}

#[tokio::test]
async fn what_fails_or_ends_keeps_nothing() {
    let (office, _, _folder) = office().await;
    let order = ordered(&office, Some(VALUE)).await;
    office.expire_orders(NOW + 60_001).await.unwrap();
    let ended = office.registry().order(&order.id).await.unwrap().unwrap();
    assert_eq!(ended.args, [0xa0]);
    done(&office, &order).await;
    assert_eq!(kept(&office).await, [], "its end came before");
}

#[tokio::test]
async fn without_a_good_certificate_there_is_nothing_to_seal_to() {
    let (office, _, _folder) = office().await;
    let name = name();
    let wanted = SecretOrder {
        name: &name,
        value: Some(VALUE),
        life_ms: 60_000,
    };
    let later = office.order_secret(&hq(), wanted, NOW + 8 * DAY).await;
    let error = later.unwrap_err().to_string();
    assert!(error.contains("has no good certificate"), "{error}");
    let stranger = Address::new("acme".parse().unwrap(), "nobody".parse().unwrap());
    assert!(office.order_secret(&stranger, wanted, NOW).await.is_err());
    assert!(PublicKey::from_bytes(&[0; 65]).is_err());
}
