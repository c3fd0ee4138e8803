use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rcgen::{CertificateParams, KeyPair};
use spokegate_identity::client_config;
use tempfile::TempDir;

use super::*;

const STEPS: [Step; 7] = [
    Step::Written,
    Step::Proven,
    Step::Committed,
    Step::Key,
    Step::Certificate,
    Step::Roots,
    Step::Done,
];
const FOLDER: &str = "SPOKEGATE_TEST_FOLDER";
const STOP: &str = "SPOKEGATE_TEST_STOP";

/// At every step a process of its own, which runs this same test, is killed with SIGKILL; what it leaves is a pair.
#[test]
fn kill_9_at_any_step_leaves_a_usable_pair() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return replace_and_die(Path::new(&folder));
    }
    for (number, step) in STEPS.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let (store, old, new) = (store(&folder), material(), material());
        store.replace(&old).unwrap();
        let json = serde_json::to_vec(&new).unwrap();
        std::fs::write(folder.path().join("new.json"), json).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "credentials::store::tests::kill_9_at_any_step_leaves_a_usable_pair",
            ])
            .env(FOLDER, folder.path())
            .env(STOP, number.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(child.signal(), Some(9), "{step:?}");

        let recovered = store.recover().unwrap();
        let committed = !matches!(step, Step::Written | Step::Proven);
        assert_eq!(recovered, committed && step != Step::Done, "{step:?}");
        is_in_force(&store, if committed { &new } else { &old });
        assert!(!store.recover().unwrap(), "{step:?}: nothing is left to do");
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                "ca.pem",
                "certificate.pem",
                "certificate.pem.lock",
                "key.pem",
                "new.json"
            ],
            "{step:?}"
        );
        // And whoever comes next can replace it again.
        store.replace(&old).unwrap();
        is_in_force(&store, &old);
    }
}

/// What the killed process does: begins to replace, and kills itself at a step.
fn replace_and_die(folder: &Path) {
    let stop: usize = std::env::var(STOP).unwrap().parse().unwrap();
    let new = std::fs::read(folder.join("new.json")).unwrap();
    let store = Store::new(TlsFiles::in_directory(folder));
    let _never = store.replace_by_steps(&serde_json::from_slice(&new).unwrap(), |step| {
        if step == STEPS[stop] {
            let pid = std::process::id().to_string();
            Command::new("kill").args(["-9", &pid]).status().unwrap();
            loop {
                std::thread::park();
            }
        }
    });
}

#[test]
fn a_pair_that_does_not_fit_never_gets_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let (store, old) = (store(&folder), material());
    store.replace(&old).unwrap();
    let check = |change: &dyn Fn(&mut Material), expected: &str| {
        let mut new = material();
        change(&mut new);
        let error = store.replace(&new).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        is_in_force(&store, &old);
        assert!(!store.recover().unwrap());
    };
    check(
        &|new| new.key = material().key.clone(),
        "do not belong together",
    );
    check(&|new| new.key = String::new(), "do not belong together");
    check(
        &|new| new.certificate = new.key.clone(),
        "the new certificate",
    );
    check(&|new| new.roots = String::new(), "the new roots");
}

#[test]
fn a_journal_that_the_disk_lost_is_dropped_and_the_old_pair_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (store, old) = (store(&folder), material());
    store.replace(&old).unwrap();
    for text in [
        "",
        "{",
        "{\"key\":\"\",\"certificate\":\"\",\"roots\":\"\"}",
    ] {
        std::fs::write(folder.path().join("certificate.pem.next"), text).unwrap();
        assert!(!store.recover().unwrap());
        is_in_force(&store, &old);
        assert!(!folder.path().join("certificate.pem.next").exists());
    }
}

#[test]
fn one_process_at_a_time_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let held = store.lock_file().unwrap();
    let error = store.replace(&material()).unwrap_err().to_string();
    assert!(error.contains("written by another process"), "{error}");
    drop(held);
    store.replace(&material()).unwrap();
}

#[test]
fn secrets_are_the_owners_only_whatever_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let wide = folder.path().join("certificate.pem.next.new");
    std::fs::write(&wide, "left behind").unwrap();
    std::fs::set_permissions(&wide, std::fs::Permissions::from_mode(0o666)).unwrap();
    store
        .replace_by_steps(&material(), |step| {
            if step == Step::Committed {
                assert_eq!(mode(&store.journal()), 0o600);
            }
        })
        .unwrap();
    assert_eq!(mode(&store.files.key), 0o600);
    assert_eq!(mode(&store.files.certificate), 0o644);
    assert_eq!(mode(&store.files.ca), 0o644);
}

#[track_caller]
fn is_in_force(store: &Store, expected: &Material) {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert!(read(&store.files.key) == expected.key);
    assert_eq!(read(&store.files.certificate), expected.certificate);
    assert_eq!(read(&store.files.ca), expected.roots);
    store.read(client_config).unwrap();
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn store(folder: &TempDir) -> Store {
    Store::new(TlsFiles::in_directory(folder.path()))
}

fn material() -> Material {
    let pair = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&pair).unwrap();
    Material {
        key: pair.serialize_pem(),
        certificate: certificate.pem(),
        roots: certificate.pem(),
    }
}
