//! An OpenLDAP of one test's own, with the people of `tests/testbed`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::free_port;

/// The server, which ends with this value.
pub(crate) struct Slapd {
    folder: tempfile::TempDir,
    tls_port: u16,
    port: u16,
}

const BASE: &str = "dc=msp,dc=test";
const ADMIN_PASSWORD: &str = "Admin-Passw0rd!";

impl Slapd {
    /// Fills and starts one.
    ///
    /// # Panics
    /// When slapd is missing or does not start.
    pub(crate) fn start() -> Self {
        let directory = Self {
            folder: tempfile::tempdir().unwrap(),
            tls_port: free_port(),
            port: free_port(),
        };
        directory.start_again();
        directory
    }

    /// The configuration of a service whose people are in it.
    pub(crate) fn config(&self) -> String {
        format!(
            "[directory]\nurls = [\"ldaps://localhost:{}\"]\nca = {:?}\nbase = \"{BASE}\"\n\
             bind_dn = \"uid=svc-spokegate,ou=Services,{BASE}\"\nbind_password = \"Svc-Passw0rd!\"\n\
             [roles]\nforms_groups = [\"forms-users\"]\nadmin_groups = [\"fabric-admins\"]\n",
            self.tls_port,
            self.ca(),
        )
    }

    /// Stops it; its data stays.
    pub(crate) fn stop(&self) {
        self.run("stop");
    }

    /// Starts it again after [`Self::stop`].
    pub(crate) fn start_again(&self) {
        self.run("start");
    }

    /// Puts somebody into a group (`add`), or takes them out (`delete`).
    pub(crate) fn member(&self, act: &str, group: &str, name: &str) {
        self.modify(&format!(
            "dn: cn={group},ou=Groups,{BASE}\nchangetype: modify\n{act}: member\nmember: uid={name},ou=People,{BASE}\n"
        ));
    }

    /// Removes somebody.
    pub(crate) fn remove(&self, name: &str) {
        self.modify(&format!(
            "dn: uid={name},ou=People,{BASE}\nchangetype: delete\n"
        ));
    }

    fn modify(&self, ldif: &str) {
        let mut child = Command::new("ldapmodify")
            .args([
                "-x",
                "-H",
                &format!("ldaps://localhost:{}", self.tls_port),
                "-D",
                &format!("cn=admin,{BASE}"),
                "-w",
                ADMIN_PASSWORD,
            ])
            .env("LDAPTLS_CACERT", self.ca())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("ldap-utils is not installed; hint: sudo tests/testbed/install.sh");
        let mut input = child.stdin.take().unwrap();
        input.write_all(ldif.as_bytes()).unwrap();
        drop(input);
        assert!(
            child.wait().unwrap().success(),
            "ldapmodify refused:\n{ldif}"
        );
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca/ca.crt")
    }

    fn run(&self, verb: &str) {
        let output = self
            .script(verb)
            .output()
            .expect("start-slapd.sh needs bash");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "slapd {verb}: {told}; hint: sudo tests/testbed/install.sh"
        );
    }

    fn script(&self, verb: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testbed/start-slapd.sh");
        let mut command = Command::new(script);
        command
            .arg(verb)
            .env("DIR", self.folder.path())
            .env("PORT", self.port.to_string())
            .env("TLS_PORT", self.tls_port.to_string())
            .env("BULK", "0");
        command
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = self.script("wipe").output();
    }
}
