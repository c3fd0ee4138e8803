use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use spokegate_daemon::SecretError;
use tempfile::TempDir;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::*;

/// 2026-06-01T00:00:00Z
const NOW_MS: u64 = 1_780_272_000_000;

#[test]
fn an_issued_certificate_is_the_principal_that_was_asked_for() {
    let bed = Bed::new();
    let satellite = bed
        .ca
        .fabric
        .issue_satellite(&address("acme", "hq"), life())
        .unwrap();
    assert_eq!(
        principal(&satellite).unwrap(),
        Principal::Satellite(address("acme", "hq"))
    );
    for name in ServiceName::ALL {
        let issued = bed.ca.issue_service(name, life()).unwrap();
        assert_eq!(principal(&issued).unwrap(), Principal::Service(name));
    }
    let server = bed
        .ca
        .fabric
        .issue_server(&["broker.test".parse().unwrap()], life())
        .unwrap();
    assert!(principal(&server).is_err());
    let ca = CertificateDer::from_pem_slice(bed.ca.fabric.certificate_pem().as_bytes()).unwrap();
    assert!(Principal::from_certificate(&ca, &domain()).is_err());
}

#[test]
fn each_authority_issues_only_for_its_hop() {
    let bed = Bed::new();
    let (fabric, inner) = (&bed.ca.fabric, &bed.ca.inner);
    for refused in [
        inner.issue_satellite(&address("acme", "hq"), life()),
        inner.issue_service(ServiceName::Sanitizer, life()),
        fabric.issue_service(ServiceName::ReportService, life()),
    ] {
        assert!(
            matches!(refused, Err(AuthorityError::WrongHop { .. })),
            "{refused:?}"
        );
    }
    let text = inner
        .issue_satellite(&address("acme", "hq"), life())
        .unwrap_err()
        .to_string();
    assert_eq!(
        text,
        "the inner authority does not issue to satellite acme/hq, hint: use the other authority"
    );
}

#[test]
fn a_certificate_does_not_outlive_its_authority() {
    let bed = Bed::new();
    let end = bed.ca.fabric.not_after_ms();
    let issue = |until| {
        bed.ca
            .fabric
            .issue_satellite(&address("acme", "hq"), Validity::between(NOW_MS, until))
    };
    assert!(issue(end).is_ok());
    assert!(matches!(
        issue(end + 1_000),
        Err(AuthorityError::OutlivesAuthority(_))
    ));
}

#[test]
fn a_tenant_is_not_named_like_a_service() {
    let bed = Bed::new();
    let error = bed
        .ca
        .fabric
        .issue_satellite(&address("sanitizer", "hq"), life())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the tenant id \"sanitizer\" is reserved, hint: choose another"
    );
}

#[test]
fn usages_are_what_each_holder_needs_and_no_more() {
    let bed = Bed::new();
    let client = bed.openssl(
        &bed.ca
            .fabric
            .issue_satellite(&address("acme", "hq"), life())
            .unwrap()
            .certificate_pem,
    );
    check(
        &client,
        &[
            "CA:FALSE",
            "Digital Signature",
            "TLS Web Client Authentication",
            "CN=acme.hq",
            "id-ecPublicKey",
        ],
    );
    check(
        &client,
        &[
            "URI:spiffe://spokegate.local/tenant/acme/satellite/hq",
            "NIST CURVE: P-256",
            "ecdsa-with-SHA256",
        ],
    );
    assert!(
        !client.contains("Server Authentication") && !client.contains("DNS:"),
        "{client}"
    );

    let names = ["broker.test", "127.0.0.1"].map(|name| name.parse().unwrap());
    let server = bed.openssl(
        &bed.ca
            .inner
            .issue_server(&names, life())
            .unwrap()
            .certificate_pem,
    );
    check(
        &server,
        &[
            "CA:FALSE",
            "Digital Signature",
            "TLS Web Server Authentication",
            "DNS:broker.test, IP Address:127.0.0.1",
        ],
    );
    assert!(
        !server.contains("Client Authentication") && !server.contains("spiffe:"),
        "{server}"
    );

    let ca = bed.openssl(bed.ca.inner.certificate_pem());
    check(
        &ca,
        &[
            "CA:TRUE, pathlen:0",
            "Certificate Sign, CRL Sign",
            "CN=Spokegate inner authority",
            "URI:spiffe://spokegate.local",
        ],
    );
    assert!(!ca.contains("Digital Signature"), "{ca}");
}

