use std::sync::LazyLock;

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use time::OffsetDateTime;

use super::*;
use crate::Presented;

#[test]
fn a_list_of_a_root_is_taken_and_says_what_it_revokes() {
    let root = Root::new("fabric", &[]);
    let list = RevocationList::verify(&root.list(7, &[1, 0x80]), &root.alone()).unwrap();
    assert_eq!((list.number(), list.revoked()), (7, 2));
    assert_eq!(
        (list.this_update_ms(), list.next_update_ms()),
        (1_000_000, 2_000_000)
    );
    let revokes = |of: &Root, serial| list.revokes(&of.certificate(serial).ids()[0]);
    assert!(revokes(&root, 1) && revokes(&root, 0x80));
    assert!(!revokes(&root, 2));
    // The same serial number of another authority is another certificate.
    assert!(!revokes(&Root::new("other", &[]), 1));
}

#[test]
fn lists_that_do_not_count() {
    let root = Root::new("fabric", &[]);
    let good = root.list(1, &[1]);
    check(&root, &good, "taken");
    check(
        &root,
        &Root::new("other", &[]).list(1, &[1]),
        "foreign-issuer",
    );
    // A forger takes the root's name.
    check(&root, &Root::new("fabric", &[]).list(1, &[1]), "signature");
    for at in [good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut tampered = good.clone();
        tampered[at] ^= 1;
        refused(
            &root,
            &tampered,
            &["signature", "malformed", "foreign-issuer"],
        );
    }
    check(&root, &[good.as_slice(), &[0]].concat(), "malformed");
    check(&root, &good[..good.len() - 1], "malformed");
    check(&root, b"", "malformed");
    check(&root, &root.certificate, "malformed");
    check(&root, &vec![0x30; LIST_BYTES_MAX + 1], "too-large");
    check(&root, &root.list_numbered(&[1; 9], &[1], None), "no-number");
    check(&root, &root.list_numbered(&[0xff; 8], &[1], None), "taken");
    let partial = CrlIssuingDistributionPoint {
        distribution_point: CrlDistributionPoint {
            uris: vec!["http://partial".to_owned()],
        },
        scope: Some(CrlScope::CaCertsOnly),
    };
    check(
        &root,
        &root.list_numbered(&[1], &[1], Some(partial)),
        "unsupported",
    );
}

#[test]
fn a_root_that_may_not_sign_lists_signs_none() {
    let mut root = Root::new("fabric", &[]);
    let list = root.list(1, &[1]);
    root.certificate =
        Root::certified("fabric", &[KeyUsagePurpose::KeyCertSign], root.issuer.key());
    check(&root, &list, "unsupported");
    let usages = [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    root.certificate = Root::certified("fabric", &usages, root.issuer.key());
    check(&root, &list, "taken");
}

#[test]
fn during_a_change_of_ca_each_list_is_told_to_its_root_though_both_have_one_name() {
    let (old, new) = (Root::new("fabric", &[]), Root::new("fabric", &[]));
    let both = Roots::new(vec![old.certificate.clone(), new.certificate.clone()]);
    let of_old = RevocationList::verify(&old.list(9, &[1]), &both).unwrap();
    let of_new = RevocationList::verify(&new.list(1, &[2]), &both).unwrap();
    assert!(!of_old.has_root_of(&of_new));
    assert!(of_old.is_of(&old.certificate) && !of_old.is_of(&new.certificate));
    let next = RevocationList::verify(&old.list(10, &[]), &both).unwrap();
    assert!(next.has_root_of(&of_old));
}

#[test]
fn a_file_holds_lists_in_pem_or_one_in_der() {
    let root = Root::new("fabric", &[]);
    let (one, two) = (root.list(1, &[]), root.list(2, &[7]));
    let pem = |der: &[u8]| crate::pem::encode("X509 CRL", der);
    assert_eq!(split_lists(&one).unwrap(), std::slice::from_ref(&one));
    let file = format!("a comment\n{}{}", pem(&one), pem(&two));
    assert_eq!(split_lists(file.as_bytes()).unwrap(), [one.clone(), two]);
    for (bytes, reason) in [
        (
            crate::pem::encode("CERTIFICATE", &root.certificate),
            "malformed",
        ),
        (pem(&one).repeat(LISTS_MAX + 1), "malformed"),
        (pem(&one).replace("-----END", "-----EN"), "malformed"),
        ("-".repeat(LIST_BYTES_MAX * 2 * LISTS_MAX + 1), "too-large"),
    ] {
        assert_eq!(split_lists(bytes.as_bytes()).unwrap_err().reason(), reason);
    }
    assert_eq!(
        split_lists(pem(&one).repeat(LISTS_MAX).as_bytes())
            .unwrap()
            .len(),
        LISTS_MAX
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_change_of_a_list_counts_and_none_panics(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let (root, good) = &*SAMPLE;
        let mut changed = good.clone();
        let at = at.index(changed.len());
        changed[at] = byte;
        if is_cut {
            changed.truncate(cut.index(good.len()));
        }
        let taken = RevocationList::verify(&changed, &root.alone()).is_ok();
        prop_assert_eq!(taken, changed == *good);
        // Strangers' certificates are read before anybody vouches for them.
        let mut certificate = root.certificate.to_vec();
        let at = at % certificate.len();
        certificate[at] = byte;
        let _ = Presented::of(&[certificate.into()]);
    }
}

static SAMPLE: LazyLock<(Root, Vec<u8>)> = LazyLock::new(|| {
    let root = Root::new("fabric", &[]);
    let list = root.list(7, &[1, 2, 3]);
    (root, list)
});

#[track_caller]
fn check(root: &Root, der: &[u8], expected: &str) {
    refused(root, der, &[expected]);
}

/// One of these, because a flipped bit may hit any part.
#[track_caller]
fn refused(root: &Root, der: &[u8], expected: &[&str]) {
    let found = match RevocationList::verify(der, &root.alone()) {
        Ok(_) => "taken",
        Err(error) => error.reason(),
    };
    assert!(expected.contains(&found), "{found}, expected {expected:?}");
}

struct Root {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Root {
    fn new(name: &str, usages: &[KeyUsagePurpose]) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = Self::certified(name, usages, &key);
        Self {
            issuer: Issuer::new(Self::params(name, &[]), key),
            certificate,
        }
    }

    fn params(name: &str, usages: &[KeyUsagePurpose]) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = usages.to_vec();
        params
    }

    fn certified(name: &str, usages: &[KeyUsagePurpose], key: &KeyPair) -> CertificateDer<'static> {
        let params = Self::params(name, usages);
        params.self_signed(key).unwrap().der().clone()
    }

    fn alone(&self) -> Roots {
        Roots::new(vec![self.certificate.clone()])
    }

    fn certificate(&self, serial: u64) -> Presented {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Presented::of(&[certificate.der().clone()]).unwrap()
    }

    fn list(&self, number: u64, serials: &[u64]) -> Vec<u8> {
        self.list_numbered(&number.to_be_bytes(), serials, None)
    }

    fn list_numbered(
        &self,
        number: &[u8],
        serials: &[u64],
        part: Option<CrlIssuingDistributionPoint>,
    ) -> Vec<u8> {
        let at = |second| OffsetDateTime::from_unix_timestamp(second).unwrap();
        let params = CertificateRevocationListParams {
            this_update: at(1_000),
            next_update: at(2_000),
            crl_number: SerialNumber::from_slice(number),
            issuing_distribution_point: part,
            revoked_certs: serials
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: at(1_000),
                    reason_code: Some(RevocationReason::CertificateHold),
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}
