//! The office over a real registry and real keys: from the token to the list of what is revoked.

use std::sync::Arc;

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use spokegate_contract::RequestId;
use spokegate_contract::envelope::Verdict;
use spokegate_contract::record::{Claim, Enrolment};
use spokegate_identity::offline::{OfflineBundle, OfflineRequest};
use spokegate_identity::sealed::OpeningKey;
use spokegate_identity::{JoinToken, PublicKey, RevocationList, Roots, SigningKey, proof};
use tempfile::TempDir;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;
use crate::Reason;
use crate::registry::ChainState;

const NOW: u64 = 1_780_272_000_000;
const MINUTE: u64 = 60_000;
const DAY: u64 = 86_400_000;
const POLICY: Policy = Policy {
    certificate_days: 7,
    grace_days: 30,
    approval: false,
};

struct Bed {
    office: Arc<Office>,
    folder: TempDir,
}

/// An agent's key.
struct Agent(SigningKey);

impl Agent {
    fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self(SigningKey::from_pem(&key.serialize_pem()).unwrap())
    }

    fn key(&self) -> PublicKey {
        self.0.public_key()
    }

    fn join(&self, token: &JoinToken) -> Enrolment<'static> {
        let proof_key = proof::JoinProofKey::of(&token.secret);
        Enrolment {
            id: RequestId::random(),
            public_key: *self.key().as_bytes(),
            claim: Claim::Join {
                token: token.id.to_string().into(),
                proof: proof::join(&proof_key, &self.key()),
            },
            peer: Some("192.0.2.7".into()),
        }
    }

    /// Asks for a certificate for the key of `next` with one of ours.
    fn renew(&self, certificate: &[u8], next: &Agent) -> Enrolment<'static> {
        let id = RequestId::random();
        Enrolment {
            id,
            public_key: *next.key().as_bytes(),
            claim: Claim::Renew {
                serial: serial(certificate),
                signature: proof::renewal(&self.0, &id, &next.key()).unwrap(),
            },
            peer: None,
        }
    }
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let life = Validity::between(NOW - DAY, NOW + 400 * DAY);
        let domain = "spokegate.local".parse().unwrap();
        let office = Office::create(&folder.path().join("ca"), &domain, life)
            .await
            .unwrap();
        Self {
            office: Arc::new(office),
            folder,
        }
    }

    async fn token(&self, tenant: &str, approval: bool, now_ms: u64) -> JoinToken {
        let order = TokenOrder {
            tenant: tenant.parse().unwrap(),
            satellite: Some("hq".parse().unwrap()),
            door: "door.test:8443".parse().unwrap(),
            life_ms: 30 * MINUTE,
            approval,
        };
        self.office.join_token(&order, now_ms).await.unwrap().0
    }

    async fn ask(&self, from: &Address, asked: &Enrolment<'_>, now_ms: u64) -> Admitted {
        self.office
            .admit(from, asked, &POLICY, now_ms)
            .await
            .unwrap()
    }

    async fn joined(&self, tenant: &str) -> (Agent, Vec<u8>) {
        let (agent, token) = (Agent::new(), self.token(tenant, false, NOW).await);
        let admitted = self.ask(&Address::door(), &agent.join(&token), NOW).await;
        let certificate = certificate(&admitted);
        (agent, certificate)
    }

    /// The present list, verified as a broker would, and whether it revokes a certificate.
    async fn list(&self) -> RevocationList {
        let list = self.office.registry().list().await.unwrap().unwrap();
        let root = self.office.authorities().fabric.certificate_pem();
        let root = CertificateDer::from_pem_slice(root.as_bytes()).unwrap();
        let verified = RevocationList::verify(&list.der, &Roots::new(vec![root])).unwrap();
        assert_eq!(verified.number(), list.number);
        let file = std::fs::read(self.office.list_path()).unwrap();
        let file = spokegate_identity::split_lists(&file).unwrap();
        assert_eq!(file, [list.der], "the file holds the same");
        verified
    }
}

#[track_caller]
fn certificate(admitted: &Admitted) -> Vec<u8> {
    match &admitted.admission.verdict {
        Verdict::Issued { certificate, .. } => certificate.to_vec(),
        _ => panic!("{admitted:?}"),
    }
}

