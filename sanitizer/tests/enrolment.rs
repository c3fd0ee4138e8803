//! Requests for certificates pass through confined workers and reach the provisioner alone.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests end the test"
)]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use spokegate_broker::ListenerKind;
use spokegate_contract::envelope::{Enrol, EnrolRequest, Verdict};
use spokegate_contract::{Channel, Envelope, RequestId};
use support::{Centre, Fabric, assert_sealed};

const ID: RequestId = RequestId::from_bytes([9; 16]);

fn renewal(csr: &str) -> Enrol {
    let path = format!("{}/fuzz/corpus/csr/{csr}", env!("CARGO_MANIFEST_DIR"));
    Enrol {
        id: ID,
        csr: std::fs::read(path).unwrap().into(),
        request: EnrolRequest::Renew {
            serial: Bytes::from_static(&[1, 2]),
            signature: Bytes::from_static(&[0x30, 0]),
        },
        peer: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_reaches_the_provisioner_as_a_key_and_its_admission_comes_back() {
    let fabric = Fabric::start().await;
    let (mut provisioner, mut reports) = (fabric.provisioner().await, fabric.centre().await);
    let mut agent = fabric.agent("acme", "hq").await;
    let greedy = renewal("ca-and-foreign-san");
    agent.publish(Channel::Enrol, greedy.encode()).await;
    let taken = provisioner.wait_for("enrol", |_| true).await;
    assert_sealed(&taken);
    let at = taken.record["at"].clone();
    let point = taken.record["public_key"].as_str().unwrap().to_owned();
    assert_eq!(point.len(), 130);
    let expected = json!({
        "at": at, "id": ID.to_string(), "kind": "enrol", "public_key": point, "request": "renew", "satellite": "hq",
        "serial": "0102", "signature": "3000", "tenant": "acme",
    });
    assert_eq!(taken.record, expected);
    for asked_for in ["globex", "Evil", "broker.example"] {
        assert!(!taken.text.contains(asked_for), "{}", taken.text);
    }
    // Nothing of it goes to the report service, and the lane has no second reader.
    for lane in ["reply", "push", "status", "quarantine"] {
        let records = reports.pull(lane, 0).await;
        let enrols = |taken: &support::Taken| taken.record["kind"] == "enrol";
        assert!(!records.iter().any(enrols), "{lane}");
    }

    let admissions = json!({"admissions": [{
        "tenant": "acme", "satellite": "hq", "id": ID.to_string(), "verdict": "issued",
        "certificate": "MAA=", "roots": "-----BEGIN CERTIFICATE-----\n", "signature": "3000",
    }]});
    let (status, _) = provisioner.post("/v1/admissions", &admissions).await;
    assert_eq!(status, 204);
    for (bytes, expected) in [(1_536 * 1024, 400), (1_536 * 1024 + 1, 413)] {
        let blank = vec![b' '; bytes];
        let answer = provisioner.send("POST", "/v1/admissions", blank).await;
        assert_eq!(answer.unwrap().0, expected, "{bytes}");
    }
    let mut provisioner = fabric.provisioner().await;
    let again = provisioner.post("/v1/admissions", &admissions).await;
    assert_eq!(again.0, 204);
    let admission = agent.next_admission().await;
    assert_eq!(admission.id, ID);
    let expected = Verdict::Issued {
        certificate: Bytes::from_static(&[0x30, 0]),
        roots: Bytes::from_static(b"-----BEGIN CERTIFICATE-----\n"),
        signature: Bytes::from_static(&[0x30, 0]),
    };
    assert_eq!(admission.verdict, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_quarantined_and_the_next_good_one_passes() {
    let fabric = Fabric::start().await;
    let (mut provisioner, mut reports) = (fabric.provisioner().await, fabric.centre().await);
    let mut agent = fabric.agent("acme", "hq").await;
    let mut join = renewal("good");
    join.request = EnrolRequest::Join {
        token: "0123456789abcdef".to_owned(),
        proof: [1; 32],
    };
    let mut oversized = renewal("good");
    oversized.csr = Bytes::from(vec![0x30; 2_049]);
    for (enrol, reason, rule) in [
        (renewal("rsa"), "form", "csr:key"),
        (renewal("bad-signature"), "form", "csr:signature"),
        (renewal("deep"), "form", "csr:der"),
        (join, "envelope", "join"),
        (oversized, "envelope", "form"),
    ] {
        agent.publish(Channel::Enrol, enrol.encode()).await;
        let refused = reports.wait_for("quarantine", |_| true).await;
        assert_sealed(&refused);
        let told = ["kind", "channel", "reason", "rule"].map(|name| refused.record[name].clone());
        assert_eq!(told, ["quarantine", "enrol", reason, rule].map(Value::from));
        // Who asks is told; of an envelope that cannot be read nobody knows who that is.
        if rule != "form" {
            let admission = agent.next_admission().await;
            assert_eq!((admission.id, admission.verdict), (ID, Verdict::Refused));
        }
    }
    agent
        .publish(Channel::Enrol, renewal("good").encode())
        .await;
    provisioner.wait_for("enrol", |_| true).await;
    let acme = lane_with_refused(&mut reports, 5).await;
    assert_eq!(acme["worker_crashes"], 0);
    for layer in ["seccomp", "landlock", "limits", "no-files"] {
        let layers = acme["sandbox_layers"].as_array().unwrap();
        assert!(layers.contains(&json!(layer)), "{layers:?}");
    }
}

/// A request at the broker's enrolment listener: status and body.
async fn post(fabric: &Fabric, csr: &str) -> (u16, Value) {
    let door = fabric.broker.address_of(ListenerKind::Enrolment).unwrap();
    let mut client = Centre::connect(door, &fabric.fabric_ca, None)
        .await
        .unwrap();
    let csr = STANDARD.encode(&renewal(csr).csr);
    let body = json!({"token": "0123456789abcdef", "proof": "01".repeat(32), "csr": csr});
    client.post("/v1/enrol", &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brokers_own_door_asks_and_is_answered() {
    let listener = "[[listener]]\nkind = \"enrolment\"\naddress = \"127.0.0.1:0\"";
    let fabric = Fabric::start_behind(listener, "").await;
    let mut provisioner = fabric.provisioner().await;
    let decides = async {
        let taken = provisioner.wait_for("enrol", |_| true).await;
        assert_sealed(&taken);
        let told = ["tenant", "satellite", "request", "peer", "token"];
        let told = told.map(|name| taken.record[name].clone());
        let expected = ["enrolment", "door", "join", "127.0.0.1", "0123456789abcdef"];
        assert_eq!(told, expected.map(Value::from));
        let admissions = json!({"admissions": [{
            "tenant": "enrolment", "satellite": "door", "id": taken.record["id"], "verdict": "issued",
            "certificate": "MAA=", "roots": "PEM", "signature": "3000",
        }]});
        assert_eq!(provisioner.post("/v1/admissions", &admissions).await.0, 204);
        taken.record["id"].clone()
    };
    let ((status, answer), id) = tokio::join!(post(&fabric, "good"), decides);
    let expected = json!({"certificate": "MAA=", "roots": "PEM", "signature": "3000", "id": id});
    assert_eq!((status, answer), (200, expected));
    // What the worker refuses is answered by the sanitizer, at once, and never reaches the provisioner.
    let (status, answer) = post(&fabric, "rsa").await;
    assert_eq!((status, answer), (403, json!({"error": "not accepted"})));
    assert!(provisioner.pull("enrol", 0).await.is_empty());
    // Nor does it take room in quarantine: the first there is a customer's.
    let agent = fabric.agent("acme", "hq").await;
    agent.publish(Channel::Enrol, renewal("rsa").encode()).await;
    let mut reports = fabric.centre().await;
    let refused = reports.wait_for("quarantine", |_| true).await;
    assert_eq!(refused.record["tenant"], "acme");
    let folder = fabric.folder.path().join("quarantine");
    let kept = || {
        let files = std::fs::read_dir(&folder).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    while kept().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(kept()[0].to_str().unwrap().contains(".acme.hq."));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_of_the_centre_is_refused_what_is_the_others() {
    let fabric = Fabric::start().await;
    let (mut provisioner, mut reports) = (fabric.provisioner().await, fabric.centre().await);
    let pull = |lane: &str| {
        json!({"lane": lane, "boot": "", "ack": 0, "max": 1, "max_bytes": 1, "wait_ms": 0})
            .to_string()
            .into_bytes()
    };
    let calls = [
        ("POST", "/v1/pull", pull("reply"), "reports"),
        ("POST", "/v1/pull", pull("push"), "reports"),
        ("POST", "/v1/pull", pull("status"), "reports"),
        ("POST", "/v1/pull", pull("quarantine"), "reports"),
        ("POST", "/v1/pull", pull("enrol"), "provisioner"),
        ("POST", "/v1/requests", b"{}".to_vec(), "reports"),
        ("POST", "/v1/acks", b"{}".to_vec(), "reports"),
        ("GET", "/v1/quarantine", Vec::new(), "reports"),
        ("GET", "/v1/status", Vec::new(), "reports"),
        (
            "POST",
            "/v1/admissions",
            b"{\"admissions\":[]}".to_vec(),
            "provisioner",
        ),
        (
            "PUT",
            "/v1/crl",
            b"{\"crl\":\"MAA=\"}".to_vec(),
            "provisioner",
        ),
    ];
    for (method, path, body, whose) in calls {
        for (name, service) in [("reports", &mut reports), ("provisioner", &mut provisioner)] {
            let (status, _, answer) = service.send(method, path, body.clone()).await.unwrap();
            let place = format!(
                "{name} {method} {path} {:?}: {answer:?}",
                String::from_utf8_lossy(&body)
            );
            assert_eq!(status == 403, name != whose, "{place}");
            // Empty bodies of calls may be malformed, but they came through.
            assert!([200, 204, 400, 403].contains(&status), "{status} {place}");
        }
    }
    let (status, _, _) = provisioner
        .send("POST", "/v1/other", Vec::new())
        .await
        .unwrap();
    assert_eq!(status, 404);
}

/// The lane of acme, once so many messages are counted as refused there.
async fn lane_with_refused(reports: &mut support::Centre, refused: u64) -> Value {
    for _ in 0..100 {
        let status = reports.status().await;
        let mut lanes = status["tenants"].as_array().unwrap().iter();
        let acme = lanes.find(|lane| lane["tenant"] == "acme").unwrap();
        if acme["refused"] == refused {
            return acme.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the lane never counted {refused} refused messages");
}
