use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};
use spokegate_identity::{SigningKey, proof};
use time::OffsetDateTime;

use super::*;

const NOW_MS: u64 = 1_800_000_000_000;
const HOUR_MS: u64 = 3_600_000;
const HQ: &str = "spiffe://spokegate.local/tenant/acme/satellite/hq";

#[test]
fn what_a_trusted_root_signed_for_our_key_is_believed() {
    let bed = Bed::new();
    let issued = bed.issue(HQ, NOW_MS - HOUR_MS, NOW_MS + HOUR_MS);
    let admitted = bed.admit(&issued).unwrap();
    assert_eq!(admitted.address.to_string(), "acme/hq");
    assert_eq!(admitted.trust_domain.as_str(), "spokegate.local");
    assert_eq!(admitted.life.not_after_ms, NOW_MS + HOUR_MS);
    assert_eq!(admitted.roots_pem, bed.root_pem);
    let back = CertificateDer::from_pem_slice(admitted.certificate_pem.as_bytes()).unwrap();
    assert_eq!(back.as_ref(), issued.certificate);
    let ours = ("spokegate.local".parse().unwrap(), address("acme", "hq"));
    let expected = Expected {
        who: Some((&ours.0, &ours.1)),
        ..bed.expected()
    };
    assert!(admit(&expected, &issued).is_ok());
}

#[test]
fn nothing_that_is_not_signed_so_is_believed() {
    let bed = Bed::new();
    let good = bed.issue(HQ, NOW_MS - HOUR_MS, NOW_MS + HOUR_MS);
    let check = |change: &dyn Fn(&mut Issued)| {
        let mut issued = good.clone();
        change(&mut issued);
        refused(bed.admit(&issued), "is not signed by a root");
    };
    check(&|issued| issued.id = RequestId::from_bytes([9; 16]));
    check(&|issued| issued.signature.clear());
    check(&|issued| issued.roots.push(b'\n'));
    check(&|issued| issued.roots = Bed::new().root_pem.into_bytes());
    check(&|issued| issued.certificate[40] ^= 1);
    // Another authority's answer, whole in itself, with its own roots.
    let foreign = Bed {
        key: bed.key(),
        ..Bed::new()
    };
    let issued = foreign.issue(HQ, NOW_MS - HOUR_MS, NOW_MS + HOUR_MS);
    assert!(
        foreign.admit(&issued).is_ok(),
        "the twin: for those who trust it"
    );
    refused(bed.admit(&issued), "is not signed by a root");
}

#[test]
fn the_present_root_may_hand_over_to_a_new_one() {
    let (old, new) = (Bed::new(), Bed::new());
    let new = Bed {
        key: old.key(),
        ..new
    };
    let mut issued = new.issue(HQ, NOW_MS - HOUR_MS, NOW_MS + HOUR_MS);
    issued.roots = [new.root_pem.as_bytes(), old.root_pem.as_bytes()].concat();
    issued.signature = proof::admission(
        &old.authority,
        &issued.id,
        &issued.certificate,
        &issued.roots,
    )
    .unwrap();
    let admitted = old.admit(&issued).unwrap();
    assert_eq!(admitted.roots_pem.as_bytes(), issued.roots);
}

#[test]
fn another_key_another_name_and_a_service_are_refused() {
    let bed = Bed::new();
    let life = (NOW_MS - HOUR_MS, NOW_MS + HOUR_MS);
    let issued = bed.issue(HQ, life.0, life.1);
    let other = KeyPair::generate().unwrap();
    let other = SigningKey::from_pkcs8(&other.serialize_der())
        .unwrap()
        .public_key();
    let expected = Expected {
        key: &other,
        ..bed.expected()
    };
    refused(admit(&expected, &issued), "for another key");

    let ours = ("spokegate.local".parse().unwrap(), address("acme", "hq"));
    let renewing = Expected {
        who: Some((&ours.0, &ours.1)),
        ..bed.expected()
    };
    for (uri, told) in [
        (
            "spiffe://spokegate.local/tenant/acme/satellite/hr",
            "for acme/hr in spokegate.local, not for acme/hq",
        ),
        (
            "spiffe://spokegate.local/tenant/globex/satellite/hq",
            "for globex/hq",
        ),
        (
            "spiffe://other.example/tenant/acme/satellite/hq",
            "for acme/hq in other.example",
        ),
    ] {
        let issued = bed.issue(uri, life.0, life.1);
        refused(admit(&renewing, &issued), told);
        assert!(bed.admit(&issued).is_ok(), "the twin: someone who joins");
    }
    let issued = bed.issue("spiffe://spokegate.local/service/sanitizer", life.0, life.1);
    refused(bed.admit(&issued), "for sanitizer, not for a satellite");
    let issued = bed.issue("https://spokegate.local/acme", life.0, life.1);
    refused(bed.admit(&issued), "is nobody");
}

