//! Handshakes between real configurations, over memory.

use std::os::unix::fs::PermissionsExt;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, HandshakeKind, ProtocolVersion, ServerConnection};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::Presented;
use crate::{Pin, pinned_client_config};

#[test]
fn a_client_of_our_root_is_let_in_and_shows_its_certificate() {
    let bed = Bed::new();
    let client = client_config(&bed.issue("client", &bed.ours, Life::Now)).unwrap();
    let server = server_config(&bed.server()).unwrap();
    let (client, server) = handshake(client, server).unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(server.peer_certificates().unwrap().len(), 1);
    assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
}

#[test]
fn a_client_without_certificate_is_refused() {
    let bed = Bed::new();
    let roots = super::roots(&bed.server().ca).unwrap();
    let client = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let error = handshake(Arc::new(client), server_config(&bed.server()).unwrap()).unwrap_err();
    assert_eq!(error, "server: peer sent no certificates");
}

#[test]
fn a_client_of_a_foreign_root_is_refused_even_under_the_same_name() {
    let bed = Bed::new();
    let mut files = bed.issue("client", &bed.foreign, Life::Now);
    files.ca = bed.server().ca;
    let error = handshake(
        client_config(&files).unwrap(),
        server_config(&bed.server()).unwrap(),
    )
    .unwrap_err();
    assert!(
        error.starts_with("server: invalid peer certificate"),
        "{error}"
    );
}

