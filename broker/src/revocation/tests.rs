use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, KeyPair, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use super::*;

#[test]
fn an_overdue_list_is_said_once_and_stays_in_force() {
    let root = Root::new();
    let (lists, hand) = root.lists();
    lists.offer(&root.list(1)).unwrap();
    let told = |lists: &Lists| lock(&lists.held).overdue;
    lists.observe();
    assert_eq!(told(&lists), None);
    hand.advance(8 * 24 * 3_600_000);
    lists.observe();
    assert_eq!(told(&lists), Some(1));
    assert_eq!(lists.lists.load().len(), 1);
    assert_eq!(lists.offer(&root.list(1)).unwrap_err().reason(), "older");
    // The next one is as old; it counts by its number.
    assert!(matches!(
        lists.offer(&root.list(2)),
        Ok(Accepted::Taken { number: 2, .. })
    ));
    lists.observe();
    assert_eq!(told(&lists), Some(2));
}

#[test]
fn a_file_at_the_start_must_hold_a_list_that_counts() {
    let (root, other) = (Root::new(), Root::new());
    let path = root.folder.path().join("crl.pem");
    let roots = Roots::new(vec![root.certificate.clone()]);
    let check = |bytes: Option<&[u8]>, expected: Result<&[u64], &str>| {
        match bytes {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => drop(std::fs::remove_file(&path)),
        }
        let found = file::read_at_start(&path, &roots);
        match (found, expected) {
            (Ok(lists), Ok(numbers)) => {
                let found: Vec<u64> = lists.iter().map(RevocationList::number).collect();
                assert_eq!(found, numbers);
            }
            (Err(error), Err(part)) => assert!(format!("{error:#}").contains(part), "{error:#}"),
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    };
    check(None, Ok(&[]));
    check(Some(b""), Err("not a certificate revocation list"));
    check(Some(b"garbage"), Err("revocation.crl_file"));
    check(Some(&other.list(1)), Err("by none of the roots"));
    check(Some(&root.list(4)), Ok(&[4]));
    // The file of a change of CA, with a list of the root that is gone.
    let in_one_file = |lists: &[&Root]| {
        let lists: Vec<RevocationList> = lists
            .iter()
            .zip([5, 3, 9])
            .map(|(root, number)| {
                let roots = Roots::new(vec![root.certificate.clone()]);
                RevocationList::verify(&root.list(number), &roots).unwrap()
            })
            .collect();
        let path = root.folder.path().join("written.pem");
        file::write(&path, &lists).unwrap();
        std::fs::read(path).unwrap()
    };
    check(Some(&in_one_file(&[&root, &other])), Ok(&[5]));
    check(Some(&in_one_file(&[&root, &root, &root])), Ok(&[9]));
    check(
        Some(&in_one_file(&[&other, &other])),
        Err("by none of the roots"),
    );
}

#[test]
fn what_check_config_says_of_the_files() {
    let root = Root::new();
    let (files, list) = (root.files(), root.folder.path().join("crl.pem"));
    let check = |list: Option<&Path>, expected: &[&str]| {
        let problems = check_files(&"spokegate.local".parse().unwrap(), &files, list);
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, part) in problems.iter().zip(expected) {
            assert!(problem.contains(part), "{problem}");
        }
    };
    check(None, &[]);
    check(Some(&list), &[]);
    std::fs::write(&list, "x").unwrap();
    check(Some(&list), &["not a certificate revocation list"]);
    std::fs::remove_file(&files.key).unwrap();
    check(
        Some(&list),
        &[
            "cannot read a private key",
            "not a certificate revocation list",
        ],
    );
    std::fs::remove_file(&files.ca).unwrap();
    check(Some(&list), &["cannot read a certificate"]);
}

struct Root {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    folder: TempDir,
}

impl Root {
    /// A root that is the broker's certificate as well, with its files in a folder.
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles::in_directory(folder.path());
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.ca, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    fn files(&self) -> TlsFiles {
        TlsFiles::in_directory(self.folder.path())
    }

    fn lists(&self) -> (Lists, spokegate_daemon::ManualClock) {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let (clock, hand) = Clock::manual(u64::try_from(now).unwrap() * 1_000);
        let nobody = Arc::new(Roster::default());
        let lists = Lists::open(self.files(), None, Arc::new(|_, _| {}), nobody, clock).unwrap();
        (lists, hand)
    }

    fn list(&self, number: u64) -> Vec<u8> {
        let now = OffsetDateTime::now_utc();
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: now + Duration::days(7),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}