#[test]
fn a_wrong_clock_is_told_with_both_times() {
    let bed = Bed::new();
    let early = bed.issue(HQ, NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS);
    refused(
        bed.admit(&early),
        "valid from 2027-01-15T09:00:00Z and this machine's clock says 2027-01-15T08:00:00Z, hint: set the clock",
    );
    let over = bed.issue(HQ, NOW_MS - 2 * HOUR_MS, NOW_MS - HOUR_MS);
    refused(
        bed.admit(&over),
        "valid until 2027-01-15T07:00:00Z and this machine's clock says 2027-01-15T08:00:00Z, hint: set the clock",
    );
}

#[test]
fn roots_that_do_not_hold_the_certificate_are_refused() {
    let bed = Bed::new();
    let good = bed.issue(HQ, NOW_MS - HOUR_MS, NOW_MS + HOUR_MS);
    let signed_with = |roots: &[u8]| {
        let mut issued = good.clone();
        issued.roots = roots.to_vec();
        issued.signature =
            proof::admission(&bed.authority, &issued.id, &issued.certificate, roots).unwrap();
        bed.admit(&issued)
    };
    assert!(signed_with(bed.root_pem.as_bytes()).is_ok());
    refused(
        signed_with(Bed::new().root_pem.as_bytes()),
        "does not come from the answer's roots",
    );
    refused(signed_with(b""), "roots cannot be read");
    refused(
        signed_with(b"-----BEGIN CERTIFICATE-----\n"),
        "roots cannot be read",
    );
    refused(signed_with(&[0xff, 0xfe]), "roots cannot be read");
}

#[track_caller]
fn refused(got: Result<Admitted, AdmitError>, expected: &str) {
    let error = got.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn address(tenant: &str, satellite: &str) -> Address {
    Address::new(tenant.parse().unwrap(), satellite.parse().unwrap())
}

/// An authority and a satellite's key.
struct Bed {
    issuer: Issuer<'static, KeyPair>,
    authority: SigningKey,
    root: CertificateDer<'static>,
    root_pem: String,
    key: KeyPair,
}

impl Bed {
    fn new() -> Self {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.self_signed(&pair).unwrap();
        let authority = SigningKey::from_pkcs8(&pair.serialize_der()).unwrap();
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: Issuer::new(params, pair),
            authority,
            root: certificate.der().clone(),
            root_pem: certificate.pem(),
            key,
        }
    }

    fn key(&self) -> KeyPair {
        KeyPair::from_pem(&self.key.serialize_pem()).unwrap()
    }

    fn issue(&self, uri: &str, not_before_ms: u64, not_after_ms: u64) -> Issued {
        let moment = |ms: u64| {
            OffsetDateTime::from_unix_timestamp(i64::try_from(ms / 1_000).unwrap()).unwrap()
        };
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (moment(not_before_ms), moment(not_after_ms));
        params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params
            .signed_by(&self.key, &self.issuer)
            .unwrap()
            .der()
            .to_vec();
        let (id, roots) = (RequestId::random(), self.root_pem.clone().into_bytes());
        let signature = proof::admission(&self.authority, &id, &certificate, &roots).unwrap();
        Issued {
            id,
            certificate,
            roots,
            signature,
        }
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            key: Box::leak(Box::new(
                PublicKey::from_bytes(self.key.public_key_raw()).unwrap(),
            )),
            trusted: std::slice::from_ref(&self.root),
            who: None,
            now_ms: NOW_MS,
        }
    }

    fn admit(&self, issued: &Issued) -> Result<Admitted, AdmitError> {
        admit(&self.expected(), issued)
    }
}
