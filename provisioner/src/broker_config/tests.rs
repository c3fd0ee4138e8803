use std::path::Path;

use super::*;

fn parties(addresses: &[&str]) -> Parties {
    Parties::new(Parties::read_list(&addresses.join("\n")).unwrap()).unwrap()
}

fn site() -> Site {
    Site {
        trust_domain: "msp.example".parse().unwrap(),
        parties: parties(&["acme/hq", "acme/branch", "globex/hq"]),
        listen: "0.0.0.0:8883".parse().unwrap(),
        certificate: "/etc/spokegate/broker/certificate.pem".into(),
        key: "/etc/spokegate/broker/key.pem".into(),
        ca: "/etc/spokegate/broker/ca.pem".into(),
        crl: None,
        folder: "/etc/spokegate/other".into(),
        cluster: None,
    }
}

fn clustered() -> Site {
    let node = |name: &str, address: &str| (name.to_owned(), address.to_owned());
    Site {
        cluster: Some(Cluster {
            nodes: vec![
                node("n1", "10.0.0.1:6222"),
                node("n2", "10.0.0.2:6222"),
                node("n3", "10.0.0.3:6222"),
            ],
            certificate: "/etc/spokegate/nodes/certificate.pem".into(),
            key: "/etc/spokegate/nodes/key.pem".into(),
            ca: "/etc/spokegate/nodes/ca.pem".into(),
        }),
        ..site()
    }
}

/// Compares with `tests/golden/broker-config/<folder>`, which holds nothing else.
#[track_caller]
fn check_golden(folder: &str, kind: Kind, site: &Site) {
    let rendered = render(kind, site).unwrap();
    let mut files = rendered.files;
    let sentences = rendered.limits.iter().map(|limit| {
        let sentence = limit.sentence(kind).unwrap();
        format!("{}: {sentence}\n", limit.word())
    });
    files.push(File {
        name: "cannot-enforce.txt".to_owned(),
        text: sentences.collect(),
    });
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/broker-config")
        .join(folder);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let _ = std::fs::remove_dir_all(&golden);
        std::fs::create_dir_all(&golden).unwrap();
        for file in &files {
            std::fs::write(golden.join(&file.name), &file.text).unwrap();
        }
    }
    for file in &files {
        let expected = std::fs::read_to_string(golden.join(&file.name)).unwrap_or_default();
        assert!(
            expected == file.text,
            "{folder}/{} is not as it was; if that is right: UPDATE_GOLDEN=1 cargo test -p spokegate-provisioner --lib",
            file.name
        );
    }
    assert_eq!(std::fs::read_dir(&golden).unwrap().count(), files.len());
}

#[test]
fn each_brokers_files_are_as_they_were() {
    for kind in Kind::ALL {
        check_golden(kind.as_str(), kind, &site());
    }
    check_golden("nats-cluster", Kind::Nats, &clustered());
    let crl = Some("/etc/spokegate/broker/crl.pem".into());
    check_golden("mosquitto-crl", Kind::Mosquitto, &Site { crl, ..site() });
}

/// Nobody is named who was not listed, and every path and identity that was given is used.
#[test]
fn every_party_has_rights_of_its_own_and_nobody_else_has() {
    for kind in Kind::ALL {
        let files = render(kind, &site()).unwrap().files;
        let all: String = files.iter().map(|file| file.text.as_str()).collect();
        for (name, uri) in [
            ("acme.hq", "tenant/acme/satellite/hq"),
            ("acme.branch", "tenant/acme/satellite/branch"),
            ("globex.hq", "tenant/globex/satellite/hq"),
        ] {
            assert!(all.contains(name) || all.contains(uri), "{kind}: {name}");
        }
        assert!(!all.contains("initech"), "{kind}");
        for path in ["certificate.pem", "key.pem", "ca.pem"] {
            assert!(
                all.contains(&format!("/etc/spokegate/broker/{path}")),
                "{kind}: {path}"
            );
        }
        let more = Site {
            parties: parties(&["acme/hq", "acme/branch", "globex/hq", "initech/hq"]),
            ..site()
        };
        let files = render(kind, &more).unwrap().files;
        assert!(
            files.iter().any(|file| file.text.contains("initech")),
            "{kind}"
        );
    }
}

