//! The launcher: whatever is damaged, missing, killed or hostile, something that was released runs, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spokegate_identity::SigningKey;
use spokegate_identity::release::{Architecture, Release};
use tempfile::TempDir;

/// The packaged program, which here has no configuration.
const PACKAGED: i32 = 78;
const PATIENCE: Duration = Duration::from_secs(60);

/// A machine's slots; what a version does is a script.
struct Place {
    folder: TempDir,
    key: SigningKey,
}

fn signing_key() -> SigningKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    SigningKey::from_pkcs8(&pair.serialize_der()).unwrap()
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = signing_key();
        let line = format!("{}\n", key.public_key());
        std::fs::write(folder.path().join("release.keys"), line).unwrap();
        Self { folder, key }
    }

    fn program(&self, slot: &str) -> PathBuf {
        let program = self.folder.path().join("slots").join(slot);
        program.join("spokegate-agent")
    }

    /// A version that notes its start and then does something; as the note of the slots has it.
    fn version(&self, slot: &str, key: &SigningKey, then: &str) -> Value {
        let starts = self.folder.path().join("starts");
        let script = format!("#!/bin/sh\necho {slot} >> {}\n{then}\n", starts.display());
        let program = self.program(slot);
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, &script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let release = Release {
            version: "1.5.0".parse().unwrap(),
            architecture: Architecture::Amd64,
            digest: Sha256::digest(&script).into(),
            bytes: script.len() as u64,
        };
        let signed = release.sign(key).unwrap().to_json();
        json!({"slot": slot, "release": serde_json::from_str::<Value>(&signed).unwrap()})
    }

    fn good(&self, slot: &str, code: u8) -> Value {
        self.version(slot, &self.key, &format!("exit {code}"))
    }

    fn write_note(&self, note: &Value) {
        let packaged = std::fs::read(env!("CARGO_BIN_EXE_spokegate-agent")).unwrap();
        let digest = Sha256::digest(packaged);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut note = note.clone();
        note["packaged"] = digest.into();
        self.write(&note.to_string());
    }

    fn write(&self, note: &str) {
        std::fs::create_dir_all(self.folder.path().join("slots")).unwrap();
        std::fs::write(self.folder.path().join("slots/slots.json"), note).unwrap();
    }

    /// A version that is to be tried, beside one that runs.
    fn on_trial(&self, then: &str) {
        let trial = self.version("b", &self.key, then);
        let trial = json!({"occupied": trial, "command": "00".repeat(16), "starts": 0});
        self.write_note(&json!({"current": self.good("a", 7), "trial": trial}));
    }

    fn note(&self) -> Value {
        let note = std::fs::read(self.folder.path().join("slots/slots.json")).unwrap();
        serde_json::from_slice(&note).unwrap()
    }

    fn starts(&self) -> String {
        let starts = std::fs::read_to_string(self.folder.path().join("starts"));
        starts.unwrap_or_default().replace('\n', "")
    }

    fn start(&self, healthy_s: u64) -> Child {
        let folder = self.folder.path();
        Command::new(env!("CARGO_BIN_EXE_spokegate-agent"))
            .arg("launch")
            .arg("--slots")
            .arg(folder.join("slots"))
            .arg("--release-keys")
            .arg(folder.join("release.keys"))
            .args(["--healthy-s", &healthy_s.to_string()])
            .arg("--config")
            .arg(folder.join("none.toml"))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The exit code, which says what ran.
    #[track_caller]
    fn check(&self, expected: i32) {
        let status = self.start(2).wait().unwrap();
        assert_eq!(status.code(), Some(expected), "{}", self.starts());
    }

    fn until_started(&self, starts: &str) {
        let end = Instant::now() + PATIENCE;
        while self.starts() != starts {
            assert!(
                Instant::now() < end,
                "{} instead of {starts}",
                self.starts()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

#[test]
fn something_that_was_released_runs_whatever_is_damaged() {
    let place = Place::new();
    place.check(PACKAGED);
    assert!(place.note()["current"].is_null());
    place.write("{ damaged");
    place.check(PACKAGED);

    let (newest, before) = (place.good("a", 7), place.good("b", 8));
    let note = json!({"current": newest, "previous": before});
    place.write_note(&note);
    place.check(7);
    std::fs::remove_file(place.program("a")).unwrap();
    place.check(8);
    std::fs::write(place.program("a"), "#!/bin/sh\nexit 9\n").unwrap();
    place.check(8);
    std::fs::write(place.program("b"), "").unwrap();
    place.check(PACKAGED);
    // The note stays: what was damaged may be fetched again.
    assert_eq!(place.note()["current"], note["current"]);
}

#[test]
fn nothing_runs_that_no_release_key_signed() {
    let place = Place::new();
    // Who owns the agent's user writes slot and note as they like.
    let hostile = place.version("a", &signing_key(), "exit 9");
    place.write_note(&json!({"current": hostile}));
    place.check(PACKAGED);
    let trial = json!({"occupied": hostile, "command": "00".repeat(16), "starts": 0});
    place.write_note(&json!({"trial": trial}));
    place.check(PACKAGED);
    let note = place.note();
    assert!(note["trial"].is_null());
    let why = note["ended"]["detail"].as_str().unwrap();
    assert!(why.contains("not signed by a release key"), "{why}");
    assert_eq!(place.starts(), "");

    // Without the keys nobody has signed anything.
    place.write_note(&json!({"current": place.good("a", 7)}));
    place.check(7);
    for keys in ["", "rubbish\n"] {
        std::fs::write(place.folder.path().join("release.keys"), keys).unwrap();
        place.check(PACKAGED);
    }
    std::fs::remove_file(place.folder.path().join("release.keys")).unwrap();
    place.check(PACKAGED);
}

#[test]
fn another_package_begins_anew_with_itself() {
    let place = Place::new();
    let note = json!({"packaged": "00", "current": place.good("a", 7)});
    place.write(&note.to_string());
    place.check(PACKAGED);
    assert!(place.note()["current"].is_null());
}

#[test]
fn a_version_that_ends_is_started_three_times_and_taken_back() {
    let place = Place::new();
    place.on_trial("exit 78");
    place.check(7);
    assert_eq!(place.starts(), "bbba");
    let ended = &place.note()["ended"];
    assert_eq!(ended["healthy"], false);
    assert_eq!(
        ended["detail"],
        "1.5.0 was taken back: it ended 3 times before it was healthy, with exit status: 78"
    );
    place.check(7);
    assert_eq!(place.starts(), "bbbaa");
}

#[test]
fn a_version_that_is_never_heard_of_is_ended_and_taken_back() {
    let place = Place::new();
    let word = place.folder.path().join("slots/trial.txt");
    place.on_trial(&format!(
        "echo 'its link is down' > {}; exec sleep 600",
        word.display()
    ));
    place.check(7);
    assert_eq!(place.starts(), "ba");
    let detail = place.note()["ended"]["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.starts_with("1.5.0 was taken back: it was not healthy within 2 s; its link is down"),
        "{detail}"
    );
}

#[test]
fn a_loss_of_power_in_a_trial_is_counted_and_the_third_ends_it() {
    let place = Place::new();
    place.on_trial("exec sleep 600");
    for starts in ["b", "bb", "bbb"] {
        let mut child = place.start(600);
        place.until_started(starts);
        kill_process_group(pid(&child), Signal::KILL).unwrap();
        child.wait().unwrap();
    }
    assert_eq!(place.note()["trial"]["starts"], 3);
    place.check(7);
    assert_eq!(place.starts(), "bbba");
    let detail = place.note()["ended"]["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("it was started 3 times and never healthy"),
        "{detail}"
    );
}

#[test]
fn a_stop_is_handed_on_and_the_trial_goes_on_later() {
    let place = Place::new();
    place.on_trial("trap 'exit 5' TERM\nwhile :; do sleep 0.1; done");
    let mut child = place.start(600);
    place.until_started("b");
    // The shell needs a moment until it listens.
    std::thread::sleep(Duration::from_millis(500));
    kill_process(pid(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert_eq!(place.note()["trial"]["starts"], 1);
}

#[test]
fn a_version_that_says_it_is_healthy_stays() {
    let place = Place::new();
    // As the agent does it: the note is replaced.
    let note = place.folder.path().join("slots/slots.json");
    let next = place.folder.path().join("next.json");
    let (from, to) = (next.display(), note.display());
    place.on_trial(&format!(
        "sleep 0.5; [ ! -e {from} ] || mv {from} {to}; sleep 3; exit 6"
    ));
    let mut confirmed = place.note();
    let trial = confirmed["trial"].take();
    confirmed["previous"] = confirmed["current"].take();
    confirmed["current"] = trial["occupied"].clone();
    std::fs::write(&next, confirmed.to_string()).unwrap();
    // The two seconds are over when it ends, by itself.
    place.check(6);
    place.check(6);
    assert_eq!(place.starts(), "bb");
}
