//! `spokegate broker-config` as a program: what it writes, says and refuses.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside of `#[test]` functions"
)]

use std::path::Path;
use std::process::Command;

const PATHS: &str = "--trust-domain msp.example --certificate /etc/sg/certificate.pem --key-file /etc/sg/key.pem --ca /etc/sg/ca.pem";

fn spokegate(directory: &Path, arguments: &str) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_spokegate"))
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn it_writes_files_and_says_what_the_broker_cannot_enforce() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::write(at.join("list"), "# all of them\nacme/hq\nglobex/hq\n").unwrap();
    for (broker, names, sentence) in [
        (
            "mosquitto",
            &["mosquitto.conf", "spokegate.acl"][..],
            "Nothing is delivered on it.",
        ),
        (
            "rabbitmq",
            &[
                "rabbitmq.conf",
                "advanced.config",
                "enabled_plugins",
                "definitions.json",
            ],
            "take another's client id",
        ),
        (
            "nats",
            &["spokegate-rights.conf", "nats-server.conf"],
            "take another's client id",
        ),
        (
            "emqx",
            &["emqx.conf", "acl.conf"],
            "has never been run against EMQX",
        ),
        (
            "hivemq",
            &["config.xml", "ese-config.xml", "ese-file-realm.xml"],
            "has never been run against HiveMQ",
        ),
    ] {
        let command = format!(
            "broker-config {broker} {PATHS} --list list --satellite acme/branch --output {broker}"
        );
        let (done, out, err) = spokegate(at, &command);
        assert!(done, "{err}");
        let written: String = names
            .iter()
            .map(|name| format!("{broker}/{name}\n"))
            .collect();
        assert_eq!(out, written);
        assert!(
            err.starts_with(&format!("what {broker} cannot enforce")),
            "{err}"
        );
        assert!(err.contains(sentence), "{err}");
        let all: String = names
            .iter()
            .map(|name| std::fs::read_to_string(at.join(broker).join(name)).unwrap())
            .collect();
        for satellite in ["branch", "globex"] {
            assert!(all.contains(satellite), "{broker}: {satellite}");
        }
        // What stands there may have been changed by hand.
        let (done, _, err) = spokegate(at, &command);
        assert!(!done && err.contains("exists and is not replaced"), "{err}");
    }
    let acl = at.canonicalize().unwrap().join("mosquitto/spokegate.acl");
    let conf = std::fs::read_to_string(at.join("mosquitto/mosquitto.conf")).unwrap();
    assert!(
        conf.contains(&format!("acl_file {}", acl.display())),
        "{conf}"
    );
}

#[test]
fn a_cluster_has_a_file_for_each_node() {
    let directory = tempfile::tempdir().unwrap();
    let nodes = "--node n1=10.0.0.1:6222 --node n2=10.0.0.2:6222 --node n3=10.0.0.3:6222 --node-tls /etc/sg/nodes";
    let command = format!(
        "broker-config nats {PATHS} --satellite acme/hq {nodes} --folder /etc/nats --output out"
    );
    let (done, out, err) = spokegate(directory.path(), &command);
    assert!(done, "{err}");
    assert_eq!(
        out,
        "out/spokegate-rights.conf\nout/n1.conf\nout/n2.conf\nout/n3.conf\n"
    );
}

#[test]
fn what_is_missing_or_wrong_is_said_and_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |arguments: &str, expected: &[&str]| {
        let command = format!("broker-config {arguments} --output out");
        let (done, out, err) = spokegate(directory.path(), &command);
        assert!(!done && out.is_empty(), "{arguments}: {out}");
        for part in expected {
            assert!(err.contains(part), "{part:?} is not in: {err}");
        }
        assert!(!directory.path().join("out").exists(), "{arguments}");
    };
    refused(&format!("mosquitto {PATHS}"), &["no satellite", "hint:"]);
    refused(
        &format!("vernemq {PATHS} --satellite acme/hq"),
        &["mosquitto", "hivemq"],
    );
    refused(
        &format!("nats {PATHS} --satellite acme"),
        &["TENANT/SATELLITE"],
    );
    refused(
        &format!("nats {PATHS} --satellite enrolment/door"),
        &["reserved"],
    );
    refused(
        &format!("nats {PATHS} --satellite acme/hq --crl crl.pem"),
        &["revocation list", "hint:"],
    );
    refused(
        &format!("nats {PATHS} --satellite acme/hq --node n1=a:1"),
        &["--node-tls"],
    );
    let nodes = "--node n1=a:1 --node-tls /etc/sg/nodes";
    refused(
        &format!("rabbitmq {PATHS} --satellite acme/hq {nodes}"),
        &["takes no nodes", "hint:"],
    );
    refused(
        &format!("nats {PATHS} --satellite acme/hq --list gone"),
        &["gone"],
    );
    std::fs::write(directory.path().join("bad"), "acme/hq\nacme\n").unwrap();
    refused(
        &format!("nats {PATHS} --list bad"),
        &["bad", "line 2", "\"acme\""],
    );
}