fn serial(certificate: &[u8]) -> Vec<u8> {
    let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
    certificate.raw_serial().to_vec()
}

fn address(tenant: &str) -> Address {
    Address::new(tenant.parse().unwrap(), "hq".parse().unwrap())
}

fn is_revoked(list: &RevocationList, certificate: &[u8]) -> bool {
    let presented =
        spokegate_identity::Presented::of(&[CertificateDer::from(certificate.to_vec())]).unwrap();
    list.revokes(&presented.ids()[0])
}

#[track_caller]
fn refused(admitted: &Admitted, reason: &str) {
    let words = (admitted.verdict, admitted.reason);
    assert_eq!(words, ("refused", reason));
    assert_eq!(admitted.admission.verdict, Verdict::Refused);
}

#[tokio::test]
async fn a_token_becomes_a_certificate_that_its_pin_vouches_for() {
    let bed = Bed::new().await;
    let (agent, token) = (Agent::new(), bed.token("acme", false, NOW).await);
    let asked = agent.join(&token);
    let admitted = bed.ask(&Address::door(), &asked, NOW).await;
    let Verdict::Issued {
        certificate,
        roots,
        signature,
    } = &admitted.admission.verdict
    else {
        panic!("{admitted:?}");
    };
    let roots_der: Vec<_> = CertificateDer::pem_slice_iter(roots)
        .collect::<Result<_, _>>()
        .unwrap();
    let root = token.pin.find(&roots_der).expect("the pin is of the root");
    let authority = PublicKey::of_certificate(root).unwrap();
    proof::verify_admission(&authority, &asked.id, (certificate, roots), signature).unwrap();
    assert_eq!(PublicKey::of_certificate(certificate).unwrap(), agent.key());
    let domain = "spokegate.local".parse().unwrap();
    let principal = Principal::from_certificate(certificate, &domain).unwrap();
    assert_eq!(principal, Principal::Satellite(address("acme")));
    let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
    assert!(!parsed.is_ca());
    let life = parsed.validity();
    assert_eq!(
        life.not_before.timestamp() * 1_000,
        (NOW - 5 * MINUTE) as i64
    );
    assert_eq!(life.not_after.timestamp() * 1_000, (NOW + 7 * DAY) as i64);
}

#[tokio::test]
async fn the_same_key_gets_the_same_certificate_and_another_key_none() {
    let bed = Bed::new().await;
    let (agent, token) = (Agent::new(), bed.token("acme", false, NOW).await);
    let door = Address::door();
    let first = certificate(&bed.ask(&door, &agent.join(&token), NOW).await);
    // A second request is another one, and its answer is signed for it.
    let again = bed.ask(&door, &agent.join(&token), NOW + 29 * MINUTE).await;
    assert_eq!((certificate(&again), again.reason), (first, "join-again"));
    let other = bed.ask(&door, &Agent::new().join(&token), NOW).await;
    refused(&other, "token-used");
    let late = bed.ask(&door, &agent.join(&token), NOW + 31 * MINUTE).await;
    refused(&late, "token-expired");
    let issued = bed.office.registry().satellites(NOW).await.unwrap();
    assert_eq!(issued.len(), 1);
    assert_eq!(issued[0].good, 1);
}

