//! A MariaDB server of one test's own: the system's package, a new folder, a Unix socket in it.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The server, which ends with this value.
pub struct MariaDb {
    server: Child,
    folder: tempfile::TempDir,
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl MariaDb {
    /// Installs and starts one.
    ///
    /// # Panics
    /// When MariaDB is missing or does not start.
    pub fn start() -> Self {
        Self::start_with(&["--skip-networking".to_owned()])
    }

    /// The same with settings of the test's own.
    ///
    /// # Panics
    /// When MariaDB is missing or does not start.
    pub fn start_with(settings: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // It takes whoever starts it; as root it must be told so.
        let root = folder.path().metadata().unwrap().uid() == 0;
        let user = root.then_some("--user=root");
        let data = format!("--datadir={}", folder.path().join("data").display());
        let installed = Command::new("mariadb-install-db")
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ])
            .args(user)
            .arg(&data)
            // In a folder that several share, one that starts removes what others work with.
            .env("TMPDIR", folder.path())
            .output()
            .expect("MariaDB is not installed; hint: sudo tests/testbed/install.sh");
        assert!(installed.status.success(), "{}", said(&installed));
        let server = Command::new("/usr/sbin/mariadbd")
            .args(["--no-defaults", "--innodb-flush-log-at-trx-commit=0"])
            .args(settings)
            .args(user)
            .arg(&data)
            .arg(format!(
                "--socket={}",
                folder.path().join("socket").display()
            ))
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadbd starts");
        let started = Self { server, folder };
        let end = Instant::now() + Duration::from_secs(60);
        while !started.client("SELECT 1").status.success() {
            assert!(Instant::now() < end, "MariaDB did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        started
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Runs statements as root; what a query answers.
    pub fn run(&self, statements: &str) -> String {
        let output = self.client(statements);
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn client(&self, statements: &str) -> Output {
        Command::new("mariadb")
            .args([
                "--no-defaults",
                "--user=root",
                "--skip-column-names",
                "--delimiter=//",
            ])
            .arg(format!("--socket={}", self.socket().display()))
            .args(["--execute", statements])
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
