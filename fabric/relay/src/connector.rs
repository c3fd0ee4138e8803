//! Connections to a sanitizer: TCP without delay, TLS with our certificate, and a peer whose certificate bears the name
//! that is expected. Certificates of services and satellites bear no such name, so that none of them can pose as one.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use spokegate_contract::envelope::Validity;
use spokegate_identity::Presented;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

/// How long connecting and the TLS handshake may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes connections for hyper's pool.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Arc<ArcSwap<rustls::ClientConfig>>,
    shown: Arc<ArcSwapOption<Validity>>,
}

/// When a connection was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made(pub(crate) Instant);

impl Connector {
    /// `shown` tells how long the certificate lasts that the sanitizer showed last.
    pub(crate) fn new(
        tls: Arc<ArcSwap<rustls::ClientConfig>>,
        shown: Arc<ArcSwapOption<Validity>>,
    ) -> Self {
        Self { tls, shown }
    }

    async fn connect(self, uri: Uri) -> io::Result<SanitizerStream> {
        let host = uri
            .host()
            .ok_or_else(|| io::Error::other("the address has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_string()).map_err(io::Error::other)?;
        let tcp = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
        tcp.set_nodelay(true)?;
        let tls = TlsConnector::from(self.tls.load_full())
            .connect(name, tcp)
            .await?;
        let shown = tls.get_ref().1.peer_certificates();
        let shown = shown.and_then(|chain| Presented::of(chain).ok());
        let validity = shown.and_then(|shown| {
            Validity::new(shown.not_before_ms() / 1_000, shown.not_after_ms() / 1_000)
        });
        self.shown.store(validity.map(Arc::new));
        Ok(SanitizerStream {
            stream: TokioIo::new(tls),
            made: Made(Instant::now()),
        })
    }
}

impl Service<Uri> for Connector {
    type Response = SanitizerStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<SanitizerStream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async move {
            tokio::time::timeout(CONNECT_TIMEOUT, connecting)
                .await
                .unwrap_or_else(|_| {
                    Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "connecting took too long",
                    ))
                })
        })
    }
}

/// An open connection, as hyper's pool wants it.
pub(crate) struct SanitizerStream {
    stream: TokioIo<TlsStream<TcpStream>>,
    made: Made,
}

impl Connection for SanitizerStream {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.made)
    }
}

impl hyper::rt::Read for SanitizerStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for SanitizerStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, buffers)
    }
}
