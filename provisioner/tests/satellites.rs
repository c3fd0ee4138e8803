//! Satellites and tenants on the operator's command line: from the join token to the list of what is revoked.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of `#[test]` functions"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_identity::offline::{OfflineBundle, OfflineRequest};
use spokegate_identity::sealed::OpeningKey;
use spokegate_identity::{JoinToken, Pin, RevocationList, Roots, SigningKey, split_lists};

const TOKEN: &str = "satellite join-token --directory ca --tenant acme --door broker.test:8443";

fn installation() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    done(
        directory.path(),
        "ca init --directory ca --trust-domain msp.example",
    );
    directory
}

#[test]
fn a_join_token_goes_to_a_file_or_to_standard_output_alone() {
    let directory = installation();
    let at = directory.path();
    let told = done(at, &format!("{TOKEN} --output token --life-min 5"));
    assert!(
        told.starts_with("join token ")
            && told.contains(" for acme/satellite-1, good once until 20"),
        "{told}"
    );
    let path = at.join("token");
    let mode = path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    let token: JoinToken = text.trim_end().parse().unwrap();
    let root = std::fs::read(at.join("ca/fabric/ca.pem")).unwrap();
    let root = CertificateDer::from_pem_slice(&root).unwrap();
    assert_eq!(token.pin, Pin::of(&root));
    assert_eq!(token.door.to_string(), "broker.test:8443");
    assert!(!told.contains(text.trim_end()));

    let (code, output, errors) = run(at, TOKEN);
    assert_eq!(code, Some(0), "{errors}");
    let second: JoinToken = output.strip_suffix('\n').unwrap().parse().unwrap();
    assert!(
        errors.contains(" for acme/satellite-2, good once until 20") && errors.lines().count() == 1,
        "{errors}"
    );
    assert_ne!(token.id, second.id);
    let registry = std::fs::read(at.join("ca/registry.db")).unwrap();
    let journal = std::fs::read(at.join("ca/registry.db-wal")).unwrap_or_default();
    for kept in [registry, journal] {
        let secret = second.secret.expose();
        assert!(
            !kept.windows(32).any(|part| part == secret),
            "only the hash is kept"
        );
    }
}

#[test]
fn a_token_that_cannot_be_good_is_not_made() {
    let directory = installation();
    let at = directory.path();
    std::fs::write(at.join("taken"), "").unwrap();
    let check =
        |more: &str, code, sentence: &str| refused(at, &format!("{TOKEN} {more}"), code, sentence);
    check(
        "--output taken",
        1,
        "taken exists and is not replaced, hint: choose another file",
    );
    check("--life-min 0", 2, "0 is not in 1..=10080");
    check("--life-min 10081", 2, "10081 is not in 1..=10080");
    check("--satellite HQ", 2, "an id holds a-z, 0-9 and '-' only");
    let reserved = TOKEN.replace("acme", "enrolment");
    refused(at, &reserved, 1, "the tenant id \"enrolment\" is reserved");
    refused(
        at,
        &TOKEN.replace(":8443", ""),
        2,
        "the door is no host:port",
    );
    done(at, "tenant suspend --directory ca --tenant acme");
    check(
        "",
        1,
        "the tenant acme is suspended, hint: `spokegate tenant resume --tenant acme` first",
    );
    let records = done(at, "audit show --directory ca");
    assert!(!records.contains("token.make"), "{records}");
}

#[test]
fn the_folder_comes_from_the_environment_when_no_option_names_it() {
    let directory = installation();
    let at = directory.path();
    refused(
        at,
        "satellite list",
        1,
        "no folder of authorities is named, hint: give --directory or set SPOKEGATE_AUTHORITIES",
    );
    let output = spokegate(at, "ca show")
        .env("SPOKEGATE_AUTHORITIES", "ca")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        done(at, "ca show --directory ca")
    );
    refused(
        at,
        "satellite list --directory none",
        1,
        "open the authorities in none: cannot read none/fabric/ca.pem",
    );
}

