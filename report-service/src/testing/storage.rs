//! An S3 server that checks signatures, behind a way to it that can break off.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use spokegate_daemon::{Clock, Secret};

use super::configuration::{GOOD, load};
use crate::artefacts::Artefacts;
use crate::config::Config;
use crate::secrets::Secrets;
use crate::store::Store;

pub(crate) const KEY: &str = "TESTKEY";
pub(crate) const SECRET: &str = "a secret of the storage";
pub(crate) const BUCKET: &str = "documents";

/// It runs until it is dropped.
pub(crate) struct Storage {
    folder: tempfile::TempDir,
    address: SocketAddr,
    way: Arc<Way>,
    _tasks: JoinSet<()>,
}

/// What happens to connections on their way.
struct Way {
    /// Bytes of answers that each of so many new connections lets through; then they are whole again.
    cuts: AtomicU64,
    cut_bytes: AtomicU64,
    made: AtomicU64,
    /// Raised when all connections are to end.
    ends: watch::Sender<u64>,
}

impl Storage {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = server.local_addr().unwrap();
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = front.local_addr().unwrap();
        let way = Arc::new(Way {
            cuts: AtomicU64::new(0),
            cut_bytes: AtomicU64::new(0),
            made: AtomicU64::new(0),
            ends: watch::channel(0).0,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = server.accept().await {
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
                connections.spawn(async move { drop(connection.await) });
            }
        });
        let passing = Arc::clone(&way);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = front.accept().await {
                connections.spawn(Arc::clone(&passing).pass(client, behind));
            }
        });
        Self {
            folder,
            address,
            way,
            _tasks: tasks,
        }
    }

    /// Lets only so many bytes of answers through on each of the next new connections, and ends those that are open.
    pub(crate) fn cut(&self, connections: u64, bytes: u64) {
        self.way.cut_bytes.store(bytes, Ordering::SeqCst);
        self.way.cuts.store(connections, Ordering::SeqCst);
        self.way.ends.send_modify(|ends| *ends += 1);
    }

    /// Connections since the start.
    pub(crate) fn connections(&self) -> u64 {
        self.way.made.load(Ordering::SeqCst)
    }

    /// Where the server keeps an object.
    pub(crate) fn object(&self, name: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(name)
    }

    /// Files below the bucket.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join(BUCKET)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path().join(BUCKET));
                    found.push(name.unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }

    /// The sections of a configuration, with the secrets `storage-key` and `storage-secret`.
    pub(crate) fn config(&self) -> String {
        format!(
            "[artefacts]\nplace = \"s3\"\n[artefacts.s3]\nendpoint = \"http://{}\"\nbucket = \"{BUCKET}\"\n\
             prefix = \"reports/\"\naccess_key = \"secret:storage-key\"\nsecret_key = \"secret:storage-secret\"\n\
             part_mb = 5\ntimeout_ms = 10000\n",
            self.address
        )
    }
}

impl Way {
    async fn pass(self: Arc<Self>, mut client: TcpStream, behind: SocketAddr) {
        self.made.fetch_add(1, Ordering::SeqCst);
        let mut ends = self.ends.subscribe();
        let one_less = |cuts: u64| cuts.checked_sub(1);
        let is_cut = self
            .cuts
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok();
        let most = match is_cut {
            true => self.cut_bytes.load(Ordering::SeqCst),
            false => u64::MAX,
        };
        let Ok(mut server) = TcpStream::connect(behind).await else {
            return;
        };
        let ((client_read, mut client_write), (server_read, mut server_write)) =
            (client.split(), server.split());
        let mut bounded = server_read.take(most);
        let mut asked = client_read;
        // Whichever ends first ends both.
        tokio::select! {
            _ = tokio::io::copy(&mut bounded, &mut client_write) => {}
            _ = tokio::io::copy(&mut asked, &mut server_write) => {}
            _ = ends.changed() => {}
        }
    }
}

/// Artefacts and secrets as the service sets them up; of the secrets, those of the storage are set.
pub(crate) async fn artefacts(lines: &str, folder: &Path, files: &Path) -> (Artefacts, Secrets) {
    use std::os::unix::fs::PermissionsExt as _;
    let key = folder.join("master.key");
    std::fs::write(&key, "5a".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400)).unwrap();
    let mut config = config(lines).unwrap();
    config.files = files.to_owned();
    config.secrets.master_key_file = Some(key);
    std::fs::create_dir(folder.join("secrets")).unwrap();
    let url = format!("sqlite://{}/secrets/store.db", folder.display());
    let (store, clock) = (Store::open(&url).await.unwrap(), Clock::system());
    let secrets = Secrets::open(&config.secrets, &url, &store, &clock).unwrap();
    set(&secrets, "storage-key", KEY).await;
    set(&secrets, "storage-secret", SECRET).await;
    let artefacts = Artefacts::configured(&config, &secrets, &clock).unwrap();
    (artefacts, secrets)
}

pub(crate) async fn set(secrets: &Secrets, name: &str, value: &str) {
    let (name, value) = (name.parse().unwrap(), Secret::new(value));
    secrets.set(&name, &value, "test").await.unwrap();
}

/// The configuration of the service with these tables.
pub(crate) fn config(lines: &str) -> Result<Config, String> {
    load(&format!("{GOOD}{lines}"))
}
