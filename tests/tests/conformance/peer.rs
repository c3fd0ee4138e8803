//! Mosquitto on a free port, open to everybody on loopback.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A running Mosquitto. Dropping it ends it.
pub(crate) struct Mosquitto {
    child: Child,
    addr: SocketAddr,
    _files: TempDir,
}

impl Mosquitto {
    /// None, with a word about it, where it is not installed; in CI that is a failure.
    pub(crate) fn start() -> Option<Self> {
        let files = TempDir::new().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let file = files.path().join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 10000\n",
            addr.port()
        );
        std::fs::write(&file, text).unwrap();
        let started = Command::new("mosquitto")
            .env(
                "PATH",
                format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()),
            )
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match started {
            Ok(child) => child,
            Err(error) if std::env::var_os("CI").is_none() => {
                println!("SKIPPED: mosquitto is not installed ({error})");
                return None;
            }
            Err(error) => panic!("mosquitto is not installed: {error}"),
        };
        let mosquitto = Self {
            child,
            addr,
            _files: files,
        };
        for _ in 0..100 {
            if TcpStream::connect(addr).is_ok() {
                return Some(mosquitto);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("mosquitto does not listen on {addr}");
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
