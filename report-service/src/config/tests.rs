use super::*;
use crate::testing::configuration::{GOOD, load};

#[test]
fn what_is_required_is_enough() {
    let config = load(GOOD).unwrap();
    assert_eq!(config.session.limits().idle_ms, 1_800_000);
    assert!(
        config.throttle.person_failures_max < 5,
        "below the usual lockout of a directory"
    );
}

#[test]
fn documents_made_by_hand_have_the_bounds_of_the_service() {
    let config = load(GOOD).unwrap();
    assert_eq!(
        (config.render, config.pdf),
        (RenderConfig::default(), PdfConfig::default())
    );
    let faults = load(&format!(
        "{GOOD}[render]\nmemory_mb = 1\nlimit_s = 0\nsandbox = \"off\"\n"
    ));
    let faults = faults.unwrap_err();
    assert!(faults.contains("render.sandbox"), "{faults}");
    let faults = load(&format!("{GOOD}[render]\nmemory_mb = 1\nlimit_s = 0\n")).unwrap_err();
    for told in ["render.memory_mb", "64 to 65536", "render.limit_s"] {
        assert!(faults.contains(told), "{told}: {faults}");
    }
}

#[test]
fn every_fault_is_told_in_one_run() {
    let faults = load("[session]\nidel_s = 5\n").unwrap_err();
    for key in [
        "idel_s",
        "forms.tls.certificate",
        "directory.urls",
        "directory.ca",
        "roles.admin_groups",
    ] {
        assert!(faults.contains(key), "{key}: {faults}");
    }
}

#[test]
fn each_mistake_has_its_sentence() {
    let check = |from: &str, to: &str, words: &str| {
        assert!(GOOD.contains(from), "{from}");
        let faults = load(&GOOD.replace(from, to)).unwrap_err();
        assert!(faults.contains(words), "{to}: {faults}");
    };
    check("ldaps://", "ldap://", "is without TLS");
    check(
        "ldaps://dc1.corp.test",
        "https://dc1.corp.test",
        "has a scheme other than ldaps or ldap",
    );
    check("ldaps://dc1.corp.test", "ldaps://[::1]", "has no host name");
    check("[\"ldaps://dc1.corp.test\"]", "[]", "is empty");
    check(
        "[\"ldaps://dc1.corp.test\"]",
        "[\"ldaps://dc1.corp.test\"]\nstarttls = true",
        "asks for it again",
    );
    check(
        "bind_password_file = \"bind.secret\"\n",
        "",
        "exactly one of",
    );
    check(
        "dc=corp,dc=test\"\nbind_dn",
        "corp.test\"\nbind_dn",
        "a DN such as",
    );
    check("[\"reports-admins\"]", "[]", "names no group");
    check(
        "[forms.tls]",
        "[store]\nurl = \"mysql://x\"\n[forms.tls]",
        "sqlite:///path/to/file",
    );
    check(
        "[forms.tls]",
        "[session]\nidle_s = 0\n[forms.tls]",
        "60 to 86400",
    );
    check(
        "[forms.tls]",
        "[session]\nabsolute_s = 600\n[forms.tls]",
        "shorter than the time a session may be idle",
    );
    check(
        "[forms.tls]",
        "[throttle]\nperson_failures_max = 0\n[forms.tls]",
        "1 to 100",
    );
    check(
        "[forms.tls]",
        "[admin]\nlisten = \"127.0.0.1:8443\"\n[forms.tls]",
        "the same address as forms.listen",
    );
    check(
        "[forms.tls]",
        "[forms]\norigin = \"http://x/y\"\n[forms.tls]",
        "https://host or https://host:port",
    );
}

#[test]
fn an_origin_is_written_as_browsers_send_it() {
    let with = |origin: &str| {
        load(&GOOD.replace(
            "[forms.tls]",
            &format!("[forms]\norigin = \"{origin}\"\n[forms.tls]"),
        ))
    };
    for good in [
        "https://reports.example.net",
        "https://reports.example.net:8443",
    ] {
        assert!(with(good).is_ok(), "{good}");
    }
    for bad in [
        "https://reports.example.net/",
        "https://reports.example.net:443",
        "HTTPS://Reports.example.net",
    ] {
        assert!(with(bad).is_err(), "{bad}");
    }
}

#[test]
fn connections_of_a_listener_have_bounds() {
    let with = |key: &str, value: u64| load(&format!("{GOOD}[forms]\n{key} = {value}\n"));
    for (key, smallest, largest) in [
        ("connections_max", 16, 10_000),
        ("connections_per_address", 6, 10_000),
    ] {
        assert!(
            with(key, smallest).is_ok() && with(key, largest).is_ok(),
            "{key}"
        );
        for outside in [smallest - 1, largest + 1] {
            let faults = with(key, outside).unwrap_err();
            let told = format!("{smallest} to {largest}");
            assert!(faults.contains(key) && faults.contains(&told), "{faults}");
        }
    }
}
