//! A PostgreSQL server of the test process's own: the system's package, a new folder, a Unix socket in it. A shell keeps
//! it and ends it, folder and all, when the test process is gone, however that went.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where Debian puts the versions of PostgreSQL.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Who runs the server when the tests run as root, which it refuses to be.
const USERS: [&str; 2] = ["postgres", "nobody"];

const KEEPER: &str = r#"
set -eu
bin=$1 folder=$2
shift 2
trap 'rm -rf "$folder"' EXIT
# The folder may be created by another user.
LC_ALL=C.UTF-8 "$bin/initdb" --pgdata="$folder/data" --username=tests --auth=trust --encoding=UTF8 --no-sync >"$folder/log" 2>&1 || {
  cat "$folder/log"; exit 1; }
"$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c full_page_writes=off \
  -c max_connections=500 -c shared_buffers=64MB "$@" >>"$folder/log" 2>&1 &
server=$!
until "$bin/pg_isready" -q -h "$folder"; do
  kill -0 "$server" 2>/dev/null || { cat "$folder/log"; exit 1; }
  sleep 0.05
done
echo ready
# Ends with the test process.
cat >/dev/null
kill -INT "$server"
wait "$server" || true
"#;

struct Server {
    folder: PathBuf,
    _keeper: Child,
    _alive: ChildStdin,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a new, empty database.
///
/// # Panics
/// When PostgreSQL is missing or does not start.
pub fn database() -> String {
    let server = SERVER.get_or_init(|| start(None));
    let name = format!("test{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let created = Command::new(bin().join("createdb"))
        .arg("--host")
        .arg(&server.folder)
        .args(["--username=tests", "--template=template0", &name])
        .output()
        .expect("createdb starts");
    let said = String::from_utf8_lossy(&created.stderr);
    assert!(created.status.success(), "createdb: {said}");
    format!(
        "postgres:///{name}?user=tests&host={}",
        server.folder.display()
    )
}

/// A server of one test's own that is asked over TLS on loopback; it ends with this value.
pub struct TlsServer {
    /// Where it listens.
    pub port: u16,
    _server: Server,
}

impl TlsServer {
    /// Starts one with that certificate and key on this port; its user is `tests`, its database `postgres`.
    ///
    /// # Panics
    /// When PostgreSQL is missing or does not start.
    pub fn start(certificate: &Path, key: &Path, port: u16) -> Self {
        Self {
            port,
            _server: start(Some((certificate, key, port))),
        }
    }
}

/// The folder of the newest version's programs.
fn bin() -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .max_by_key(|(version, _): &(u32, PathBuf)| *version);
    let (_, folder) =
        newest.expect("PostgreSQL is not installed; hint: sudo tests/testbed/install.sh");
    folder.join("bin")
}

/// With a socket alone, or also with TLS on that port.
fn start(tls: Option<(&Path, &Path, u16)>) -> Server {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let (mut settings, mut port) = (Vec::new(), 5432);
    if let Some((certificate, key, own)) = tls {
        for (setting, from, name) in [
            ("ssl_cert_file", certificate, "server.crt"),
            ("ssl_key_file", key, "server.key"),
        ] {
            let place = folder.join(name);
            std::fs::copy(from, &place).expect("a file for the server");
            settings.push(format!("-c{setting}={}", place.display()));
        }
        settings.push("-cssl=on".to_owned());
        settings.push("-clisten_addresses=127.0.0.1".to_owned());
        port = own;
    }
    let root = folder.metadata().expect("our folder").uid() == 0;
    let mut keeper = if root {
        as_other(&folder)
    } else {
        Command::new("sh")
    };
    let mut keeper = keeper
        .args(["-c", KEEPER, "postgres"])
        .args([&bin(), &folder])
        .args(&settings)
        // The server and those who ask whether it is there take it from here.
        .env("PGPORT", port.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh starts");
    let alive = keeper.stdin.take().expect("it was asked for");
    let mut said = vec![0; 6];
    let mut output = keeper.stdout.take().expect("it was asked for");
    if output.read_exact(&mut said).is_err() || said != b"ready\n" {
        let _ = output.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said);
        panic!("PostgreSQL does not start: {said}");
    }
    Server {
        folder,
        _keeper: keeper,
        _alive: alive,
    }
}

/// A shell of a user that is not root and owns the folder.
fn as_other(folder: &Path) -> Command {
    let known = |user: &&str| {
        let id = Command::new("id").args(["-u", user]).output();
        id.is_ok_and(|id| id.status.success())
    };
    let user = USERS.into_iter().find(known).expect("postgres or nobody");
    let given = Command::new("chown")
        .arg("-R")
        .arg(user)
        .arg(folder)
        .status();
    assert!(given.is_ok_and(|status| status.success()), "chown {user}");
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={user}"))
        .args(["--regid=nogroup", "--clear-groups", "sh"]);
    command
}
