//! Real directories for one test: started by the scripts in `tests/testbed`, removed when the test ends.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The kinds of directory that people sign in against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    OpenLdap,
    ActiveDirectory,
}

/// A running directory.
pub(crate) struct Testbed {
    script: PathBuf,
    environment: Vec<(String, String)>,
    values: HashMap<String, String>,
    _folder: tempfile::TempDir,
}

impl Testbed {
    /// OpenLDAP, or `None` with a loud reason where it is not installed.
    pub(crate) fn openldap() -> Option<Self> {
        Self::has_openldap().then(|| Self::start("start-slapd.sh", vec![]))
    }

    /// OpenLDAP with other passwords than its usual ones: that of everybody, and that of the service account.
    pub(crate) fn openldap_with(everybody: &str, service: &str) -> Option<Self> {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let passwords = vec![set("USER_PW", everybody), set("SVC_PW", service)];
        Self::has_openldap().then(|| Self::start("start-slapd.sh", passwords))
    }

    /// One of either kind with so many people `c00001`, `c00002`, … who may use the forms.
    pub(crate) fn with_crowd(kind: Kind, crowd: usize) -> Option<Self> {
        let size = ("CROWD".to_owned(), crowd.to_string());
        let small = ("BULK".to_owned(), "0".to_owned());
        match kind {
            Kind::OpenLdap => {
                Self::has_openldap().then(|| Self::start("start-slapd.sh", vec![size, small]))
            }
            Kind::ActiveDirectory => Self::has_active_directory().then(|| {
                let port = ("GC_PORT".to_owned(), free_port());
                Self::start("start-samba-ad.sh", vec![size, small, port])
            }),
        }
    }

    /// The OpenLDAP of all tests that run at this moment and change nothing in it; it goes with the last of them.
    pub(crate) fn shared_openldap() -> Option<Arc<Self>> {
        static KEPT: Mutex<Weak<Testbed>> = Mutex::new(Weak::new());
        Self::shared(&KEPT, Self::openldap)
    }

    /// The same of Samba AD.
    pub(crate) fn shared_active_directory() -> Option<Arc<Self>> {
        static KEPT: Mutex<Weak<Testbed>> = Mutex::new(Weak::new());
        Self::shared(&KEPT, Self::active_directory)
    }

    fn shared(kept: &Mutex<Weak<Self>>, start: impl FnOnce() -> Option<Self>) -> Option<Arc<Self>> {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(testbed) = kept.upgrade() {
            return Some(testbed);
        }
        let testbed = Arc::new(start()?);
        *kept = Arc::downgrade(&testbed);
        Some(testbed)
    }

    /// Samba AD, or `None` with a loud reason where it cannot run.
    pub(crate) fn active_directory() -> Option<Self> {
        let port = || ("GC_PORT".to_owned(), free_port());
        Self::has_active_directory().then(|| Self::start("start-samba-ad.sh", vec![port()]))
    }

    /// A value of the script's `env` file, such as `LDAPS_URL`.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.values
            .get(name)
            .unwrap_or_else(|| panic!("the directory's env file has no {name}"))
    }

    /// Changes the directory as its administrator would; `ldif` is fed to ldapmodify.
    pub(crate) fn modify(&self, ldif: &str) {
        let mut child = Command::new("ldapmodify")
            .args([
                "-x",
                "-H",
                self.get("LDAPS_URL"),
                "-D",
                self.get("LDAP_ADMIN_DN"),
                "-w",
                self.get("LDAP_ADMIN_PW"),
            ])
            .env("LDAPTLS_CACERT", self.get("LDAP_CA"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(ldif.as_bytes())
            .unwrap();
        assert!(
            child.wait().unwrap().success(),
            "ldapmodify refused:\n{ldif}"
        );
    }

    /// Changes a person's password as the person would, whatever signs it has.
    pub(crate) fn change_password(&self, dn: &str, old: &str, new: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let ldif = format!(
            "dn: {dn}\nchangetype: modify\nreplace: userPassword\nuserPassword:< file://{}\n",
            file("new", new)
        );
        let status = Command::new("ldapmodify")
            .args(["-x", "-H", self.get("LDAPS_URL"), "-D", dn])
            .args(["-y", &file("old", old), "-f", &file("ldif", &ldif)])
            .env("LDAPTLS_CACERT", self.get("LDAP_CA"))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{dn}");
    }

    /// One attribute of one entry, as the administrator reads it.
    pub(crate) fn read(&self, dn: &str, attribute: &str) -> Option<String> {
        let output = Command::new("ldapsearch")
            .args([
                "-x",
                "-LLL",
                "-o",
                "ldif-wrap=no",
                "-H",
                self.get("LDAPS_URL"),
                "-D",
                self.get("LDAP_ADMIN_DN"),
            ])
            .args([
                "-w",
                self.get("LDAP_ADMIN_PW"),
                "-s",
                "base",
                "-b",
                dn,
                "(objectClass=*)",
                attribute,
            ])
            .env("LDAPTLS_CACERT", self.get("LDAP_CA"))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .find_map(|line| line.strip_prefix(&format!("{attribute}: ")))
            .map(str::to_owned)
    }

    /// True when the directory binds that name with that password, asked past the service.
    pub(crate) fn binds(&self, dn: &str, password: &str) -> bool {
        Command::new("ldapsearch")
            .args(["-x", "-LLL", "-H", self.get("LDAPS_URL"), "-D", dn])
            .args(["-w", password, "-s", "base", "-b", "", "1.1"])
            .env("LDAPTLS_CACERT", self.get("LDAP_CA"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }

    /// Stops the directory; its data stays.
    pub(crate) fn stop(&self) {
        self.run("stop");
    }

    /// Starts it again after [`Self::stop`].
    pub(crate) fn start_again(&self) {
        self.run("start");
    }

    fn has_openldap() -> bool {
        (Path::new("/usr/sbin/slapd").exists() && has("ldapadd"))
            || missing("slapd and ldap-utils are not installed, run tests/testbed/install.sh")
    }

    fn has_active_directory() -> bool {
        if !has("samba-tool") {
            return missing("samba-tool is not installed, run tests/testbed/install.sh");
        }
        let id = Command::new("id").arg("-u").output();
        id.is_ok_and(|id| id.stdout == b"0\n") || missing("Samba AD needs root")
    }

    fn start(script: &str, own: Vec<(String, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("testbed")
            .join(script);
        let mut environment = own;
        environment.push(("DIR".to_owned(), folder.path().to_str().unwrap().to_owned()));
        environment.push(("PORT".to_owned(), free_port()));
        environment.push(("TLS_PORT".to_owned(), free_port()));
        let mut testbed = Self {
            script,
            environment,
            values: HashMap::new(),
            _folder: folder,
        };
        testbed.run("start");
        let text = std::fs::read_to_string(testbed._folder.path().join("env")).unwrap();
        let unquoted = |value: &str| value.trim_matches('\'').to_owned();
        testbed.values = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), unquoted(value)))
            .collect();
        testbed
    }

    fn run(&self, verb: &str) {
        let output = Command::new(&self.script)
            .arg(verb)
            .envs(self.environment.clone())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{} {verb}: {told}",
            self.script.display()
        );
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        let _ = Command::new(&self.script)
            .arg("wipe")
            .envs(self.environment.clone())
            .output();
    }
}

/// False, loudly; in CI a failure.
fn missing(reason: &str) -> bool {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{reason}");
    eprintln!("SKIPPED: {reason}");
    false
}

fn has(program: &str) -> bool {
    let paths = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).exists())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> String {
    spokegate_tests::free_port().port().to_string()
}