#[track_caller]
fn refused(kind: Kind, site: &Site, expected: &str) {
    let error = render(kind, site).unwrap_err().to_string();
    assert!(error.contains(expected), "{expected:?} is not in: {error}");
}

#[test]
fn what_a_broker_cannot_know_or_a_file_cannot_hold_is_refused() {
    let long = format!("{}/{}", "a".repeat(40), "b".repeat(24));
    let long = Site {
        parties: parties(&[&long]),
        ..site()
    };
    for kind in [Kind::Mosquitto, Kind::Emqx, Kind::Hivemq] {
        refused(kind, &long, "longer than 64 characters");
    }
    for kind in [Kind::Rabbitmq, Kind::Nats] {
        render(kind, &long).unwrap();
    }
    let fits = format!("{}/{}", "a".repeat(40), "b".repeat(23));
    let fits = Site {
        parties: parties(&[&fits]),
        ..site()
    };
    render(Kind::Mosquitto, &fits).unwrap();

    for path in ["/etc/a b.pem", "/etc/\"", "", "/etc/x\nuser root", "/etc/ü"] {
        let site = Site {
            key: path.into(),
            ..site()
        };
        refused(Kind::Mosquitto, &site, "cannot stand in a configuration");
    }
    refused(Kind::Mosquitto, &clustered(), "takes no nodes");
    for (name, address) in [
        ("n1", "10.0.0.9:6222"),
        ("n\"4", "10.0.0.4:6222"),
        ("", "10.0.0.4:6222"),
        ("n4", "10.0.0.4"),
        ("n4", "10.0.0.4:6222\" }"),
    ] {
        let mut site = clustered();
        let nodes = &mut site.cluster.as_mut().unwrap().nodes;
        nodes.push((name.to_owned(), address.to_owned()));
        refused(Kind::Nats, &site, "is no node");
    }
}

#[test]
fn lists_are_read_whole_or_not_at_all() {
    let read = |text: &str| Parties::read_list(text).and_then(Parties::new);
    let both = read("# ours\nacme/hq\n\n  globex/hq  \nacme/hq\n").unwrap();
    assert_eq!(both.addresses().count(), 2);
    assert_eq!(both.tenants().count(), 2);
    let line = |line, text: &str| PartiesError::Line {
        line,
        text: text.to_owned(),
    };
    assert_eq!(read("acme/hq\nacme"), Err(line(2, "acme")));
    assert_eq!(read("acme/hq/x"), Err(line(1, "acme/hq/x")));
    assert_eq!(read("Acme/hq"), Err(line(1, "Acme/hq")));
    assert_eq!(read("+/hq"), Err(line(1, "+/hq")));
    assert_eq!(read("# nobody\n"), Err(PartiesError::Nobody));
    for reserved in ["sanitizer", "enrolment"] {
        let refused = read(&format!("{reserved}/door"));
        assert_eq!(refused, Err(PartiesError::Reserved(reserved.to_owned())));
    }
}

#[test]
fn what_cannot_be_enforced_is_said_once_and_in_whole_sentences() {
    for kind in Kind::ALL {
        let limits = Limit::of(kind);
        let once: BTreeSet<Limit> = limits.iter().copied().collect();
        assert_eq!(once.len(), limits.len(), "{kind}");
        for limit in limits {
            let sentence = limit.sentence(kind).unwrap();
            assert!(
                sentence.ends_with('.') && sentence.len() > 20,
                "{kind}: {sentence}"
            );
        }
    }
    for kind in [Kind::Emqx, Kind::Hivemq] {
        let sentence = Limit::NotRun.sentence(kind).unwrap();
        assert!(sentence.contains("never been run"), "{sentence}");
    }
}
