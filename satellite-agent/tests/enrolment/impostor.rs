//! A server in the door's place: what it gets to read.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use spokegate_identity::PublicKey;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::world::{Authority, World, week};

#[tokio::test(flavor = "multi_thread")]
async fn an_impostor_with_a_valid_chain_of_another_authority_gets_nothing() {
    let (world, theirs) = (World::new().await, Authority::new());
    let ours = world.authority.root.clone();
    for shown in [
        vec![theirs.root.clone()],
        vec![theirs.root.clone(), ours.clone()],
        vec![ours],
    ] {
        let (addr, got) = serve(&theirs, shown).await;
        let told = world.join(&world.token_at(addr)).await;
        assert_eq!(told.code, Some(1));
        assert!(told.err.contains("is not trusted: "), "{}", told.err);
        assert_eq!(got.await.unwrap(), b"", "not a byte within TLS");
        assert!(!world.directory().join("certificate.pem").exists());
    }
    // The twin: whoever pins their root speaks to them.
    let (addr, got) = serve(&theirs, vec![theirs.root.clone()]).await;
    let mut token = world.token_at(addr);
    token.pin = theirs.pin();
    let told = world.join_for(&token, 0).await;
    assert_eq!(told.code, Some(1));
    let got = got.await.unwrap();
    assert!(got.starts_with(b"POST /v1/enrol HTTP/1.1"), "{got:?}");
    let text = token.to_string();
    let secret = text.split('.').nth(2).unwrap();
    let got = String::from_utf8(got).unwrap();
    assert!(!got.contains(secret), "the secret itself is never sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_server_and_nobody_are_told_apart_from_a_refusal() {
    let world = World::new().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = nobody.local_addr().unwrap();
    drop(nobody);
    let told = world.join(&world.token_at(addr)).await;
    assert_eq!(told.code, Some(1));
    let expected = format!("cannot reach the enrolment door {addr}");
    assert!(
        told.err.contains(&expected) && told.err.contains("hint:"),
        "{}",
        told.err
    );
}

/// Serves one connection with a chain; gives what was read within TLS.
async fn serve(
    authority: &Authority,
    shown: Vec<CertificateDer<'static>>,
) -> (SocketAddr, tokio::task::JoinHandle<Vec<u8>>) {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let key = PublicKey::from_bytes(pair.public_key_raw()).unwrap();
    let host = SanType::IpAddress("127.0.0.1".parse().unwrap());
    let leaf = authority.certify(host, &key, week()).der().clone();
    let chain = std::iter::once(leaf).chain(shown).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(pair.serialize_der()).into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let reading = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else {
            return Vec::new();
        };
        let mut got = vec![0; 8_192];
        let read = stream.read(&mut got).await.unwrap_or(0);
        got.truncate(read);
        got
    });
    (addr, reading)
}