#[tokio::test]
async fn a_token_proves_nothing_for_another_key_token_or_way() {
    let bed = Bed::new().await;
    let (agent, token) = (Agent::new(), bed.token("acme", false, NOW).await);
    let door = Address::door();
    // A proof that was seen on its way, with somebody else's key.
    let mut stolen = agent.join(&token);
    stolen.public_key = *Agent::new().key().as_bytes();
    refused(&bed.ask(&door, &stolen, NOW).await, "proof-wrong");
    let mut guessed = token.clone();
    guessed.secret = spokegate_identity::JoinSecret::generate();
    refused(
        &bed.ask(&door, &agent.join(&guessed), NOW).await,
        "proof-wrong",
    );
    let mut unknown = token.clone();
    unknown.id = spokegate_identity::JoinTokenId::generate();
    refused(
        &bed.ask(&door, &agent.join(&unknown), NOW).await,
        "token-unknown",
    );
    let inside = bed.ask(&address("acme"), &agent.join(&token), NOW).await;
    refused(&inside, "not-through-door");
    // None of it has spent the token.
    certificate(&bed.ask(&door, &agent.join(&token), NOW).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_that_race_for_one_token_one_wins() {
    let bed = Bed::new().await;
    for round in 0..10 {
        let token = bed.token("acme", false, NOW).await;
        let contenders: Vec<_> = (0..4)
            .map(|_| {
                // Each has the registry open for itself, as two daemons would.
                let (path, asked) = (bed.folder.path().join("ca"), Agent::new().join(&token));
                async move {
                    let office = Office::open(&path).await.unwrap();
                    let admitted = office.admit(&Address::door(), &asked, &POLICY, NOW).await;
                    office.close().await;
                    admitted.unwrap().verdict
                }
            })
            .map(tokio_spawn)
            .collect();
        let mut verdicts = Vec::new();
        for contender in contenders {
            verdicts.push(contender.await.unwrap());
        }
        let issued = verdicts
            .iter()
            .filter(|verdict| **verdict == "issued")
            .count();
        assert_eq!(issued, 1, "round {round}: {verdicts:?}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the contenders of a test, which waits for all of them"
)]
fn tokio_spawn<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(work)
}

#[tokio::test]
async fn a_certificate_renews_with_a_new_key_on_its_own_topic() {
    let bed = Bed::new().await;
    let (agent, first) = bed.joined("acme").await;
    let (_, foreign) = bed.joined("globex").await;
    let next = Agent::new();
    let asked = agent.renew(&first, &next);
    let renewed = bed.ask(&address("acme"), &asked, NOW + 5 * DAY).await;
    assert_eq!(renewed.reason, "certificate");
    let second = certificate(&renewed);
    assert_eq!(PublicKey::of_certificate(&second).unwrap(), next.key());
    // The answer was lost: the same request, and another one for the same key.
    let again = bed.ask(&address("acme"), &asked, NOW + 5 * DAY).await;
    assert_eq!(
        (certificate(&again), again.reason),
        (second.clone(), "renewal-again")
    );
    let again = agent.renew(&first, &next);
    let again = bed.ask(&address("acme"), &again, NOW + 5 * DAY).await;
    assert_eq!(certificate(&again), second);
    // Twins.
    let from = address("acme");
    let same_key = agent.renew(&first, &agent);
    refused(&bed.ask(&from, &same_key, NOW).await, "key-not-new");
    let elsewhere = agent.renew(&first, &Agent::new());
    refused(
        &bed.ask(&address("globex"), &elsewhere, NOW).await,
        "foreign-address",
    );
    let stranger = Agent::new().renew(&first, &Agent::new());
    refused(&bed.ask(&from, &stranger, NOW).await, "signature-wrong");
    let of_globex = agent.renew(&foreign, &Agent::new());
    refused(&bed.ask(&from, &of_globex, NOW).await, "foreign-address");
    refused(
        &bed.ask(&Address::door(), &of_globex, NOW).await,
        "signature-wrong",
    );
    let mut moved = agent.renew(&first, &Agent::new());
    moved.id = RequestId::random();
    refused(&bed.ask(&from, &moved, NOW).await, "signature-wrong");
    let mut unknown = agent.renew(&first, &Agent::new());
    if let Claim::Renew { serial, .. } = &mut unknown.claim {
        serial[3] ^= 1;
    }
    refused(&bed.ask(&from, &unknown, NOW).await, "serial-unknown");
}

#[tokio::test]
async fn an_ended_certificate_renews_through_the_door_for_a_while() {
    let bed = Bed::new().await;
    let (agent, first) = bed.joined("acme").await;
    let asked = agent.renew(&first, &Agent::new());
    let end = NOW + 7 * DAY;
    let late = bed.ask(&Address::door(), &asked, end + 30 * DAY + 1).await;
    refused(&late, "grace-over");
    let graced = bed.ask(&Address::door(), &asked, end + 30 * DAY).await;
    assert_eq!((graced.verdict, graced.reason), ("issued", "grace"));
}

#[tokio::test]
async fn a_services_certificate_makes_nobody_a_satellite() {
    let bed = Bed::new().await;
    let agent = Agent::new();
    let life = Validity::days(NOW, 7);
    let domain = bed.office.authorities().fabric.trust_domain().clone();
    let name = spokegate_identity::ServiceName::Sanitizer;
    let plan = CertificatePlan::service(name, &domain, life).unwrap();
    let issued = bed.office.issue(Hop::Fabric, &plan, NOW).await.unwrap();
    let asked = agent.renew(&issued.certified.der, &Agent::new());
    refused(
        &bed.ask(&Address::door(), &asked, NOW).await,
        "serial-unknown",
    );
    let recorded = bed.office.registry().satellites(NOW).await.unwrap();
    assert_eq!(recorded, []);
}

#[tokio::test]
async fn what_is_revoked_is_on_the_list_and_a_later_token_is_good() {
    let bed = Bed::new().await;
    let (agent, first) = bed.joined("acme").await;
    let (_, other) = bed.joined("globex").await;
    let renewed = agent.renew(&first, &Agent::new());
    let second = certificate(&bed.ask(&address("acme"), &renewed, NOW + 1).await);
    let outstanding = bed.token("acme", false, NOW).await;
    let reason = Reason::KeyCompromise;
    let revoked = bed
        .office
        .revoke(&address("acme"), reason, NOW + 2)
        .await
        .unwrap();
    assert_eq!((revoked.certificates, revoked.tokens), (2, 1));
    let list = bed.list().await;
    assert_eq!((list.number(), list.revoked()), (revoked.list, 2));
    assert!(is_revoked(&list, &first) && is_revoked(&list, &second));
    assert!(!is_revoked(&list, &other));
    let door = Address::door();
    let asked = agent.renew(&first, &Agent::new());
    refused(
        &bed.ask(&door, &asked, NOW + 3).await,
        "certificate-revoked",
    );
    let asked = Agent::new().join(&outstanding);
    refused(&bed.ask(&door, &asked, NOW + 3).await, "satellite-revoked");
    let token = bed.token("acme", false, NOW + 3).await;
    let third = certificate(&bed.ask(&door, &Agent::new().join(&token), NOW + 4).await);
    let list = bed.office.refresh_list(NOW + 5).await.unwrap();
    assert_eq!(list.number, revoked.list, "nothing changed");
    assert!(!is_revoked(&bed.list().await, &third));
    let nobody = Address::new("acme".parse().unwrap(), "nobody".parse().unwrap());
    let error = bed.office.revoke(&nobody, reason, NOW).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no certificate was ever issued to acme/nobody")
    );
}

#[tokio::test]
async fn an_ended_certificate_that_is_revoked_has_no_grace() {
    let bed = Bed::new().await;
    let (agent, first) = bed.joined("acme").await;
    let later = NOW + 8 * DAY;
    let reason = Reason::Unspecified;
    bed.office
        .revoke(&address("acme"), reason, later)
        .await
        .unwrap();
    assert_eq!(bed.list().await.revoked(), 0, "it has ended anyway");
    let asked = agent.renew(&first, &Agent::new());
    refused(
        &bed.ask(&Address::door(), &asked, later).await,
        "certificate-revoked",
    );
}

#[tokio::test]
async fn a_suspended_tenant_is_on_hold_until_it_is_resumed() {
    let bed = Bed::new().await;
    let (agent, first) = bed.joined("acme").await;
    let (globex, other) = bed.joined("globex").await;
    let token = bed.token("acme", false, NOW).await;
    let acme = "acme".parse().unwrap();
    bed.office.suspend(&acme, NOW + 1).await.unwrap();
    let list = bed.list().await;
    assert!(is_revoked(&list, &first) && !is_revoked(&list, &other));
    let door = Address::door();
    let renewal = agent.renew(&first, &Agent::new());
    refused(&bed.ask(&door, &renewal, NOW + 2).await, "tenant-suspended");
    let join = Agent::new().join(&token);
    refused(&bed.ask(&door, &join, NOW + 2).await, "tenant-suspended");
    let of_globex = globex.renew(&other, &Agent::new());
    certificate(&bed.ask(&address("globex"), &of_globex, NOW + 2).await);
    let domain = bed.office.authorities().fabric.trust_domain().clone();
    let plan =
        CertificatePlan::satellite(&address("acme"), &domain, Validity::days(NOW, 7)).unwrap();
    let error = bed
        .office
        .issue(Hop::Fabric, &plan, NOW + 2)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("spokegate tenant resume --tenant acme")
    );
    assert!(matches!(
        bed.office.suspend(&acme, NOW + 2).await,
        Err(OfficeError::SuspendedAlready(_))
    ));
    // Another process has the same state.
    let path = bed.folder.path().join("ca");
    let reopened = Office::open(&path).await.unwrap();
    let resumed = reopened.resume(&acme, NOW + 3).await.unwrap();
    assert_eq!((resumed.number, resumed.entries), (list.number() + 1, 0));
    assert!(!is_revoked(&bed.list().await, &first));
    certificate(&bed.ask(&door, &renewal, NOW + 4).await);
    assert!(matches!(
        reopened.resume(&acme, NOW + 5).await,
        Err(OfficeError::NotSuspended(_))
    ));
    // What is revoked stays so.
    bed.office
        .revoke(&address("acme"), Reason::Superseded, NOW + 6)
        .await
        .unwrap();
    bed.office.suspend(&acme, NOW + 7).await.unwrap();
    bed.office.resume(&acme, NOW + 8).await.unwrap();
    assert!(is_revoked(&bed.list().await, &first));
}

