//! A TLS server with a certificate of its own making, which notes whether a client trusts it enough to speak.

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// It runs until it is dropped.
pub(crate) struct Impostor {
    pub(crate) port: u16,
    spoken_to: Arc<AtomicBool>,
    folder: tempfile::TempDir,
    _task: JoinSet<()>,
}

impl Impostor {
    /// Starts it with a certificate for `name`.
    pub(crate) async fn start(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), certificate.pem()).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let spoken_to = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&spoken_to);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let bytes = stream.read(&mut [0; 64]).await.unwrap_or(0);
                    heard.fetch_or(bytes > 0, Ordering::SeqCst);
                }
            }
        });
        Self {
            port,
            spoken_to,
            folder,
            _task: task,
        }
    }

    /// The file with its certificate.
    pub(crate) fn ca(&self) -> String {
        self.folder
            .path()
            .join("ca.crt")
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// True when a client completed the handshake and sent something.
    pub(crate) fn was_spoken_to(&self) -> bool {
        self.spoken_to.load(Ordering::SeqCst)
    }
}
