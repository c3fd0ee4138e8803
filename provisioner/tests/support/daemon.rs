//! An installation in a folder, and the daemon over it.

use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use spokegate_contract::hex;
use spokegate_identity::{JoinToken, SigningKey, proof};

use super::Sanitizer;
use super::sanitizer::SEAL;

/// An installation with certificates for both ends of the second hop.
pub(crate) struct Bed {
    folder: tempfile::TempDir,
}

/// The built daemon, running; killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    log: BufReader<ChildStderr>,
    ops: String,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let bed = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        bed.spokegate("ca init --directory ca --trust-domain msp.example");
        bed.spokegate(
            "server certificate --directory ca --authority inner --name 127.0.0.1 --output sanitizer",
        );
        bed.spokegate(
            "service certificate --directory ca --service provisioner --output provisioner",
        );
        std::fs::write(bed.at().join("seal.key"), hex::encode(&SEAL)).unwrap();
        bed
    }

    pub(crate) fn at(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn sanitizer(&self) -> Sanitizer {
        Sanitizer::start(&self.at().join("sanitizer")).await
    }

    /// Runs a command of the operator that must succeed.
    #[track_caller]
    pub(crate) fn spokegate(&self, line: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_spokegate"))
            .args(line.split(' '))
            .current_dir(self.at())
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{line}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn token(&self, more: &str) -> JoinToken {
        let line = "satellite join-token --directory ca --tenant acme --door broker.test:8443";
        let text = self.spokegate(&format!("{line}{more}"));
        text.trim_end().parse().unwrap()
    }

    /// Writes the daemon's configuration for these sanitizers; where its operator's port is.
    pub(crate) fn configure(&self, sanitizers: &[&Sanitizer], more: &str) -> String {
        let ops = address();
        let at = self.at().display();
        let mut text = format!(
            "[authorities]\ndirectory = \"{at}/ca\"\n[ops]\nlisten = \"{ops}\"\n\
             [log]\nformat = \"text\"\nfilter = \"info\"\n{more}\n"
        );
        for sanitizer in sanitizers {
            let url = sanitizer.url();
            text += &format!(
                "[[sanitizer]]\nurl = \"{url}\"\nseal_key_file = \"{at}/seal.key\"\n[sanitizer.tls]\n\
                 certificate = \"{at}/provisioner/certificate.pem\"\nkey = \"{at}/provisioner/key.pem\"\n\
                 ca = \"{at}/provisioner/ca.pem\"\n"
            );
        }
        std::fs::write(self.at().join("provisioner.toml"), text).unwrap();
        ops
    }

    /// Starts the daemon and returns when it decides.
    pub(crate) fn start(&self, sanitizers: &[&Sanitizer], more: &str) -> Daemon {
        let ops = self.configure(sanitizers, more);
        let mut child = daemon(self.at(), "run")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut daemon = Daemon { child, log, ops };
        daemon.says("the provisioner decides about certificates");
        daemon
    }
}

/// A free port of a loopback address that no other test of this process uses.
fn address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let host = 0x7f01_0000 + NEXT.fetch_add(1, Ordering::Relaxed);
    let listener = std::net::TcpListener::bind((Ipv4Addr::from(host), 0)).unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A verb of the daemon's binary with the configuration in the folder.
pub(crate) fn daemon(at: &Path, verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spokegate-provisioner"));
    command
        .args([verb, "--config", "provisioner.toml"])
        .current_dir(at);
    command
}

impl Daemon {
    /// Reads the log up to a line that holds this.
    #[track_caller]
    pub(crate) fn says(&mut self, sentence: &str) -> String {
        let mut read = String::new();
        loop {
            let mut line = String::new();
            let length = self.log.read_line(&mut line).unwrap();
            assert!(length > 0, "never said {sentence:?}: {read}");
            if line.contains(sentence) {
                return line;
            }
            read += &line;
        }
    }

    /// As a power cut would end it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As a service manager would; the exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }

    /// The value of a metric, by its name and labels.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&self.ops).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let line = answer.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A new key, as an agent makes it.
pub(crate) fn key() -> SigningKey {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    SigningKey::from_pem(&key.serialize_pem()).unwrap()
}

/// The record of a join, as a worker writes it.
pub(crate) fn join(id: &str, token: &JoinToken, key: &SigningKey) -> Value {
    let public_key = key.public_key();
    let made_with = proof::JoinProofKey::of(&token.secret);
    json!({
        "kind": "enrol", "tenant": "enrolment", "satellite": "door", "at": 1, "id": id, "request": "join",
        "public_key": public_key.to_string(), "token": token.id.to_string(), "peer": "192.0.2.7",
        "proof": hex::encode(&proof::join(&made_with, &public_key)),
    })
}

/// The record of a renewal over the satellite's own topic.
pub(crate) fn renewal(
    (id, satellite): (&str, &str),
    serial: &str,
    current: &SigningKey,
    next: &SigningKey,
) -> Value {
    let next = next.public_key();
    let signature = proof::renewal(current, &id.parse().unwrap(), &next).unwrap();
    json!({
        "kind": "enrol", "tenant": "acme", "satellite": satellite, "at": 1, "id": id, "request": "renew",
        "public_key": next.to_string(), "serial": serial, "signature": hex::encode(&signature),
    })
}
