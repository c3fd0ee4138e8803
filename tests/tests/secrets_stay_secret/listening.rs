//! Servers that ask for a secret and then refuse it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A server on loopback; it ends with the test process.
pub(crate) struct Refusing {
    pub(crate) port: u16,
    /// Each secret that it was told, as it stood on the wire.
    pub(crate) told: Receiver<String>,
}

impl Refusing {
    /// A mail server, with TLS from the first byte, that wants a password and does not like it.
    pub(crate) fn mail(certificate: &Path, key: &Path) -> Self {
        let chain = CertificateDer::from_pem_file(certificate).unwrap();
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let config = Arc::new(config);
        Self::start(move |stream| {
            let tls = ServerConnection::new(Arc::clone(&config)).ok()?;
            mail(&mut StreamOwned::new(tls, stream))
        })
    }

    /// A service that does not like the token, and says so with the token.
    pub(crate) fn http() -> Self {
        Self::start(http)
    }

    fn start(talk: impl Fn(TcpStream) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tx, told) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if let Some(secret) = talk(stream.unwrap())
                    && tx.send(secret).is_err()
                {
                    return;
                }
            }
        });
        Self { port, told }
    }
}

/// What comes until these bytes, with them.
fn until(end: &[u8], stream: &mut impl Read) -> Option<String> {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(end) {
        stream.read_exact(&mut byte).ok()?;
        read.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&read).into_owned())
}

fn mail(stream: &mut (impl Read + Write)) -> Option<String> {
    stream.write_all(b"220 mail.test ESMTP\r\n").ok()?;
    loop {
        let line = until(b"\r\n", stream)?;
        if let Some(secret) = line.strip_prefix("AUTH PLAIN ") {
            stream.write_all(b"535 5.7.8 not accepted\r\n").ok()?;
            return Some(secret.trim_end().to_owned());
        }
        let answer: &[u8] = match line.get(..4) {
            Some("EHLO") => b"250-mail.test\r\n250 AUTH PLAIN\r\n",
            _ => b"250 OK\r\n",
        };
        stream.write_all(answer).ok()?;
    }
}

fn http(mut stream: TcpStream) -> Option<String> {
    let head = until(b"\r\n\r\n", &mut stream)?;
    let body = format!("you sent {head}");
    let answer = format!(
        "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).ok()?;
    let mut lines = head.lines();
    let of = lines.find_map(|line| line.split_once(": Bearer "))?;
    Some(of.1.to_owned())
}