#[test]
fn what_is_revoked_is_on_the_list() {
    let directory = with_satellites();
    let at = directory.path();
    let listed = done(at, "satellite list --directory ca");
    let lines: Vec<_> = listed.lines().collect();
    assert!(
        lines[0].starts_with("acme/branch  good until 20"),
        "{listed}"
    );
    assert_eq!(lines.len(), 3, "{listed}");
    let revoke = "satellite revoke --directory ca --tenant acme --satellite";
    assert_eq!(
        done(at, &format!("{revoke} hq --reason key-compromise")),
        "acme/hq is revoked: 1 certificate, 0 join tokens\nrevocation list 1\n"
    );
    assert!(revoked(at, "acme-hq") && !revoked(at, "acme-branch"));
    let listed = done(at, "satellite list --directory ca --tenant acme");
    assert!(
        listed.contains("acme/hq  revoked since 20") && !listed.contains("globex"),
        "{listed}"
    );
    refused(
        at,
        &format!("{revoke} nobody"),
        1,
        "no certificate was ever issued to acme/nobody",
    );
    refused(
        at,
        &format!("{revoke} hq --reason bored"),
        2,
        "allowed are unspecified, key-compromise, superseded, cessation-of-operation",
    );
}

#[test]
fn a_suspended_tenant_is_on_the_list_until_it_is_resumed() {
    let directory = with_satellites();
    let at = directory.path();
    done(
        at,
        "satellite revoke --directory ca --tenant acme --satellite hq --reason key-compromise",
    );
    let suspend = "tenant suspend --directory ca --tenant acme";
    assert_eq!(
        done(at, suspend),
        "acme is suspended\nrevocation list 2 holds 2 certificates\n"
    );
    assert!(revoked(at, "acme-branch") && !revoked(at, "globex-hq"));
    let tenants = done(at, "tenant list --directory ca");
    assert!(tenants.starts_with("acme  suspended since 20"), "{tenants}");
    assert!(
        tenants.contains("globex  admitted, good certificates: 1 of 1\n"),
        "{tenants}"
    );
    let shown = done(at, "crl show --directory ca");
    assert!(shown.starts_with("revocation list 2\nmade 20"), "{shown}");
    assert!(
        shown.contains(" certificate-hold since") && shown.contains(" key-compromise since"),
        "{shown}"
    );
    refused(at, suspend, 1, "the tenant acme is suspended already");

    let resume = "tenant resume --directory ca --tenant acme";
    assert_eq!(
        done(at, resume),
        "acme is admitted again\nrevocation list 3 holds 1 certificate\n"
    );
    assert!(revoked(at, "acme-hq") && !revoked(at, "acme-branch"));
    refused(at, resume, 1, "the tenant acme is not suspended");
    let records = done(at, "audit show --directory ca --last 1");
    let expected =
        " allowed tenant.resume command by operator: acme\nthe chain of 6 records is whole\n";
    assert!(records.contains(expected), "{records}");
}

#[test]
fn a_single_certificate_is_revoked_by_its_serial() {
    let directory = with_satellites();
    let at = directory.path();
    let pem = std::fs::read(at.join("globex-hq/certificate.pem")).unwrap();
    let chain = [CertificateDer::from_pem_slice(&pem).unwrap()];
    let presented = spokegate_identity::Presented::of(&chain).unwrap();
    let serial = presented.serial();
    assert_eq!(
        done(at, &format!("crl add --directory ca --serial {serial}")),
        "revoked: client spiffe://msp.example/tenant/globex/satellite/hq\nrevocation list 1 holds 1 certificate\n"
    );
    assert!(revoked(at, "globex-hq") && !revoked(at, "acme-hq"));
    refused(
        at,
        "crl add --directory ca --serial 0a0b",
        1,
        "the fabric authority has issued no certificate with the serial number 0a0b",
    );
    refused(
        at,
        "crl add --directory ca --serial 0a0",
        2,
        "is no serial number",
    );
    assert_eq!(
        done(at, "crl raise --directory ca --above 99"),
        "revocation list 100 holds 1 certificate\n"
    );
}

#[test]
fn the_list_is_exported_as_others_read_it() {
    let directory = with_satellites();
    let at = directory.path();
    done(
        at,
        "satellite revoke --directory ca --tenant acme --satellite hq",
    );
    let exported = done(at, "crl export --directory ca");
    let text = |path: &str| std::fs::read_to_string(at.join(path)).unwrap();
    assert_eq!(exported, text("ca/fabric/crl.pem"));
    done(at, "crl export --directory ca --output copy.pem");
    assert_eq!(exported, text("copy.pem"));
    let openssl = Command::new("openssl")
        .args(["crl", "-in", "copy.pem", "-CAfile", "ca/fabric/ca.pem"])
        .args(["-noout", "-verify"])
        .current_dir(at)
        .output()
        .unwrap();
    let verdict = String::from_utf8(openssl.stderr).unwrap();
    assert!(verdict.contains("verify OK"), "{verdict}");
}

