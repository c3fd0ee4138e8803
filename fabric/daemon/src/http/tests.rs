use axum::extract::{ConnectInfo, Extension};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

mod crowd;

/// More than the system buffers between two sockets.
const LARGE: usize = 64 << 20;
const GRACE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_request_is_answered_and_the_handler_sees_the_peer() {
    let (server, _tasks) = start_server(HttpLimits::default()).await;
    let answer = talk(
        &server,
        "GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("127.0.0.1 certificate: false"), "{answer}");
    server.shutdown(GRACE).await;
    assert!(TcpStream::connect(server.addr()).await.is_err());
}

#[tokio::test]
async fn a_head_within_the_limits_passes_and_its_twin_is_refused() {
    let (server, _tasks) = start_server(HttpLimits::default()).await;
    let head = |bytes: usize| {
        format!(
            "GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {}\r\n\r\n",
            "a".repeat(bytes)
        )
    };
    assert!(
        talk(&server, &head(8_000))
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    assert!(
        talk(&server, &head(9_000))
            .await
            .starts_with("HTTP/1.1 431 ")
    );

    let many = |count: usize| {
        let headers: String = (0..count)
            .map(|number| format!("X-{number}: a\r\n"))
            .collect();
        format!("GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
    };
    assert!(talk(&server, &many(62)).await.starts_with("HTTP/1.1 200 "));
    assert!(talk(&server, &many(63)).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let (server, _tasks) = start_server(HttpLimits {
        header_ms: 50,
        ..HttpLimits::default()
    })
    .await;
    assert_eq!(talk(&server, "GET /peer HTTP/1.1\r\nHost:").await, "");
}

#[tokio::test]
async fn a_slow_body_is_cut_off_and_a_whole_one_passes() {
    let (server, _tasks) = start_server(HttpLimits {
        body_part_ms: 50,
        ..HttpLimits::default()
    })
    .await;
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
    assert!(
        talk(&server, &format!("{head}abcd"))
            .await
            .ends_with("abcd")
    );
    let answer = talk(&server, &format!("{head}ab")).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_and_a_slow_one_is_served() {
    let limits = HttpLimits {
        write_ms: 200,
        ..HttpLimits::default()
    };
    let (server, tasks) = start_server(limits).await;
    let request = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut slow = TcpStream::connect(server.addr()).await.unwrap();
    slow.write_all(request).await.unwrap();
    let mut received = 0;
    let mut part = vec![0; 4 << 20];
    loop {
        match slow.read(&mut part).await.unwrap() {
            0 => break,
            count => received += count,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(received > LARGE);

    while tasks.running() > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut deaf = TcpStream::connect(server.addr()).await.unwrap();
    deaf.write_all(request).await.unwrap();
    while tasks.running() < 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(GRACE, async {
        while tasks.running() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the connection of a client that reads nothing ends");
}

#[tokio::test]
async fn a_request_beyond_the_limit_waits_for_a_free_place_and_not_for_ever() {
    let request = "GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for (header_ms, second_status) in [(5_000, "HTTP/1.1 200 "), (20, "HTTP/1.1 503 ")] {
        let (server, _tasks) = start_server(HttpLimits {
            connections_max: 1,
            connections_per_address: Some(2),
            waiting_max: Some(2),
            header_ms,
            ..HttpLimits::default()
        })
        .await;
        let mut first = TcpStream::connect(server.addr()).await.unwrap();
        first.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let answer = talk(&server, request).await;
        assert!(answer.starts_with(second_status), "{answer}");
        let mut answer = String::new();
        first.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished_when_the_tasks_stop() {
    let (server, tasks) = start_server(HttpLimits::default()).await;
    let addr = server.addr();
    let answer = exchange(addr, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        tasks.shutdown(GRACE).await
    };
    let (answer, stopped) = tokio::join!(answer, stop);
    assert!(answer.ends_with("done"), "{answer}");
    assert_eq!(stopped, crate::Shutdown::Drained);
}

#[tokio::test]
async fn garbage_is_refused() {
    let (server, _tasks) = start_server(HttpLimits::default()).await;
    assert!(
        talk(&server, "\x16\x03\x01 hello\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 400 ")
    );
    assert!(
        !talk(&server, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .contains(" 200 ")
    );
}

#[tokio::test]
async fn over_tls_the_handler_sees_the_certificate_and_a_stalled_handshake_is_cut_off() {
    let tasks = Tasks::new();
    let (server_tls, client_tls, client_der) = mutual_tls();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let router = Router::new().route("/who", get(who));
    let limits = HttpLimits {
        handshake_ms: 50,
        ..HttpLimits::default()
    };
    let server = tls_serve(listener, server_tls, router, limits, &tasks).unwrap();

    let connector = tokio_rustls::TlsConnector::from(client_tls);
    let stream = TcpStream::connect(server.addr()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("centre.test").unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    stream
        .write_all(b"GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(&client_der));

    assert_eq!(talk(&server, "").await, "");
    assert!(
        !talk(&server, "GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .contains("HTTP/1.1")
    );
    server.shutdown(GRACE).await;
}

async fn who(Extension(certificate): Extension<PeerCertificate>) -> Vec<u8> {
    certificate.0
}

/// Both sides under one root, and the client's certificate.
fn mutual_tls() -> (Arc<ServerConfig>, Arc<rustls::ClientConfig>, Vec<u8>) {
    let root_key = rcgen::KeyPair::generate().unwrap();
    let mut root = rcgen::CertificateParams::default();
    root.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    let root_der = root.self_signed(&root_key).unwrap().der().clone();
    let issuer = rcgen::Issuer::new(root, root_key);
    let issue = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["centre.test".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().der().clone();
        (
            certificate,
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root_der).unwrap();
    let roots = Arc::new(roots);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::clone(&roots),
        Arc::clone(&provider),
    );
    let (certificate, key) = issue();
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let (certificate, key) = issue();
    let der = certificate.to_vec();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(vec![certificate], key)
        .unwrap();
    (Arc::new(server), Arc::new(client), der)
}

async fn start_server(limits: HttpLimits) -> (Server, Tasks) {
    let tasks = Tasks::new();
    let router = Router::new()
        .route("/peer", get(peer))
        .route("/large", get(|| async { vec![b'a'; LARGE] }))
        .route("/echo", post(|body: String| async { body }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                "done"
            }),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (serve(listener, router, limits, &tasks).unwrap(), tasks)
}

async fn peer(
    ConnectInfo(addr): ConnectInfo<SocketAddr>,
    certificate: Option<Extension<PeerCertificate>>,
) -> String {
    format!("{} certificate: {}", addr.ip(), certificate.is_some())
}

async fn talk(server: &Server, request: &str) -> String {
    exchange(server.addr(), request).await
}

/// Sends a request and reads until the server closes.
async fn exchange(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = tokio::time::timeout(GRACE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