#[test]
fn a_certificate_outside_its_life_is_refused() {
    let bed = Bed::new();
    for (life, reason) in [(Life::Past, "expired"), (Life::Future, "not valid yet")] {
        let client = client_config(&bed.issue("client", &bed.ours, life)).unwrap();
        let error = handshake(client, server_config(&bed.server()).unwrap()).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn a_server_certificate_does_not_serve_as_a_client_and_the_other_way_round() {
    let bed = Bed::new();
    let error = handshake(
        client_config(&bed.server()).unwrap(),
        server_config(&bed.server()).unwrap(),
    )
    .unwrap_err();
    assert!(
        error.starts_with("server: invalid peer certificate"),
        "{error}"
    );
    let client = bed.issue("client", &bed.ours, Life::Now);
    let error = handshake(
        client_config(&client).unwrap(),
        server_config(&client).unwrap(),
    )
    .unwrap_err();
    assert!(
        error.starts_with("client: invalid peer certificate"),
        "{error}"
    );
}

#[test]
fn a_server_of_a_foreign_root_is_refused_by_the_client() {
    let bed = Bed::new();
    let mut server = bed.issue("server-foreign", &bed.foreign, Life::Now);
    server.ca = bed.server().ca;
    let client = client_config(&bed.issue("client", &bed.ours, Life::Now)).unwrap();
    let error = handshake(client, server_config(&server).unwrap()).unwrap_err();
    assert!(
        error.starts_with("client: invalid peer certificate"),
        "{error}"
    );
}

#[test]
fn another_name_than_the_one_dialled_is_expected_when_told() {
    let bed = Bed::new();
    let files = bed.issue("client", &bed.ours, Life::Now);
    let base = client_config(&files).unwrap();
    let dialled_as = |name: &str, expected: &str| {
        let client = expecting(&base, &files, expected).unwrap();
        handshake_with(name, client, server_config(&bed.server()).unwrap())
    };
    dialled_as("relay.test", "broker.test").unwrap();
    let error = dialled_as("broker.test", "relay.test").unwrap_err();
    assert!(
        error.starts_with("client: invalid peer certificate"),
        "{error}"
    );
    let foreign = bed.issue("server", &bed.foreign, Life::Now);
    let client = expecting(&base, &files, "broker.test").unwrap();
    let error = handshake(client, server_config(&foreign).unwrap()).unwrap_err();
    assert!(
        error.starts_with("client: invalid peer certificate"),
        "{error}"
    );
    assert_eq!(
        expecting(&base, &files, "no name").unwrap_err().to_string(),
        "\"no name\" is no host name, hint: set server_name to a name in the server's certificate"
    );
}

#[test]
fn the_door_shows_its_roots_and_asks_for_no_certificate() {
    let bed = Bed::new();
    let files = bed.server();
    let roots = |files: &TlsFiles| chain(&files.ca).unwrap();
    let pinned = |root: &CertificateDer<'_>| pinned_client_config(Pin::of(root));
    let door = door_server_config(&files).unwrap();
    let root = roots(&files).remove(0);
    let (client, server) = handshake(pinned(&root), Arc::clone(&door)).unwrap();
    assert!(server.peer_certificates().is_none());
    let shown = client.peer_certificates().unwrap();
    assert_eq!((shown.len(), &shown[1]), (2, &root));
    handshake(anonymous_client_config(&files.ca).unwrap(), door).unwrap();

    // During a change of CA both roots are shown, each once; only that of the certificate helps.
    let both = format!("{}{}{}", bed.ours.1, bed.foreign.1, bed.ours.1);
    std::fs::write(&files.ca, both).unwrap();
    let door = door_server_config(&files).unwrap();
    let (client, _) = handshake(pinned(&root), Arc::clone(&door)).unwrap();
    assert_eq!(client.peer_certificates().unwrap().len(), 3);
    let other = roots(&files).remove(1);
    let error = handshake(pinned(&other), door).unwrap_err();
    assert!(
        error.starts_with("client: invalid peer certificate"),
        "{error}"
    );
    let foreign = bed.issue("server-foreign", &bed.foreign, Life::Now);
    let client = anonymous_client_config(&foreign.ca).unwrap();
    let ours = door_server_config(&bed.server()).unwrap();
    let error = handshake(client, ours).unwrap_err();
    assert!(
        error.starts_with("client: invalid peer certificate"),
        "{error}"
    );
}

#[test]
fn no_session_is_resumed() {
    let bed = Bed::new();
    let client = client_config(&bed.issue("client", &bed.ours, Life::Now)).unwrap();
    let server = server_config(&bed.server()).unwrap();
    for _ in 0..3 {
        let (client, _) = handshake(Arc::clone(&client), Arc::clone(&server)).unwrap();
        assert_eq!(
            (client.handshake_kind(), client.tls13_tickets_received()),
            (Some(HandshakeKind::Full), 0)
        );
    }
}

#[test]
fn a_public_listener_asks_for_no_certificate() {
    let bed = Bed::new();
    let files = bed.server();
    let server = public_server_config(&files.certificate, &files.key).unwrap();
    let client = client_config(&bed.issue("client", &bed.ours, Life::Now)).unwrap();
    let (_, server) = handshake(client, server).unwrap();
    assert!(server.peer_certificates().is_none());
}

#[test]
fn a_reload_takes_the_new_certificate_and_a_bad_file_leaves_the_old() {
    let bed = Bed::new();
    let files = bed.issue("client", &bed.ours, Life::Now);
    let reloading = Reloading::client(files.clone()).unwrap();
    let before = reloading.current();
    let next = bed.issue("next", &bed.ours, Life::Now);
    std::fs::copy(&next.certificate, &files.certificate).unwrap();
    assert!(matches!(reloading.reload(), Err(TlsError::Unusable { .. })));
    assert!(Arc::ptr_eq(&before, &reloading.current()));
    std::fs::copy(&next.key, &files.key).unwrap();
    reloading.reload().unwrap();
    assert!(!Arc::ptr_eq(&before, &reloading.current()));
    handshake(reloading.current(), server_config(&bed.server()).unwrap()).unwrap();
}

#[test]
fn the_end_of_a_certificate_is_read() {
    let bed = Bed::new();
    let now_ms = u64::try_from(bed.now.unix_timestamp()).unwrap() * 1_000;
    let files = bed.issue("client", &bed.ours, Life::Now);
    assert_eq!(not_after_ms(&files).unwrap(), now_ms + 3_600_000);
}

#[test]
fn a_revoked_certificate_is_refused_and_its_neighbour_is_not() {
    let bed = Bed::new();
    let (bad, good) = (
        bed.issue("bad", &bed.ours, Life::Now),
        bed.issue("good", &bed.ours, Life::Now),
    );
    let list = bed.list(&bed.ours, &bad);
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let server = admitting_server_config(
        &bed.server(),
        &[list],
        Some(Arc::new(move |certificate, error| {
            sink.lock()
                .unwrap()
                .push((certificate.to_vec(), error.to_string()));
        })),
    )
    .unwrap();
    let error = handshake(client_config(&bad).unwrap(), Arc::clone(&server)).unwrap_err();
    assert_eq!(error, "server: invalid peer certificate: Revoked");
    handshake(client_config(&good).unwrap(), server).unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, chain(&bad.certificate).unwrap()[0].to_vec());
    assert!(told[0].1.contains("Revoked"));
}

#[test]
fn during_a_change_of_ca_both_are_admitted_and_each_ones_list_holds() {
    let bed = Bed::new();
    // The new root of this bed has the name of the old one, as that of a real change of CA has.
    let (old, new) = (&bed.ours, &bed.foreign);
    let server = TlsFiles {
        ca: bed.directory.path().join("both.pem"),
        ..bed.server()
    };
    std::fs::write(&server.ca, format!("{}{}", old.1, new.1)).unwrap();
    let client = |name: &str, root: &Root| {
        let mut files = bed.issue(name, root, Life::Now);
        files.ca = bed.server().ca;
        files
    };
    let (bad_old, bad_new) = (client("bad-old", old), client("bad-new", new));
    let (good_old, good_new) = (client("good-old", old), client("good-new", new));
    let lists = [bed.list(old, &bad_old), bed.list(new, &bad_new)];
    for lists in [&lists[..], &lists[..1], &lists[1..], &[]] {
        let server = admitting_server_config(&server, lists, None).unwrap();
        let enters = |files: &TlsFiles| {
            handshake(client_config(files).unwrap(), Arc::clone(&server)).map(drop)
        };
        assert_eq!(enters(&good_old), Ok(()));
        assert_eq!(enters(&good_new), Ok(()));
        for (files, list) in [(&bad_old, 0), (&bad_new, 1)] {
            let id = Presented::of(&chain(&files.certificate).unwrap()).unwrap();
            let revoked = lists.iter().any(|list| list.revokes(&id.ids()[0]));
            assert_eq!(enters(files).is_err(), revoked, "list {list}");
        }
        let expired = enters(&bed.issue("late", old, Life::Past)).unwrap_err();
        assert!(expired.contains("expired"), "{expired}");
    }
    let only_new = TlsFiles {
        ca: bed.directory.path().join("new.pem"),
        ..server
    };
    std::fs::write(&only_new.ca, &new.1).unwrap();
    let server = admitting_server_config(&only_new, &lists, None).unwrap();
    handshake(client_config(&good_new).unwrap(), Arc::clone(&server)).unwrap();
    handshake(client_config(&good_old).unwrap(), server).unwrap_err();
}

#[test]
fn unusable_files_are_told_by_name() {
    let bed = Bed::new();
    let good = bed.issue("client", &bed.ours, Life::Now);
    let path = |name: &str| bed.directory.path().join(name);
    std::fs::write(path("empty.pem"), "").unwrap();
    std::fs::write(
        path("garbage.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();

    check(
        &TlsFiles {
            certificate: path("no.pem"),
            ..good.clone()
        },
        "cannot read a certificate from",
    );
    check(
        &TlsFiles {
            certificate: path("empty.pem"),
            ..good.clone()
        },
        "no certificate in it",
    );
    check(
        &TlsFiles {
            certificate: good.key.clone(),
            ..good.clone()
        },
        "no certificate in it",
    );
    check(
        &TlsFiles {
            key: good.certificate.clone(),
            ..good.clone()
        },
        "allowed is access by its owner only",
    );
    check(
        &TlsFiles {
            ca: path("empty.pem"),
            ..good.clone()
        },
        "no certificate in it",
    );
    check(
        &TlsFiles {
            ca: path("garbage.pem"),
            ..good.clone()
        },
        "the roots in",
    );
    let other = bed.issue("other", &bed.ours, Life::Now);
    check(
        &TlsFiles {
            key: other.key,
            ..good.clone()
        },
        "cannot be used",
    );
    std::fs::set_permissions(&good.key, std::fs::Permissions::from_mode(0o640)).unwrap();
    check(
        &good,
        "has mode 640; allowed is access by its owner only, hint: chmod 600",
    );
}

#[track_caller]
fn check(files: &TlsFiles, expected: &str) {
    for error in [server_config(files).err(), client_config(files).err()] {
        let error = error.unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

type Established = (ClientConnection, ServerConnection);

/// Runs a handshake to its end, or to the first error of either side.
fn handshake(client: Arc<ClientConfig>, server: Arc<ServerConfig>) -> Result<Established, String> {
    handshake_with("broker.test", client, server)
}

/// The same, dialling a name.
fn handshake_with(
    name: &str,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
) -> Result<Established, String> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client, name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server
            .process_new_packets()
            .map_err(|error| format!("server: {error}"))?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client
            .process_new_packets()
            .map_err(|error| format!("client: {error}"))?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok((client, server))
}

enum Life {
    Past,
    Now,
    Future,
}

type Root = (Issuer<'static, KeyPair>, String);

struct Bed {
    directory: TempDir,
    now: OffsetDateTime,
    ours: Root,
    foreign: Root,
}

impl Bed {
    /// The root's list that revokes the certificate in these files.
    fn list(&self, root: &Root, files: &TlsFiles) -> RevocationList {
        let revoked = Presented::of(&chain(&files.certificate).unwrap()).unwrap();
        let list = CertificateRevocationListParams {
            this_update: self.now,
            next_update: self.now + Duration::days(7),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from_slice(revoked.serial().as_bytes()),
                revocation_time: self.now,
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let roots = Roots::new(
            CertificateDer::pem_slice_iter(root.1.as_bytes())
                .collect::<Result<_, _>>()
                .unwrap(),
        );
        RevocationList::verify(list.signed_by(&root.0).unwrap().der(), &roots).unwrap()
    }

    fn new() -> Self {
        let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
        Self {
            directory: tempfile::tempdir().unwrap(),
            now,
            ours: root(),
            foreign: root(),
        }
    }

    fn server(&self) -> TlsFiles {
        self.issue("server", &self.ours, Life::Now)
    }

    fn issue(&self, name: &str, (issuer, ca): &Root, life: Life) -> TlsFiles {
        let mut params = CertificateParams::default();
        let start = match life {
            Life::Past => self.now - Duration::hours(2),
            Life::Now => self.now,
            Life::Future => self.now + Duration::hours(1),
        };
        (params.not_before, params.not_after) = (start, start + Duration::hours(1));
        if name.starts_with("server") {
            params.subject_alt_names = vec![SanType::DnsName("broker.test".try_into().unwrap())];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        } else {
            let id = format!("spiffe://spokegate.local/tenant/acme/satellite/{name}");
            params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, issuer).unwrap();
        let files = TlsFiles::in_directory(&self.directory.path().join(name));
        std::fs::create_dir_all(self.directory.path().join(name)).unwrap();
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&files.ca, ca).unwrap();
        files
    }
}

/// Both roots have the same name, as a forger would choose.
fn root() -> Root {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Spokegate fabric");
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}
