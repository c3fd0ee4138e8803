//! Requests to services that the configuration names: TLS with ring, the system's roots or given ones, no redirect, and a
//! limit on what is read.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use url::{Host, Url};

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of services beside ours.
#[derive(Clone)]
pub(crate) struct Outbound {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// What came back, whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    /// No connection, or it broke off.
    #[error("does not answer: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("did not answer within {0} ms")]
    Late(u128),
    /// More than is read.
    #[error("answers more than {0} bytes")]
    TooLarge(usize),
}

/// Whether an address may be asked: over TLS, or on this machine.
pub(crate) fn is_allowed(url: &Url) -> bool {
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && (url.scheme() == "https" || (url.scheme() == "http" && here))
}

/// TLS as a client: the roots of a file, or the system's.
///
/// # Errors
/// When there are no roots.
pub(crate) fn client_tls(ca: Option<&Path>) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    match ca {
        Some(file) => {
            let certificates = CertificateDer::pem_file_iter(file)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .with_context(|| format!("read the certificates in {}", file.display()))?;
            for certificate in certificates {
                roots
                    .add(certificate)
                    .with_context(|| format!("trust the certificates in {}", file.display()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choose TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

impl Outbound {
    /// A client that trusts the roots of a file, or the system's.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub(crate) fn new(ca: Option<&Path>) -> anyhow::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(client_tls(ca)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Ok(Self { http })
    }

    /// Sends a request and reads its answer, both within the time and the bytes.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        time: Duration,
        bytes_max: usize,
    ) -> Result<Answer, OutboundError> {
        let exchange = async {
            let response = self.http.request(request).await.map_err(unreachable)?;
            read(response, bytes_max).await
        };
        tokio::time::timeout(time, exchange)
            .await
            .unwrap_or(Err(OutboundError::Late(time.as_millis())))
    }

    /// Sends a request; the answer begins within the time, and its body is left to be read.
    pub(crate) async fn open(
        &self,
        request: Request<Full<Bytes>>,
        time: Duration,
    ) -> Result<Response<Incoming>, OutboundError> {
        let begun = async { self.http.request(request).await.map_err(unreachable) };
        tokio::time::timeout(time, begun)
            .await
            .unwrap_or(Err(OutboundError::Late(time.as_millis())))
    }
}

/// An answer whole, within the bytes.
pub(crate) async fn read(
    response: Response<Incoming>,
    bytes_max: usize,
) -> Result<Answer, OutboundError> {
    let (parts, mut body) = response.into_parts();
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| OutboundError::Unreachable(error.to_string()))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read.len() + data.len() > bytes_max {
            return Err(OutboundError::TooLarge(bytes_max));
        }
        read.extend_from_slice(&data);
    }
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body: read.freeze(),
    })
}

/// The innermost reason: the outer ones say no more than that a connection was wanted.
fn unreachable(error: hyper_util::client::legacy::Error) -> OutboundError {
    let mut inner: &dyn std::error::Error = &error;
    while let Some(source) = inner.source() {
        inner = source;
        if let Some(io) = inner.downcast_ref::<io::Error>()
            && io.raw_os_error().is_some()
        {
            break;
        }
    }
    OutboundError::Unreachable(inner.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        let check = |url: &str, allowed: bool| {
            assert_eq!(is_allowed(&Url::parse(url).unwrap()), allowed, "{url}");
        };
        for url in [
            "https://example.net/x?y=1",
            "https://10.0.0.1:8200/",
            "http://localhost:8200/",
            "http://127.0.0.1/",
            "http://127.9.9.9/",
            "http://[::1]:1880/",
        ] {
            check(url, true);
        }
        for url in [
            "http://example.net/",
            "http://10.0.0.1/",
            "http://localhost.example.net/",
            "http://[::2]/",
            "https://user@example.net/",
            "https://user:password@example.net/",
            "https://example.net/#part",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
        ] {
            check(url, false);
        }
    }
}