#[test]
fn a_carried_request_becomes_a_bundle_for_its_agent() {
    let directory = installation();
    let at = directory.path();
    let (key, opening) = (rcgen::KeyPair::generate().unwrap(), OpeningKey::generate());
    let key = SigningKey::from_pem(&key.serialize_pem()).unwrap();
    let request = OfflineRequest::new(&key, opening.recipient()).unwrap();
    std::fs::write(at.join("request.json"), request.to_json()).unwrap();
    let bundle = "satellite bundle --directory ca --tenant acme --satellite hq --request request.json --broker broker.test:8883";
    let told = done(at, &format!("{bundle} --output bundle"));
    assert!(
        told.starts_with("bundle for acme/hq, certificate valid until 20"),
        "{told}"
    );
    let fingerprint = hex::encode(&Sha256::digest(request.public_key.as_bytes()));
    assert!(told.contains(&fingerprint), "{told}");
    let pin = pin(at);
    let sealed = std::fs::read(at.join("bundle")).unwrap();
    let opened = OfflineBundle::open(&sealed, &opening, &request.id, &pin).unwrap();
    assert_eq!(opened.broker.as_deref(), Some("broker.test:8883"));
    refused(
        at,
        &format!("{bundle} --output bundle"),
        1,
        "bundle exists and is not replaced",
    );
    std::fs::write(at.join("request.json"), "{}").unwrap();
    refused(
        at,
        &format!("{bundle} --output other"),
        1,
        "answer the request request.json: it is no offline file of this version",
    );
    std::fs::write(at.join("request.json"), vec![b' '; 1_000_000]).unwrap();
    refused(
        at,
        &format!("{bundle} --output other"),
        1,
        "it is no offline file of this version",
    );
    assert!(!at.join("other").exists());
}

#[test]
fn requests_are_decided_by_number() {
    let directory = installation();
    let at = directory.path();
    assert_eq!(done(at, "satellite requests --directory ca"), "");
    for verb in ["approve", "reject"] {
        refused(
            at,
            &format!("satellite {verb} --directory ca 7"),
            1,
            "there is no request 7, hint: `spokegate satellite requests` shows those that wait",
        );
    }
}

/// An installation that has issued to three satellites of two tenants.
fn with_satellites() -> tempfile::TempDir {
    let directory = installation();
    for (tenant, satellite) in [("acme", "hq"), ("acme", "branch"), ("globex", "hq")] {
        let names =
            format!("--tenant {tenant} --satellite {satellite} --output {tenant}-{satellite}");
        done(
            directory.path(),
            &format!("tenant certificate --directory ca {names}"),
        );
    }
    directory
}

/// Whether the list in the authority's folder revokes the certificate of a folder.
fn revoked(at: &Path, folder: &str) -> bool {
    let der = |path: &str| {
        let pem = std::fs::read(at.join(path)).unwrap();
        CertificateDer::from_pem_slice(&pem).unwrap()
    };
    let file = std::fs::read(at.join("ca/fabric/crl.pem")).unwrap();
    let lists = split_lists(&file).unwrap();
    let list =
        RevocationList::verify(&lists[0], &Roots::new(vec![der("ca/fabric/ca.pem")])).unwrap();
    let certificate = der(&format!("{folder}/certificate.pem"));
    let presented = spokegate_identity::Presented::of(&[certificate]).unwrap();
    list.revokes(&presented.ids()[0])
}

fn pin(at: &Path) -> Pin {
    let root = std::fs::read(at.join("ca/fabric/ca.pem")).unwrap();
    Pin::of(&CertificateDer::from_pem_slice(&root).unwrap())
}

#[track_caller]
fn done(at: &Path, line: &str) -> String {
    let (code, output, errors) = run(at, line);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{line}");
    output
}

#[track_caller]
fn refused(at: &Path, line: &str, expected: i32, sentence: &str) {
    let (code, output, errors) = run(at, line);
    assert_eq!(
        (code, output.as_str()),
        (Some(expected), ""),
        "{line}: {errors}"
    );
    assert!(errors.contains(sentence), "{line}: {errors}");
}

fn run(at: &Path, line: &str) -> (Option<i32>, String, String) {
    let output = spokegate(at, line).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn spokegate(at: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spokegate"));
    command
        .args(line.split_whitespace())
        .current_dir(at)
        .env_remove("SPOKEGATE_AUTHORITIES");
    command
}
