//! The built daemon against a server of the second hop: what it answers, hands over, survives and refuses.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, outside of `#[test]` functions"
)]

mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use spokegate_contract::RequestId;
use spokegate_contract::envelope::Verdict;
use spokegate_contract::record::AdmissionBody;
use spokegate_identity::{Presented, PublicKey, RevocationList, Roots, proof};
use support::daemon::{daemon, join, key, renewal};
use support::{Bed, Sanitizer};

fn id() -> String {
    RequestId::random().to_string()
}

#[track_caller]
fn certificate(answer: &AdmissionBody) -> Vec<u8> {
    match answer.admission().unwrap().verdict {
        Verdict::Issued { certificate, .. } => certificate.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn serial(certificate: &[u8]) -> String {
    let chain = [CertificateDer::from(certificate.to_vec())];
    Presented::of(&chain).unwrap().serial().to_string()
}

fn root(bed: &Bed) -> CertificateDer<'static> {
    let pem = std::fs::read(bed.at().join("ca/fabric/ca.pem")).unwrap();
    CertificateDer::from_pem_slice(&pem).unwrap()
}

fn revokes(bed: &Bed, list: &[u8], certificate: &[u8]) -> bool {
    let list = RevocationList::verify(list, &Roots::new(vec![root(bed)])).unwrap();
    let chain = [CertificateDer::from(certificate.to_vec())];
    list.revokes(&Presented::of(&chain).unwrap().ids()[0])
}

/// Lets a new satellite join, and returns its key and certificate.
async fn joined(bed: &Bed, sanitizer: &Sanitizer) -> (spokegate_identity::SigningKey, Vec<u8>) {
    let (id, token, key) = (id(), bed.token(""), key());
    sanitizer.send(&join(&id, &token, &key));
    let answers = sanitizer.answers(&id, 1).await;
    (key, certificate(&answers[0]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_is_answered_with_what_its_pin_vouches_for() {
    let bed = Bed::new();
    let sanitizer = bed.sanitizer().await;
    let daemon = bed.start(&[&sanitizer], "");
    let (id, token, key) = (id(), bed.token(""), key());
    sanitizer.send(&join(&id, &token, &key));
    let answers = sanitizer.answers(&id, 1).await;
    sanitizer.freed().await;
    let address = answers[0].address();
    assert!(address.is_door(), "{address}");
    let admission = answers[0].admission().unwrap();
    let Verdict::Issued {
        certificate,
        roots,
        signature,
    } = admission.verdict
    else {
        panic!("{answers:?}");
    };
    assert!(token.pin.find(&[root(&bed)]).is_some());
    let authority = PublicKey::of_certificate(&root(&bed)).unwrap();
    let signed = (certificate.as_ref(), roots.as_ref());
    proof::verify_admission(&authority, &admission.id, signed, &signature).unwrap();
    let names = PublicKey::of_certificate(&certificate).unwrap();
    assert_eq!(names, key.public_key());

    let next = support::daemon::key();
    let renew_id = self::id();
    let from = (renew_id.as_str(), "satellite-1");
    sanitizer.send(&renewal(from, &serial(&certificate), &key, &next));
    let answers = sanitizer.answers(&renew_id, 1).await;
    let renewed = self::certificate(&answers[0]);
    assert_eq!(
        PublicKey::of_certificate(&renewed).unwrap(),
        next.public_key()
    );
    let count =
        |labels: &str| daemon.metric(&format!("spokegate_provisioner_admissions_total{labels}"));
    let by_token = "{verdict=\"issued\",reason=\"token\"}";
    let by_certificate = "{verdict=\"issued\",reason=\"certificate\"}";
    assert_eq!(
        (count(by_token), count(by_certificate)),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(daemon.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_one_answer_whatever_its_reason() {
    let bed = Bed::new();
    let sanitizer = bed.sanitizer().await;
    let _daemon = bed.start(&[&sanitizer], "");
    let (agent, certificate) = joined(&bed, &sanitizer).await;
    let token = bed.token("");
    let mut wrong = join(&id(), &token, &agent);
    wrong["public_key"] = key().public_key().to_string().into();
    let mut unknown = join(&id(), &token, &agent);
    unknown["token"] = "0123456789abcdef".into();
    let mut inside = join(&id(), &token, &agent);
    inside["tenant"] = "acme".into();
    inside["satellite"] = "satellite-1".into();
    let (foreign, stranger) = (id(), id());
    let serial = serial(&certificate);
    let refused = [
        wrong,
        unknown,
        inside,
        renewal((&foreign, "hq"), &serial, &agent, &key()),
        renewal((&stranger, "satellite-1"), &serial, &key(), &key()),
    ];
    for record in &refused {
        sanitizer.send(record);
        let answers = sanitizer.answers(record["id"].as_str().unwrap(), 1).await;
        let verdict = answers[0].admission().unwrap().verdict;
        assert_eq!(verdict, Verdict::Refused, "{record}");
    }
    let audit = bed.spokegate("audit show --directory ca");
    for reason in [
        "proof-wrong",
        "token-unknown",
        "not-through-door",
        "foreign-address",
        "signature-wrong",
    ] {
        assert!(
            audit.contains(&format!(" {reason} by ")),
            "{reason}: {audit}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_reaches_every_sanitizer_within_a_second() {
    let bed = Bed::new();
    let (one, two) = (bed.sanitizer().await, bed.sanitizer().await);
    let daemon = bed.start(&[&one, &two], "");
    let (_, certificate) = joined(&bed, &one).await;
    for sanitizer in [&one, &two] {
        sanitizer
            .newest(|der| !revokes(&bed, der, &certificate))
            .await;
    }
    let mut fastest = Duration::MAX;
    // On a machine that is busy with other things the first time may be late.
    for _ in 0..3 {
        bed.spokegate("tenant suspend --directory ca --tenant acme");
        let returned = Instant::now();
        for sanitizer in [&one, &two] {
            sanitizer
                .newest(|der| revokes(&bed, der, &certificate))
                .await;
        }
        fastest = fastest.min(returned.elapsed());
        bed.spokegate("tenant resume --directory ca --tenant acme");
        for sanitizer in [&one, &two] {
            sanitizer
                .newest(|der| !revokes(&bed, der, &certificate))
                .await;
        }
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    bed.spokegate("satellite revoke --directory ca --tenant acme --satellite satellite-1");
    for sanitizer in [&one, &two] {
        sanitizer
            .newest(|der| revokes(&bed, der, &certificate))
            .await;
    }
    // The metrics follow upon the last sanitizer's answer.
    let (revoked, number) = (
        "spokegate_provisioner_crl_revoked_certificates",
        "spokegate_provisioner_crl_number",
    );
    let end = Instant::now() + Duration::from_secs(30);
    while daemon.metric(number) != Some(8.0) && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(daemon.metric(number), Some(8.0));
    assert_eq!(daemon.metric(revoked), Some(1.0));
    // What a restart finds is handed over anew.
    daemon.kill();
    one.set(|inside| inside.lists.clear());
    let _daemon = bed.start(&[&one, &two], "");
    one.newest(|der| revokes(&bed, der, &certificate)).await;
    let (_, other) = joined(&bed, &two).await;
    bed.spokegate("tenant suspend --directory ca --tenant acme");
    two.newest(|der| revokes(&bed, der, &other)).await;
    bed.spokegate("tenant resume --directory ca --tenant acme");
    let resumed = |der: &[u8]| {
        let list = RevocationList::verify(der, &Roots::new(vec![root(&bed)])).unwrap();
        list.number() == 10 && revokes(&bed, der, &certificate) && !revokes(&bed, der, &other)
    };
    two.newest(resumed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_never_taken_holds_nobody_up() {
    let bed = Bed::new();
    let sanitizer = bed.sanitizer().await;
    sanitizer.set(|inside| inside.unserved = Some("globex"));
    let mut daemon = bed.start(&[&sanitizer], "");
    let (first, second) = (id(), id());
    sanitizer.send(&join(&first, &bed.token(""), &key()));
    let mut unserved = renewal((&id(), "hq"), "0a", &key(), &key());
    unserved["tenant"] = "globex".into();
    sanitizer.send(&unserved);
    sanitizer.send(&join(&second, &bed.token(""), &key()));
    for id in [&first, &second] {
        certificate(&sanitizer.answers(id, 1).await[0]);
    }
    sanitizer.freed().await;
    let line = daemon.says("does not take an answer");
    assert!(line.contains("globex"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sanitizer_that_started_anew_gets_the_list_at_once() {
    let bed = Bed::new();
    let sanitizer = bed.sanitizer().await;
    let _daemon = bed.start(&[&sanitizer], "");
    joined(&bed, &sanitizer).await;
    sanitizer.freed().await;
    sanitizer.set(|inside| {
        inside.lists.clear();
        inside.boot += 1;
    });
    let began = Instant::now();
    sanitizer.newest(|_| true).await;
    // The list would otherwise come within a minute.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_cut_off_comes_again_the_same() {
    let bed = Bed::new();
    let sanitizer = bed.sanitizer().await;
    let (id, token, key) = (id(), bed.token(""), key());
    sanitizer.set(|inside| inside.hold = true);
    sanitizer.send(&join(&id, &token, &key));
    // Killed after the decision, while its answer is under way: three times.
    for killed in 1..=3 {
        let daemon = bed.start(&[&sanitizer], "");
        sanitizer.answers(&id, killed).await;
        daemon.kill();
    }
    // Then the answers are refused for a while.
    sanitizer.set(|inside| {
        inside.hold = false;
        inside.refuse = true;
    });
    let mut daemon = bed.start(&[&sanitizer], "");
    daemon.says("they are sent again");
    sanitizer.set(|inside| inside.refuse = false);
    let answers = sanitizer.answers(&id, 4).await;
    sanitizer.freed().await;
    let certificates: BTreeSet<_> = answers.iter().map(certificate).collect();
    assert_eq!(certificates.len(), 1, "one request, one certificate");
    let listed = bed.spokegate("satellite list --directory ca");
    assert_eq!(listed.lines().count(), 1, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_every_request_gets_one_certificate() {
    const REQUESTS: usize = 40;
    let bed = Bed::new();
    let sanitizer = bed.sanitizer().await;
    let mut sent = Vec::new();
    for number in 0..REQUESTS {
        let token = bed.token(&format!(" --satellite s{number:02}"));
        let (id, key) = (id(), key());
        sanitizer.send(&join(&id, &token, &key));
        sent.push(id);
    }
    for round in 0..12 {
        let daemon = bed.start(&[&sanitizer], "");
        // Another moment each time: from before the first poll to the middle of the work.
        tokio::time::sleep(Duration::from_millis(round * 9)).await;
        daemon.kill();
    }
    let _daemon = bed.start(&[&sanitizer], "");
    sanitizer.freed().await;
    let mut all = BTreeSet::new();
    for id in &sent {
        let answers = sanitizer.answers(id, 1).await;
        let certificates: BTreeSet<_> = answers.iter().map(certificate).collect();
        assert_eq!(certificates.len(), 1, "{id}");
        all.extend(certificates);
    }
    assert_eq!(all.len(), REQUESTS);
    let audit = bed.spokegate("audit show --directory ca --last 1000");
    let issued = audit.matches(" certificate.join token by ").count();
    assert_eq!(issued, REQUESTS, "each was issued once: {audit}");
    assert!(audit.ends_with("is whole\n"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_joins_that_race_on_one_token_one_gets_a_certificate() {
    let bed = Bed::new();
    let (one, two) = (bed.sanitizer().await, bed.sanitizer().await);
    let _daemon = bed.start(&[&one, &two], "");
    for _ in 0..5 {
        let (token, first, second) = (bed.token(""), id(), id());
        one.send(&join(&first, &token, &key()));
        two.send(&join(&second, &token, &key()));
        let answers = [one.answers(&first, 1).await, two.answers(&second, 1).await].concat();
        let issued = answers
            .iter()
            .filter(|answer| matches!(answer, AdmissionBody::Issued { .. }));
        assert_eq!(issued.count(), 1, "{answers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_did_not_seal_decides_nothing() {
    let bed = Bed::new();
    let sanitizer = bed.sanitizer().await;
    let daemon = bed.start(&[&sanitizer], "");
    let token = bed.token("");
    let good = join(&id(), &token, &key());
    sanitizer.send_sealed(&good.to_string(), &"0".repeat(64));
    let foreign = serde_json::json!({
        "kind": "presence", "tenant": "acme", "satellite": "hq", "at": 1, "online": true,
    });
    sanitizer.send(&foreign);
    let mut both = join(&id(), &token, &key());
    both["serial"] = "0a".into();
    sanitizer.send(&both);
    // There is no place for what a request would like to have in its certificate.
    let mut wish = join(&id(), &token, &key());
    wish["san"] = "spiffe://msp.example/tenant/globex/satellite/hq".into();
    sanitizer.send(&wish);
    joined(&bed, &sanitizer).await;
    sanitizer.freed().await;
    assert_eq!(sanitizer.inside().admissions.len(), 1);
    let refused = |reason: &str| {
        daemon.metric(&format!(
            "spokegate_relay_lines_refused_total{{reason=\"{reason}\"}}"
        ))
    };
    assert_eq!((refused("seal"), refused("record")), (Some(1.0), Some(3.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_waits_until_somebody_approves() {
    let bed = Bed::new();
    let sanitizer = bed.sanitizer().await;
    let daemon = bed.start(&[&sanitizer], "[enrolment]\napproval = true");
    let (token, agent) = (bed.token(""), key());
    let ask = async || {
        let id = id();
        sanitizer.send(&join(&id, &token, &agent));
        sanitizer.answers(&id, 1).await[0]
            .admission()
            .unwrap()
            .verdict
    };
    for _ in 0..2 {
        assert_eq!(ask().await, Verdict::Pending { retry_s: 10 });
    }
    let requests = bed.spokegate("satellite requests --directory ca");
    assert!(
        requests.starts_with("1  acme/satellite-1  asked 20")
            && requests.ends_with("  from 192.0.2.7\n"),
        "{requests}"
    );
    let approved = bed.spokegate("satellite approve --directory ca 1");
    assert_eq!(approved, "request 1 of acme/satellite-1 is approved\n");
    assert!(matches!(ask().await, Verdict::Issued { .. }));
    assert_eq!(bed.spokegate("satellite requests --directory ca"), "");
    drop(daemon);
}

#[test]
fn the_binary_has_the_verbs_of_all_services() {
    let bed = Bed::new();
    let run = |verb: &str| {
        let output = daemon(bed.at(), verb).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (
            output.status.code(),
            text,
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    bed.configure(&[], "");
    let good = "the configuration is good\n".to_owned();
    assert_eq!(run("check-config"), (Some(0), good, String::new()));
    let example = run("example-config");
    assert_eq!(example.1, spokegate_provisioner::config::DEFAULTS);
    let (code, _, errors) = run("healthcheck");
    assert_eq!(code, Some(1), "{errors}");
    let running = bed.start(&[], "");
    // It says that it decides a moment before it is ready.
    let ready = (0..100).any(|_| run("healthcheck").1 == "ready\n");
    assert!(ready, "{:?}", run("healthcheck"));
    assert_eq!(running.stop(), Some(0));

    bed.configure(&[], "[enrolment]\ncertificate_days = 400\nlife = 3");
    let (code, _, errors) = run("check-config");
    assert_eq!(code, Some(78));
    assert!(
        errors.contains("certificate_days")
            && errors.contains("1 to 90")
            && errors.contains("life"),
        "{errors}"
    );
    bed.configure(&[], "");
    std::fs::remove_file(bed.at().join("ca/fabric/ca-key.pem")).unwrap();
    for (verb, expected) in [("check-config", 78), ("run", 1)] {
        let (code, _, errors) = run(verb);
        assert_eq!(code, Some(expected));
        assert!(errors.contains("(authorities.directory)"), "{errors}");
    }
}