#[test]
fn openssl_accepts_the_chain_of_its_own_authority_only() {
    let bed = Bed::new();
    let issued = bed
        .ca
        .fabric
        .issue_satellite(&address("acme", "hq"), life())
        .unwrap();
    let leaf = bed.file("leaf.pem", &issued.certificate_pem);
    let verify = |hop: &str| {
        let root = bed.directory.path().join("ca").join(hop).join("ca.pem");
        let mut command = Command::new("openssl");
        command.args([
            "verify",
            "-x509_strict",
            "-purpose",
            "sslclient",
            "-attime",
            "1780272000",
        ]);
        output_of(command.arg("-CAfile").arg(root).arg(&leaf))
    };
    assert_eq!(
        verify("fabric"),
        (true, format!("{}: OK\n", leaf.display()))
    );
    assert!(!verify("inner").0);
}

#[test]
fn the_life_is_the_one_that_was_asked_for() {
    let bed = Bed::new();
    let issue = |from, until| {
        let issued = bed
            .ca
            .fabric
            .issue_satellite(&address("acme", "hq"), Validity::between(from, until))
            .unwrap();
        let der = der(&issued);
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        (
            certificate.validity().not_before.timestamp(),
            certificate.validity().not_after.timestamp(),
        )
    };
    assert_eq!(
        issue(1_000_000_000_000, 1_000_000_060_999),
        (1_000_000_000, 1_000_000_060)
    );
    assert_eq!(
        issue(NOW_MS + 60_000, NOW_MS + 120_000),
        (1_780_272_060, 1_780_272_120)
    );
}

#[test]
fn serials_are_positive_long_and_never_the_same() {
    let bed = Bed::new();
    let serials: BTreeSet<Vec<u8>> = (0..200)
        .map(|_| {
            let der = der(&bed
                .ca
                .fabric
                .issue_satellite(&address("acme", "hq"), life())
                .unwrap());
            X509Certificate::from_der(&der)
                .unwrap()
                .1
                .raw_serial()
                .to_vec()
        })
        .collect();
    assert_eq!(serials.len(), 200);
    assert!(
        serials
            .iter()
            .all(|serial| serial.len() == 16 && serial[0] & 0x80 == 0)
    );
}

#[test]
fn an_opened_authority_signs_like_the_one_that_was_made() {
    let bed = Bed::new();
    let opened = Authorities::open(&bed.directory.path().join("ca")).unwrap();
    assert_eq!(
        opened.fabric.certificate_pem(),
        bed.ca.fabric.certificate_pem()
    );
    assert_eq!(opened.inner.fingerprint(), bed.ca.inner.fingerprint());
    assert_ne!(opened.inner.fingerprint(), opened.fabric.fingerprint());
    let issued = opened
        .fabric
        .issue_satellite(&address("acme", "hq"), life())
        .unwrap();
    let (der, root) = (
        der(&issued),
        CertificateDer::from_pem_slice(issued.ca_pem.as_bytes()).unwrap(),
    );
    let (leaf, root) = (
        X509Certificate::from_der(&der).unwrap().1,
        X509Certificate::from_der(&root).unwrap().1,
    );
    assert_eq!(leaf.issuer().as_raw(), root.subject().as_raw());
    let (mut leaf_authority, mut root_key) = (None, None);
    for extension in leaf.extensions() {
        if let x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(id) =
            extension.parsed_extension()
        {
            leaf_authority = id.key_identifier.as_ref().map(|id| id.0);
        }
    }
    for extension in root.extensions() {
        if let x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(id) =
            extension.parsed_extension()
        {
            root_key = Some(id.0);
        }
    }
    assert!(leaf_authority.is_some() && leaf_authority == root_key);
}

