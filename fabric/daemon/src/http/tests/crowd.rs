//! Who holds many connections does not keep others out, and does not disturb requests in flight.

use tokio::net::TcpSocket;

use super::*;

const REQUEST: &str = "GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const CONNECTIONS_MAX: usize = 8;

#[tokio::test]
async fn silent_connections_at_the_limit_keep_nobody_out() {
    let (server, _tasks) = start_server(one_address()).await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        silent.push(TcpStream::connect(server.addr()).await.unwrap());
    }
    assert!(talk(&server, REQUEST).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(&mut silent[0]).await, "");
    // The twin: one that was not the oldest has kept its place.
    silent[1].write_all(REQUEST.as_bytes()).await.unwrap();
    assert!(rest(&mut silent[1]).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn stalled_handshakes_at_the_limit_keep_nobody_out() {
    let tasks = Tasks::new();
    let (server_tls, client_tls, _) = mutual_tls();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let router = Router::new().route("/who", get(who));
    let server = tls_serve(listener, server_tls, router, one_address(), &tasks).unwrap();
    let mut silent = Vec::new();
    for _ in 0..2 * CONNECTIONS_MAX {
        silent.push(TcpStream::connect(server.addr()).await.unwrap());
    }
    let connector = tokio_rustls::TlsConnector::from(client_tls);
    let name = rustls::pki_types::ServerName::try_from("centre.test").unwrap();
    let stream = TcpStream::connect(server.addr()).await.unwrap();
    let mut stream = connector.connect(name, stream).await.unwrap();
    stream
        .write_all(REQUEST.replace("/peer", "/who").as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_request_in_flight_outlives_a_flood_and_an_idle_connection_does_not() {
    let (server, _tasks) = start_server(one_address()).await;
    let mut idle = TcpStream::connect(server.addr()).await.unwrap();
    idle.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = [0; 512];
    assert!(idle.read(&mut answer).await.unwrap() > 0);

    let mut upload = upload(&server, "127.0.0.1").await.unwrap();
    let mut download = TcpStream::connect(server.addr()).await.unwrap();
    let request = REQUEST.replace("/peer", "/large");
    download.write_all(request.as_bytes()).await.unwrap();
    assert!(download.read(&mut answer).await.unwrap() > 0);

    let mut silent = Vec::new();
    for _ in 0..2 * CONNECTIONS_MAX {
        silent.push(TcpStream::connect(server.addr()).await.unwrap());
    }
    assert_eq!(rest(&mut idle).await, "");
    upload.write_all(b"abcd").await.unwrap();
    assert!(rest(&mut upload).await.ends_with("abcd"));
    assert!(rest(&mut download).await.len() > LARGE - answer.len());
}

#[tokio::test]
async fn slow_bodies_of_one_address_keep_no_other_out() {
    let (server, _tasks) = start_server(HttpLimits {
        connections_max: CONNECTIONS_MAX,
        ..HttpLimits::default()
    })
    .await;
    let mut slow = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        slow.extend(upload(&server, "127.0.0.1").await);
    }
    assert_eq!(slow.len(), CONNECTIONS_MAX / ADDRESS_SHARE);
    let mut other = upload(&server, "127.0.0.2").await.unwrap();
    other.write_all(b"abcd").await.unwrap();
    assert!(rest(&mut other).await.ends_with("abcd"));

    // The twin: the address itself is refused at once, and served when it lets go.
    assert!(upload(&server, "127.0.0.1").await.is_none());
    let mut first = slow.remove(0);
    first.write_all(b"abcd").await.unwrap();
    assert!(rest(&mut first).await.ends_with("abcd"));
    assert!(upload(&server, "127.0.0.1").await.is_some());
}

#[tokio::test]
async fn a_slow_body_ends_at_the_deadline_and_one_within_it_passes() {
    let (server, _tasks) = start_server(HttpLimits {
        body_ms: 400,
        ..HttpLimits::default()
    })
    .await;
    let pause = Duration::from_millis(50);
    let mut steady = upload(&server, "127.0.0.1").await.unwrap();
    for byte in b"abcd" {
        steady.write_all(&[*byte]).await.unwrap();
        tokio::time::sleep(pause).await;
    }
    assert!(rest(&mut steady).await.ends_with("abcd"));

    let mut slow = TcpStream::connect(server.addr()).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = slow.into_split();
    let trickle = async {
        while writer.write_all(b"a").await.is_ok() {
            tokio::time::sleep(pause).await;
        }
    };
    let mut status = [0; 10];
    let answer = tokio::time::timeout(GRACE, reader.read_exact(&mut status));
    tokio::select! {
        () = trickle => panic!("closed without an answer"),
        answer = answer => answer.unwrap().unwrap(),
    };
    assert_eq!(&status, b"HTTP/1.1 4");
}

/// Limits of a listener whose clients all have one address.
fn one_address() -> HttpLimits {
    HttpLimits {
        connections_max: CONNECTIONS_MAX,
        connections_per_address: Some(usize::MAX),
        ..HttpLimits::default()
    }
}

/// A connection from `from` with the head of a request of four bytes in flight; `None` when it was
/// refused.
async fn upload(server: &Server, from: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(server.addr()).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\
                Expect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut answer = [0; CONTINUE.len()];
    let read = tokio::time::timeout(GRACE, stream.read_exact(&mut answer));
    read.await.unwrap().ok()?;
    assert_eq!(answer, CONTINUE);
    Some(stream)
}

/// What the server sends until it closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = tokio::time::timeout(GRACE, stream.read_to_end(&mut answer))
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