#[tokio::test]
async fn a_list_is_made_daily_and_forgets_what_has_ended() {
    let bed = Bed::new().await;
    let (_, first) = bed.joined("acme").await;
    let number = async |now_ms| bed.office.refresh_list(now_ms).await.unwrap().number;
    assert_eq!(number(NOW).await, 1);
    assert_eq!(number(NOW + DAY - 1).await, 1);
    assert_eq!(number(NOW + DAY).await, 2);
    let reason = Reason::CessationOfOperation;
    bed.office
        .revoke(&address("acme"), reason, NOW + DAY)
        .await
        .unwrap();
    assert!(is_revoked(&bed.list().await, &first));
    assert_eq!(number(NOW + 7 * DAY + 60 * MINUTE).await, 4);
    let behind = "a broker's clock may be behind";
    assert!(is_revoked(&bed.list().await, &first), "{behind}");
    assert_eq!(number(NOW + 7 * DAY + 61 * MINUTE).await, 5);
    let list = bed.list().await;
    assert_eq!((list.number(), list.revoked()), (5, 0));
    let due = (list.next_update_ms() - list.this_update_ms()) / DAY;
    assert_eq!(due, 7);
}

#[tokio::test]
async fn a_restored_registry_can_get_ahead_of_what_brokers_have() {
    let bed = Bed::new().await;
    bed.joined("acme").await;
    assert_eq!(bed.office.raise_list(41, NOW).await.unwrap().number, 42);
    assert_eq!(bed.list().await.number(), 42);
    // A number that is above already stays.
    assert_eq!(bed.office.raise_list(41, NOW).await.unwrap().number, 42);
    assert_eq!(bed.office.raise_list(42, NOW).await.unwrap().number, 43);
    let acme = address("acme");
    let revoked = bed.office.revoke(&acme, Reason::Superseded, NOW);
    assert_eq!(revoked.await.unwrap().list, 44);
}