#[test]
fn nothing_is_overwritten() {
    let bed = Bed::new();
    let ca = bed.directory.path().join("ca");
    let before = std::fs::read(ca.join("fabric/ca-key.pem")).unwrap();
    let error = Authorities::create(&ca, &domain(), life()).unwrap_err();
    assert!(
        error.to_string().contains("exists and is not replaced"),
        "{error}"
    );
    assert_eq!(std::fs::read(ca.join("fabric/ca-key.pem")).unwrap(), before);

    let half = bed.directory.path().join("half");
    std::fs::create_dir_all(half.join("inner")).unwrap();
    assert!(Authorities::create(&half, &domain(), life()).is_err());
    assert!(!half.join("fabric").exists());

    let out = bed.directory.path().join("out");
    let issued = bed
        .ca
        .fabric
        .issue_satellite(&address("acme", "hq"), life())
        .unwrap();
    issued.write(&out).unwrap();
    assert!(matches!(
        issued.write(&out),
        Err(AuthorityError::Write(WriteError::Exists(_)))
    ));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (
            mode(&out.join("key.pem")),
            mode(&out.join("certificate.pem"))
        ),
        (0o600, 0o644)
    );
    assert_eq!(mode(&ca.join("inner/ca-key.pem")), 0o600);
}

#[test]
fn a_folder_with_other_files_is_no_authority() {
    let bed = Bed::new();
    let ca = bed.directory.path().join("ca");
    let (fabric, inner) = (ca.join("fabric"), ca.join("inner"));
    check_open(&bed.directory.path().join("none"), "cannot read ");

    std::fs::copy(inner.join("ca.pem"), fabric.join("ca.pem")).unwrap();
    check_open(&ca, "ca.pem and ca-key.pem do not belong together");
    std::fs::copy(inner.join("ca-key.pem"), fabric.join("ca-key.pem")).unwrap();
    check_open(&ca, "it is the inner authority");

    std::fs::set_permissions(
        inner.join("ca-key.pem"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    assert!(matches!(
        Authority::open(&inner),
        Err(AuthorityError::Key(SecretError::Exposed { .. }))
    ));

    let issued = bed
        .ca
        .inner
        .issue_service(ServiceName::ReportService, life())
        .unwrap();
    let leaf = bed.directory.path().join("leaf");
    issued.write(&leaf).unwrap();
    std::fs::copy(leaf.join("certificate.pem"), leaf.join("../ca.pem")).unwrap();
    std::fs::copy(leaf.join("key.pem"), leaf.join("../ca-key.pem")).unwrap();
    let error = Authority::open(bed.directory.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("not the certificate of an authority"),
        "{error}"
    );
}

#[test]
fn no_key_shows_in_debug_output() {
    let bed = Bed::new();
    let issued = bed
        .ca
        .fabric
        .issue_satellite(&address("acme", "hq"), life())
        .unwrap();
    let shown = format!("{issued:?} {:?}", bed.ca);
    assert!(
        !shown.contains("PRIVATE KEY") && shown.contains("[redacted]"),
        "{shown}"
    );
}

struct Bed {
    directory: TempDir,
    ca: Authorities,
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let life = Validity::between(NOW_MS - 86_400_000, NOW_MS + 400 * 86_400_000);
        let ca = Authorities::create(&directory.path().join("ca"), &domain(), life).unwrap();
        Self { directory, ca }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn openssl(&self, pem: &str) -> String {
        let path = self.file("shown.pem", pem);
        let (good, text) = output_of(
            Command::new("openssl")
                .args(["x509", "-noout", "-text", "-nameopt", "RFC2253", "-in"])
                .arg(path),
        );
        assert!(good, "{text}");
        text
    }
}

fn output_of(command: &mut Command) -> (bool, String) {
    let output = command.output().expect("openssl is installed");
    (
        output.status.success(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[track_caller]
fn check(shown: &str, expected: &[&str]) {
    for part in expected {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[track_caller]
fn check_open(directory: &Path, expected: &str) {
    let error = Authorities::open(directory).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn principal(issued: &Issued) -> Result<Principal, spokegate_identity::IdentityError> {
    Principal::from_certificate(&der(issued), &domain())
}

fn der(issued: &Issued) -> Vec<u8> {
    CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes())
        .unwrap()
        .to_vec()
}

fn life() -> Validity {
    Validity::days(NOW_MS, 90)
}

fn address(tenant: &str, satellite: &str) -> Address {
    Address::new(tenant.parse().unwrap(), satellite.parse().unwrap())
}

fn domain() -> TrustDomain {
    "spokegate.local".parse().unwrap()
}
