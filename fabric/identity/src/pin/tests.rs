//! Handshakes over memory: what an impostor gets to read from a joining agent.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, SanType,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConnection, ServerConfig, ServerConnection};
use std::io::{Read, Write};
use time::{Duration, OffsetDateTime};

use super::*;

const SECRET: &[u8] = b"the proof";

#[test]
fn the_pinned_root_in_the_chain_lets_the_request_through() {
    let ours = Root::new();
    let server = ours.server("door.test", Duration::ZERO);
    let got = talk("door.test", ours.pin(), &server.chain(&[&ours]), &server);
    assert_eq!(got, Ok(SECRET.to_vec()));
}

#[test]
fn without_the_root_in_the_chain_nothing_is_sent() {
    let (ours, theirs) = (Root::new(), Root::new());
    let server = ours.server("door.test", Duration::ZERO);
    refused(
        &talk("door.test", ours.pin(), &server.chain(&[]), &server),
        "shows 1 certificates and none is the pinned root",
    );
    refused(
        &talk("door.test", theirs.pin(), &server.chain(&[&ours]), &server),
        "shows 2 certificates and none is the pinned root",
    );
}

#[test]
fn an_impostor_who_shows_our_root_beside_a_chain_of_its_own_gets_nothing() {
    let (ours, theirs) = (Root::new(), Root::new());
    let server = theirs.server("door.test", Duration::ZERO);
    for chain in [vec![&ours], vec![&theirs, &ours], vec![&ours, &theirs]] {
        let got = talk("door.test", ours.pin(), &server.chain(&chain), &server);
        refused(&got, "invalid peer certificate");
    }
    let got = talk(
        "door.test",
        theirs.pin(),
        &server.chain(&[&theirs]),
        &server,
    );
    assert_eq!(got, Ok(SECRET.to_vec()), "the twin: with their own pin");
}

#[test]
fn an_impostor_with_the_right_chain_but_another_key_gets_nothing() {
    let ours = Root::new();
    let server = ours.server("door.test", Duration::ZERO);
    let mut impostor = ours.server("door.test", Duration::ZERO);
    impostor.certificate = server.certificate.clone();
    let config = impostor.config_unchecked(&impostor.chain(&[&ours]));
    refused(&converse("door.test", ours.pin(), config), "client: ");
}

#[test]
fn the_name_and_the_time_are_verified_as_ever() {
    let ours = Root::new();
    let other = ours.server("other.test", Duration::ZERO);
    let got = talk("door.test", ours.pin(), &other.chain(&[&ours]), &other);
    refused(&got, "not valid for name");
    for (shift, reason) in [
        (Duration::hours(-2), "expired"),
        (Duration::hours(1), "not valid yet"),
    ] {
        let server = ours.server("door.test", shift);
        let got = talk("door.test", ours.pin(), &server.chain(&[&ours]), &server);
        refused(&got, reason);
    }
    let client = ours.issue(
        "door.test",
        Duration::ZERO,
        ExtendedKeyUsagePurpose::ClientAuth,
    );
    let got = talk("door.test", ours.pin(), &client.chain(&[&ours]), &client);
    refused(&got, "invalid peer certificate");
}

#[test]
fn pins_have_one_spelling() {
    let ours = Root::new();
    let pin = ours.pin();
    assert_eq!(pin.to_string().parse(), Ok(pin));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Pin::of(b"").to_string(), empty);
    for text in ["", &empty[1..], &empty.to_uppercase(), &format!("{empty}0")] {
        assert_eq!(text.parse::<Pin>(), Err(PinError::Malformed), "{text:?}");
    }
    let chain = [
        CertificateDer::from(vec![1]),
        ours.certificate.der().clone(),
    ];
    assert_eq!(pin.find(&chain), Some(&chain[1]));
    assert_eq!(pin.find(&chain[..1]), None);
}

#[track_caller]
fn refused(got: &Result<Vec<u8>, String>, expected: &str) {
    let error = got.as_ref().unwrap_err();
    assert!(error.contains(expected), "{error}");
}

/// What a server with this chain reads of the secret, or the first error of either side.
fn talk(
    name: &str,
    pin: Pin,
    chain: &[CertificateDer<'static>],
    server: &Server,
) -> Result<Vec<u8>, String> {
    converse(name, pin, server.config(chain))
}

fn converse(name: &str, pin: Pin, server: Arc<ServerConfig>) -> Result<Vec<u8>, String> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(pinned_client_config(pin), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    // As early as an agent could: it leaves once the handshake allows.
    client.writer().write_all(SECRET).unwrap();
    let mut outcome = Ok(());
    for _ in 0..10 {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        if let Err(error) = server.process_new_packets() {
            outcome = outcome.and(Err(format!("server: {error}")));
        }
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        if outcome.is_ok() {
            client.read_tls(&mut wire.as_slice()).unwrap();
            outcome =
                client.process_new_packets().map(drop).map_err(|error| {
                    match PinError::within(&error) {
                        Some(said) => format!("client: {said}"),
                        None => format!("client: {error}"),
                    }
                });
        }
    }
    let mut got = Vec::new();
    let _nothing_more = server.reader().read_to_end(&mut got);
    if outcome.is_err() {
        assert_eq!(got, b"", "the secret reached a server that was refused");
    }
    outcome.map(|()| got)
}

struct Root {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Root {
    /// All roots have the same name, as a forger would choose.
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "Spokegate fabric");
        let certificate = params.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    fn pin(&self) -> Pin {
        Pin::of(self.certificate.der())
    }

    fn server(&self, name: &str, shift: Duration) -> Server {
        self.issue(name, shift, ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn issue(&self, name: &str, shift: Duration, usage: ExtendedKeyUsagePurpose) -> Server {
        let mut params = CertificateParams::default();
        let start = OffsetDateTime::now_utc() + shift;
        (params.not_before, params.not_after) = (start, start + Duration::hours(1));
        params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Server {
            certificate: certificate.der().clone(),
            key: key.serialize_der(),
        }
    }
}

struct Server {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Server {
    fn chain(&self, roots: &[&Root]) -> Vec<CertificateDer<'static>> {
        let roots = roots.iter().map(|root| root.certificate.der().clone());
        std::iter::once(self.certificate.clone())
            .chain(roots)
            .collect()
    }

    fn config(&self, chain: &[CertificateDer<'static>]) -> Arc<ServerConfig> {
        let config = builder().with_single_cert(chain.to_vec(), self.key());
        Arc::new(config.unwrap())
    }

    /// A certificate with a key that does not belong to it, which rustls would not load.
    fn config_unchecked(&self, chain: &[CertificateDer<'static>]) -> Arc<ServerConfig> {
        let key = rustls::crypto::ring::sign::any_ecdsa_type(&self.key()).unwrap();
        let certified = rustls::sign::CertifiedKey::new(chain.to_vec(), key);
        let resolver = rustls::sign::SingleCertAndKey::from(certified);
        Arc::new(builder().with_cert_resolver(Arc::new(resolver)))
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone()).into()
    }
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert> {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
}
