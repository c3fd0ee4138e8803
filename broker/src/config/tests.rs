use super::*;
use spokegate_daemon::config::{ConfigFaults, Layered};

const TLS: &str = "[tls]\ncertificate = \"c\"\nkey = \"k\"\nclient_ca = \"a\"\n";

fn load(text: &str) -> Result<BrokerConfig, ConfigFaults> {
    Layered::new("broker", DEFAULTS)
        .no_environment()
        .text("broker.toml", text)
        .load()
}

#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    let faults = load(text).expect_err("faults").to_string();
    for part in expected {
        assert!(faults.contains(part), "{part:?} is not in:\n{faults}");
    }
}

#[test]
fn the_defaults_need_only_the_tls_files() {
    let config = load(TLS).unwrap();
    assert_eq!(config.listener.len(), 1);
    assert_eq!(config.listener[0].kind, ListenerKind::Mtls);
    assert_eq!(config.tls.files().map(|files| files.ca), Some("a".into()));
    assert_eq!(config.admin.path(), None);
    assert_eq!(config.revocation.crl_file, None);
    refused("", &["tls.certificate", "tls.key", "tls.client_ca"]);
    refused(
        "[tls]\ncertificate = \"c\"\n",
        &["tls.key", "tls.client_ca", "hint:"],
    );
}

#[test]
fn nothing_but_open_listeners_needs_no_tls_files() {
    let open = "[[listener]]\nkind = \"open\"\naddress = \"127.0.0.1:0\"\n";
    let config = load(open).unwrap();
    assert!(config.tls.files().is_none());
    let both = format!("{open}[[listener]]\nkind = \"mtls\"\naddress = \"127.0.0.1:0\"\n");
    refused(&both, &["tls.certificate", "tls.key", "tls.client_ca"]);
}

#[test]
fn an_enrolment_listener_needs_the_tls_files_and_sane_numbers() {
    let listener = "[[listener]]\nkind = \"enrolment\"\naddress = \"127.0.0.1:0\"\n";
    let config = load(&format!("{TLS}{listener}")).unwrap();
    assert_eq!(config.listener[0].kind, ListenerKind::Enrolment);
    assert_eq!(config.enrolment.waiting_max, 256);
    refused(listener, &["tls.certificate", "tls.key", "tls.client_ca"]);
    let text = format!("{TLS}{listener}[enrolment]\nwaiting_max = 0\nwait_s = 31\n");
    refused(
        &text,
        &[
            "enrolment.waiting_max",
            "enrolment.wait_s",
            "1 to 30",
            "hint:",
        ],
    );
}

#[test]
fn an_open_listener_is_for_loopback_only() {
    let listener =
        |address: &str| format!("{TLS}[[listener]]\nkind = \"open\"\naddress = \"{address}\"\n");
    for address in ["127.0.0.1:1883", "127.8.8.8:0", "[::1]:1883"] {
        load(&listener(address)).unwrap();
    }
    for address in [
        "0.0.0.0:1883",
        "192.0.2.1:1883",
        "[::]:1883",
        "[::ffff:127.0.0.1]:1883",
    ] {
        refused(
            &listener(address),
            &["listener[0].address", "which others can reach", "hint:"],
        );
    }
}

#[test]
fn all_faults_are_told_in_one_run() {
    let text =
        format!("{TLS}[limits]\ninflight = 0\nup_queue_bytes = 1\nwrite_ms = 0\nmessages = 3\n");
    refused(
        &text,
        &[
            "limits.inflight",
            "limits.up_queue_bytes",
            "limits.write_ms",
            "limits.messages",
        ],
    );
    refused(&format!("listener = []\n{TLS}"), &["no listener"]);
}
