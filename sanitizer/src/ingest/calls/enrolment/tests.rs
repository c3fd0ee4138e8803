use super::*;
use serde_json::{Value, json};
use spokegate_contract::TenantId;
use spokegate_contract::envelope::{Admission, Crl, Verdict};
use std::collections::BTreeMap;
use tokio::sync::mpsc::{self, Receiver};

const ID: &str = "000000000000000000000000000000aa";

fn sessions(tenants: &[&str]) -> (Sessions, BTreeMap<String, Receiver<SessionEvent>>) {
    let mut senders = BTreeMap::new();
    let mut receivers = BTreeMap::new();
    for tenant in tenants {
        let (sender, receiver) = mpsc::channel(4);
        senders.insert(tenant.parse::<TenantId>().unwrap(), sender);
        receivers.insert((*tenant).to_owned(), receiver);
    }
    (senders, receivers)
}

fn body(value: &Value) -> Bytes {
    value.to_string().into_bytes().into()
}

fn refusal(tenant: &str, satellite: &str) -> Value {
    json!({"tenant": tenant, "satellite": satellite, "id": ID, "verdict": "refused"})
}

#[test]
fn admissions_reach_the_session_of_their_tenant() {
    let (sessions, mut receivers) = sessions(&["acme", "enrolment"]);
    let issued = json!({
        "tenant": "enrolment", "satellite": "door", "id": ID, "verdict": "issued",
        "certificate": "MAA=", "roots": "PEM", "signature": "3000",
    });
    let both = json!({"admissions": [refusal("acme", "hq"), issued]});
    let outcome = Calls::admissions(7, &body(&both), &sessions);
    assert_eq!(
        (outcome.call, outcome.status, outcome.class),
        (7, 204, None)
    );
    let mut told = |tenant: &str| match receivers.get_mut(tenant).unwrap().try_recv().unwrap() {
        SessionEvent::Admission { satellite, payload } => {
            (satellite.to_string(), Admission::decode(&payload).unwrap())
        }
        other => panic!("{other:?}"),
    };
    let (satellite, admission) = told("acme");
    assert_eq!(
        (satellite.as_str(), admission.verdict),
        ("hq", Verdict::Refused)
    );
    let (satellite, admission) = told("enrolment");
    assert_eq!(
        (satellite.as_str(), admission.id.to_string()),
        ("door", ID.to_owned())
    );
    assert!(
        matches!(admission.verdict, Verdict::Issued { certificate, .. } if certificate.as_ref() == [0x30, 0])
    );
}

#[test]
fn one_bad_admission_stops_its_call() {
    let check = |admissions: Vec<Value>, status: u16, says: &str| {
        let (sessions, mut receivers) = sessions(&["acme", "enrolment"]);
        let outcome = Calls::admissions(1, &body(&json!({"admissions": admissions})), &sessions);
        assert_eq!(outcome.status, status, "{}", outcome.detail);
        assert!(outcome.detail.contains(says), "{}", outcome.detail);
        assert!(
            receivers
                .values_mut()
                .all(|events| events.try_recv().is_err())
        );
    };
    let good = || refusal("acme", "hq");
    check(
        vec![good(), refusal("globex", "hq")],
        404,
        "globex is not served",
    );
    check(
        vec![good(), refusal("enrolment", "hq")],
        404,
        "not the enrolment door",
    );
    check(
        vec![good(), json!({"verdict": "granted"})],
        400,
        "malformed",
    );
    let late = json!({"tenant": "acme", "satellite": "hq", "id": ID, "verdict": "pending", "retry_s": 86_401});
    check(vec![good(), late], 400, "retry_s");
    check(vec![good(); 65], 400, "allowed are 64");
}

#[test]
fn a_revocation_list_goes_to_the_door_and_nowhere_without_one() {
    let list = body(&json!({"crl": "MAA="}));
    let (with, mut receivers) = sessions(&["acme", "enrolment"]);
    assert_eq!(Calls::crl(1, &list, &with).status, 204);
    match receivers.get_mut("enrolment").unwrap().try_recv().unwrap() {
        SessionEvent::RevocationList(payload) => {
            assert_eq!(Crl::decode(&payload).unwrap().der.as_ref(), [0x30, 0]);
        }
        other => panic!("{other:?}"),
    }
    assert!(receivers.get_mut("acme").unwrap().try_recv().is_err());
    let (without, _receivers) = sessions(&["acme"]);
    assert_eq!(Calls::crl(1, &list, &without).status, 404);
    for bad in [json!({"crl": ""}), json!({"crl": "?"}), json!({})] {
        assert_eq!(Calls::crl(1, &body(&bad), &with).status, 400, "{bad}");
    }
}