#[tokio::test]
async fn any_certificate_of_the_fabric_can_be_revoked_by_its_serial() {
    let bed = Bed::new().await;
    let domain = bed.office.authorities().fabric.trust_domain().clone();
    let issue = async |hop, name| {
        let plan = CertificatePlan::service(name, &domain, Validity::days(NOW, 7)).unwrap();
        bed.office.issue(hop, &plan, NOW).await.unwrap().certified
    };
    let sanitizer = issue(Hop::Fabric, spokegate_identity::ServiceName::Sanitizer).await;
    let reports = issue(Hop::Inner, spokegate_identity::ServiceName::ReportService).await;
    let reason = Reason::KeyCompromise;
    let revoke = async |serial: &Serial| bed.office.revoke_serial(serial, reason, NOW).await;
    let (holder, _) = revoke(&sanitizer.serial).await.unwrap();
    assert_eq!(holder, "client spiffe://spokegate.local/service/sanitizer");
    assert!(is_revoked(&bed.list().await, &sanitizer.der));
    // A key that somebody stole does not come back by the token that it came with.
    let (agent, token) = (Agent::new(), bed.token("acme", false, NOW).await);
    let joined = bed.ask(&Address::door(), &agent.join(&token), NOW).await;
    revoke(&Serial::new(&serial(&certificate(&joined))))
        .await
        .unwrap();
    let again = bed.ask(&Address::door(), &agent.join(&token), NOW).await;
    refused(&again, "satellite-revoked");
    // No broker asks for the other hop's.
    let error = revoke(&reports.serial).await.unwrap_err();
    assert!(matches!(error, OfficeError::UnknownSerial(_)), "{error}");
    assert_eq!(bed.list().await.revoked(), 2);
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_and_the_audit_is_not() {
    let bed = Bed::new().await;
    let (agent, first) = bed.joined("acme").await;
    let token = bed.token("acme", true, NOW).await;
    bed.ask(&Address::door(), &Agent::new().join(&token), NOW)
        .await;
    let end = NOW + 7 * DAY;
    bed.office.refresh_list(end + 400 * DAY).await.unwrap();
    assert_eq!(
        bed.office.registry().satellites(NOW).await.unwrap().len(),
        1
    );
    bed.office.refresh_list(end + 400 * DAY + 1).await.unwrap();
    assert_eq!(bed.office.registry().satellites(NOW).await.unwrap(), []);
    let asked = agent.renew(&first, &Agent::new());
    refused(
        &bed.ask(&Address::door(), &asked, NOW).await,
        "serial-unknown",
    );
    let asked = Agent::new().join(&token);
    refused(
        &bed.ask(&Address::door(), &asked, NOW).await,
        "token-unknown",
    );
    let records = bed.office.registry().audit_last(99).await.unwrap();
    assert_eq!(records[0].action, "token.make");
}

#[tokio::test]
async fn a_join_that_needs_approval_waits_for_it() {
    let bed = Bed::new().await;
    let (agent, token) = (Agent::new(), bed.token("acme", true, NOW).await);
    let door = Address::door();
    let pending = bed.ask(&door, &agent.join(&token), NOW).await;
    assert_eq!(
        (pending.verdict, pending.reason),
        ("pending", "approval-asked")
    );
    let pending = bed.ask(&door, &agent.join(&token), NOW + 10_000).await;
    assert_eq!(pending.reason, "approval-awaited");
    refused(
        &bed.ask(&door, &Agent::new().join(&token), NOW).await,
        "token-used",
    );
    let open = bed.office.registry().requests_open(NOW).await.unwrap();
    assert_eq!(open.len(), 1);
    let request = &open[0];
    assert_eq!(
        (
            request.address.clone(),
            request.public_key,
            request.peer.as_str()
        ),
        (address("acme"), agent.key(), "192.0.2.7")
    );
    bed.office
        .decide(request.number, true, NOW + 1)
        .await
        .unwrap();
    let error = bed
        .office
        .decide(request.number, false, NOW + 2)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the request 1 is approved already");
    assert!(bed.office.decide(99, true, NOW).await.is_err());
    assert!(
        bed.office
            .registry()
            .requests_open(NOW)
            .await
            .unwrap()
            .is_empty()
    );
    let issued = bed.ask(&door, &agent.join(&token), NOW + DAY).await;
    assert_eq!((issued.verdict, issued.reason), ("issued", "approval"));
    let again = bed.ask(&door, &agent.join(&token), NOW + DAY).await;
    assert_eq!(certificate(&again), certificate(&issued));
    // The twin.
    let (other, token) = (Agent::new(), bed.token("acme", true, NOW).await);
    bed.ask(&door, &other.join(&token), NOW).await;
    bed.office.decide(2, false, NOW).await.unwrap();
    refused(
        &bed.ask(&door, &other.join(&token), NOW).await,
        "request-rejected",
    );
}

#[tokio::test]
async fn an_unnamed_satellite_gets_the_next_free_name() {
    let bed = Bed::new().await;
    let name = async |tenant: &str| {
        let order = TokenOrder {
            tenant: tenant.parse().unwrap(),
            satellite: None,
            door: "door.test:8443".parse().unwrap(),
            life_ms: MINUTE,
            approval: false,
        };
        let made = bed.office.join_token(&order, NOW).await;
        made.map(|(_, address)| address.to_string())
    };
    assert_eq!(name("acme").await.unwrap(), "acme/satellite-1");
    assert_eq!(name("acme").await.unwrap(), "acme/satellite-2");
    assert_eq!(name("globex").await.unwrap(), "globex/satellite-1");
    for reserved in ["enrolment", "sanitizer"] {
        let error = name(reserved).await.unwrap_err();
        assert!(matches!(error, OfficeError::ReservedTenant(_)), "{error}");
    }
}

#[tokio::test]
async fn a_carried_request_is_answered_for_its_key_alone() {
    let bed = Bed::new().await;
    let (agent, opening) = (Agent::new(), OpeningKey::generate());
    let request = OfflineRequest::new(&agent.0, opening.recipient()).unwrap();
    let broker = Some("broker.test:8883".to_owned());
    let bundle = async |text: &str| {
        let acme = address("acme");
        bed.office
            .bundle(&acme, text.as_bytes(), broker.clone(), 7, NOW)
            .await
    };
    let carried = bundle(&request.to_json()).await.unwrap();
    let pin = bed.office.authorities().fabric.pin();
    let open = |sealed: &[u8]| OfflineBundle::open(sealed, &opening, &request.id, &pin).unwrap();
    let opened = open(&carried.sealed);
    assert_eq!(opened.broker, broker);
    assert_eq!(
        PublicKey::of_certificate(&opened.certificate).unwrap(),
        agent.key()
    );
    let again = bundle(&request.to_json()).await.unwrap();
    assert_ne!(again.sealed, carried.sealed, "sealed anew");
    assert_eq!(open(&again.sealed).certificate, opened.certificate);
    let altered =
        request
            .to_json()
            .replacen(&agent.key().to_string(), &Agent::new().key().to_string(), 1);
    let error = bundle(&altered).await.unwrap_err();
    assert!(
        error.to_string().contains("signature does not hold"),
        "{error}"
    );
    // It renews like any other.
    let asked = agent.renew(&opened.certificate, &Agent::new());
    certificate(&bed.ask(&address("acme"), &asked, NOW).await);
    bed.office
        .suspend(&"acme".parse().unwrap(), NOW)
        .await
        .unwrap();
    let suspended = bundle(&request.to_json()).await;
    assert!(matches!(suspended, Err(OfficeError::Suspended(_))));
}

#[tokio::test]
async fn every_decision_stands_in_the_audit_with_its_reason() {
    let bed = Bed::new().await;
    let (agent, token) = (Agent::new(), bed.token("acme", false, NOW).await);
    let door = Address::door();
    let first = certificate(&bed.ask(&door, &agent.join(&token), NOW).await);
    bed.ask(&door, &Agent::new().join(&token), NOW).await;
    bed.ask(&address("globex"), &agent.renew(&first, &Agent::new()), NOW)
        .await;
    bed.office
        .revoke(&address("acme"), Reason::Superseded, NOW)
        .await
        .unwrap();
    let records = bed.office.registry().audit_last(99).await.unwrap();
    let shown: Vec<_> = records
        .iter()
        .map(|record| {
            format!(
                "{} {} {} {}",
                record.decision, record.action, record.reason, record.actor
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "allowed token.make command operator",
            "allowed certificate.join token enrolment/door",
            "denied certificate.join token-used enrolment/door",
            "denied certificate.renew foreign-address globex/hq",
            "allowed satellite.revoke superseded operator",
        ]
    );
    let secret = token.to_string();
    let secret = secret.split('.').nth(2).unwrap();
    let everything = format!("{records:?}");
    assert!(!everything.contains(secret));
    let state = bed.office.registry().verify_audit().await.unwrap();
    assert_eq!(state, ChainState::Intact { records: 5 });
}

#[tokio::test]
async fn a_flood_of_refusals_does_not_fill_the_registry() {
    let bed = Bed::new().await;
    let mut token = bed.token("acme", false, NOW).await;
    token.secret = spokegate_identity::JoinSecret::generate();
    let agent = Agent::new();
    for _ in 0..200 {
        refused(
            &bed.ask(&Address::door(), &agent.join(&token), NOW).await,
            "proof-wrong",
        );
    }
    bed.ask(&Address::door(), &agent.join(&token), NOW + MINUTE)
        .await;
    let records = bed.office.registry().audit_last(999).await.unwrap();
    assert_eq!(records.len(), 22);
    let last = &records[21].subject;
    assert!(
        last.ends_with(", and 180 more like it a while before"),
        "{last}"
    );
}

#[tokio::test]
async fn an_authority_at_its_end_refuses_and_says_so() {
    let bed = Bed::new().await;
    let end = NOW + 399 * DAY;
    let token = bed.token("acme", false, end).await;
    let asked = Agent::new().join(&token);
    refused(
        &bed.ask(&Address::door(), &asked, end).await,
        "authority-unable",
    );
    // The token is not spent.
    let shorter = Policy {
        certificate_days: 1,
        ..POLICY
    };
    let admitted = bed
        .office
        .admit(&Address::door(), &asked, &shorter, end)
        .await;
    certificate(&admitted.unwrap());
}

#[tokio::test]
async fn of_the_one_who_asks_only_the_key_is_in_the_certificate() {
    let bed = Bed::new().await;
    let (agent, token) = (Agent::new(), bed.token("acme", false, NOW).await);
    let admitted = bed.ask(&Address::door(), &agent.join(&token), NOW).await;
    let der = certificate(&admitted);
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let (_, plain) = {
        let domain = bed.office.authorities().fabric.trust_domain().clone();
        let plan =
            CertificatePlan::satellite(&address("acme"), &domain, Validity::days(NOW, 7)).unwrap();
        let issued = bed.office.issue(Hop::Fabric, &plan, NOW).await.unwrap();
        (plan, issued)
    };
    let (_, made_here) = X509Certificate::from_der(&plain.certified.der).unwrap();
    // Everything but serial, key, key identifier and signature is what the plan alone makes.
    assert_eq!(parsed.subject().as_raw(), made_here.subject().as_raw());
    assert_eq!(parsed.issuer().as_raw(), made_here.issuer().as_raw());
    assert_eq!(parsed.validity(), made_here.validity());
    let extensions = |certificate: &X509Certificate<'_>| {
        let of = certificate.extensions().iter();
        of.map(|extension| {
            (
                extension.oid.to_string(),
                extension.critical,
                extension.value.to_vec(),
            )
        })
        .collect::<Vec<_>>()
    };
    let key_identifier = "2.5.29.14";
    let without_key = |mut all: Vec<(String, bool, Vec<u8>)>| {
        all.retain(|(oid, ..)| oid != key_identifier);
        all
    };
    assert_eq!(
        without_key(extensions(&parsed)),
        without_key(extensions(&made_here))
    );
    assert_eq!(PublicKey::of_certificate(&der).unwrap(), agent.key());
}

#[tokio::test]
async fn it_takes_many_satellites_to_make_the_list_too_long_for_the_wire() {
    const WEEK: u64 = 7;
    let bed = Bed::new().await;
    let (agent, first) = bed.joined("acme").await;
    let from = address("acme");
    for day in 0..WEEK {
        let now_ms = NOW + day * (DAY + 1);
        while bed
            .ask(&from, &agent.renew(&first, &Agent::new()), now_ms)
            .await
            .reason
            == "certificate"
        {}
    }
    let last = NOW + WEEK * DAY - MINUTE;
    let reason = Reason::KeyCompromise;
    bed.office.revoke(&from, reason, last).await.unwrap();
    let list = bed.office.registry().list().await.unwrap().unwrap();
    assert_eq!(list.entries, WEEK * crate::rules::ISSUED_PER_DAY_MAX);
    assert!(list.der.len() * 25 < spokegate_contract::limits::CRL_BYTES_MAX);
}

#[tokio::test]
async fn one_renewal_again_and_again_does_not_fill_the_audit() {
    let bed = Bed::new().await;
    let (agent, first) = bed.joined("acme").await;
    let asked = agent.renew(&first, &Agent::new());
    for _ in 0..100 {
        certificate(&bed.ask(&Address::door(), &asked, NOW).await);
    }
    let rows = bed.office.registry().audit_last(1_000).await.unwrap();
    let again = rows.iter().filter(|row| row.reason == "renewal-again");
    assert_eq!(again.count(), 20);
}
