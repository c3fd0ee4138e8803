//! The operator's command line as a program: what it makes, prints and refuses.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of `#[test]` functions"
)]

use std::path::Path;
use std::process::Command;

use spokegate_daemon::Clock;
use spokegate_identity::{Principal, TlsFiles, client_config, not_after_ms, server_config};

#[test]
fn an_installation_from_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let shown = done(at, "ca init --directory ca --trust-domain msp.example");
    assert!(
        shown.starts_with("fabric authority of msp.example\n  sha256 "),
        "{shown}"
    );
    assert_eq!(done(at, "ca show --directory ca"), shown);
    assert_eq!(
        provisioner(at, "ca show --directory ca"),
        (Some(0), shown, String::new())
    );

    let told = done(
        at,
        "tenant certificate --directory ca --tenant acme --satellite hq --output acme-hq --days 7",
    );
    assert!(
        told.starts_with("client spiffe://msp.example/tenant/acme/satellite/hq\nvalid until 20"),
        "{told}"
    );
    assert!(
        told.contains("acme-hq/key.pem (keep it secret)") && !told.contains("PRIVATE"),
        "{told}"
    );
    done(
        at,
        "service certificate --directory ca --service sanitizer --output sanitizer",
    );
    done(
        at,
        "service certificate --directory ca --service report-service --output reports",
    );
    done(
        at,
        "server certificate --directory ca --authority fabric --name broker.msp.example --name 10.0.0.1 --output broker",
    );
    done(
        at,
        "server certificate --directory ca --authority inner --name sanitizer.msp.example --output inner",
    );

    check(at, "acme-hq", Some("satellite acme/hq"));
    check(at, "sanitizer", Some("service sanitizer"));
    check(at, "reports", Some("service report-service"));
    check(at, "broker", None);
    check(at, "inner", None);
    let end = not_after_ms(&TlsFiles::in_directory(&at.join("acme-hq"))).unwrap();
    let days = (end - Clock::system().now_ms()) as f64 / 86_400_000.0;
    assert!((6.9..=7.0).contains(&days), "{days}");
}

#[test]
fn what_is_refused_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let missing = "tenant certificate --directory ca --tenant acme --satellite hq --output out";
    refused(
        at,
        missing,
        1,
        "open the authorities in ca: cannot read ca/fabric/ca.pem, hint: `spokegate ca init` makes the authorities: No such file",
    );
    done(at, "ca init --directory ca --trust-domain msp.example");
    refused(
        at,
        "ca init --directory ca --trust-domain msp.example",
        1,
        "make the authorities in ca: ca/fabric exists and is not replaced",
    );
    done(at, missing);
    refused(
        at,
        missing,
        1,
        "keep the certificate: out/key.pem exists and is not replaced, hint: choose another folder",
    );
    refused(
        at,
        "tenant certificate --directory ca --tenant sanitizer --satellite hq --output x",
        1,
        "the tenant id \"sanitizer\" is reserved",
    );
    refused(
        at,
        "tenant certificate --directory ca --tenant acme --satellite hq --output x --days 4000",
        1,
        "would outlive the authority",
    );
    refused(
        at,
        "tenant certificate --directory ca --tenant Acme --satellite hq --output x",
        2,
        "an id holds a-z, 0-9 and '-' only",
    );
    refused(
        at,
        "service certificate --directory ca --service broker --output x",
        2,
        "allowed are sanitizer, report-service and provisioner",
    );
    refused(
        at,
        "server certificate --directory ca --authority fabric --name *.msp.example --output x",
        2,
        "is no host name",
    );
    refused(
        at,
        "server certificate --directory ca --authority fabric --output x",
        2,
        "--name",
    );
    refused(
        at,
        "ca init --directory new --trust-domain MSP",
        2,
        "is no trust domain",
    );
    assert!(!at.join("x").exists() && !at.join("new").exists());
}

/// The files of a folder make a TLS configuration and the expected principal.
#[track_caller]
fn check(at: &Path, folder: &str, expected: Option<&str>) {
    let files = TlsFiles::in_directory(&at.join(folder));
    if expected.is_some() {
        client_config(&files).unwrap();
    } else {
        server_config(&files).unwrap();
    }
    let pem = std::fs::read(&files.certificate).unwrap();
    let der =
        <rustls_pki_types::CertificateDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_slice(
            &pem,
        )
        .unwrap();
    let principal = Principal::from_certificate(&der, &"msp.example".parse().unwrap());
    assert_eq!(
        principal
            .ok()
            .map(|principal| principal.to_string())
            .as_deref(),
        expected
    );
}

#[track_caller]
fn done(at: &Path, line: &str) -> String {
    let (code, output, errors) = run(env!("CARGO_BIN_EXE_spokegate"), at, line);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{line}");
    output
}

#[track_caller]
fn refused(at: &Path, line: &str, expected: i32, sentence: &str) {
    let (code, output, errors) = run(env!("CARGO_BIN_EXE_spokegate"), at, line);
    assert_eq!(
        (code, output.as_str()),
        (Some(expected), ""),
        "{line}: {errors}"
    );
    assert!(errors.contains(sentence), "{line}: {errors}");
}

fn provisioner(at: &Path, line: &str) -> (Option<i32>, String, String) {
    run(env!("CARGO_BIN_EXE_spokegate-provisioner"), at, line)
}

fn run(program: &str, at: &Path, line: &str) -> (Option<i32>, String, String) {
    let output = Command::new(program)
        .args(line.split(' '))
        .current_dir(at)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}
