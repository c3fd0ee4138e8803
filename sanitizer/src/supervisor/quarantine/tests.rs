use super::*;
use crate::link::{Reason, WorkHead};
use bytes::Bytes;
use spokegate_daemon::ManualClock;
use spokegate_identity::sealed::OpeningKey;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const NOW_MS: u64 = 1_800_000_000_000;
const BLOCK: u64 = 4_096;

struct Bench {
    folder: tempfile::TempDir,
    key: OpeningKey,
    keeper: Keeper,
    hand: ManualClock,
    token: u64,
}

impl Bench {
    fn new() -> Bench {
        Bench::over(tempfile::tempdir().unwrap(), bounds(100, 50))
    }

    fn over(folder: tempfile::TempDir, bounds: Bounds) -> Bench {
        let key = OpeningKey::generate();
        let (clock, hand) = Clock::manual(NOW_MS);
        let keeper = Keeper {
            folder: Folder::open(&folder.path().join("kept"), bounds).unwrap(),
            recipient: key.recipient(),
            losses: Losses {
                clock,
                ledger: Arc::default(),
            },
            lost: 0,
            complained_ms: None,
        };
        Bench {
            folder,
            key,
            keeper,
            hand,
            token: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    fn refuse(&mut self, tenant: &str, payload: &'static [u8]) {
        self.token += 1;
        self.hand.advance(1);
        let (mut item, refusal) = refused(tenant, self.token, 0);
        item.work.at_ms = self.keeper.now_ms();
        item.payload = Bytes::from_static(payload);
        self.keeper.write(&item, &refusal);
    }

    /// What the audit has been told, by reason, of messages that are not kept.
    fn told_lost(&self) -> Vec<(String, u64)> {
        let mut ledger = self.keeper.losses.ledger.lock().unwrap();
        ledger.close(u64::MAX);
        let mut lost = std::collections::BTreeMap::new();
        for note in ledger.take().0 {
            assert_eq!(
                (note.action.as_str(), note.subject.as_str()),
                ("quarantine.lose", "acme/hq")
            );
            *lost.entry(note.reason).or_default() += note.count;
        }
        lost.into_iter().collect()
    }

    /// The folder as a restart would find it.
    fn again(&self) -> Folder {
        Folder::open(&self.path(), bounds(100, 50)).unwrap()
    }
}

/// A refused message of so many bytes.
pub(super) fn refused(tenant: &str, token: u64, size: usize) -> Refused {
    let work = WorkHead {
        token,
        tenant: tenant.parse().unwrap(),
        satellite: "hq".parse().unwrap(),
        at_ms: NOW_MS,
        channel: "reply".to_owned(),
        dataset: None,
        version: None,
        id: None,
        push: None,
        hello: None,
        condemned: None,
    };
    let item = Item {
        work,
        payload: vec![0; size].into(),
        suspect: false,
    };
    let refusal = RefusalHead {
        reason: Reason::Form,
        rule: "tag".into(),
        pointer: "/0/secret".into(),
        found: None,
    };
    (item, refusal)
}

fn bounds(blocks: u64, tenant_blocks: u64) -> Bounds {
    Bounds {
        bytes_max: blocks * BLOCK,
        tenant_bytes_max: tenant_blocks * BLOCK,
        age_ms_max: 3_600_000,
    }
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn one_sealed_file_for_each_message_for_its_owner_only() {
    let mut bench = Bench::new();
    bench.refuse("acme", b"customer data");
    let names = names(&bench.path());
    assert_eq!(names, ["1800000000001-0000000000000001.acme.hq.sealed"]);
    let path = bench.path().join(&names[0]);
    assert_eq!((mode(&bench.path()), mode(&path)), (0o700, 0o600));
    let file = fs::read(&path).unwrap();
    assert!(!file.windows(8).any(|part| part == b"customer"));
    let opened = quarantine::open(&bench.key, &file).unwrap();
    assert_eq!(opened.message.as_slice(), b"customer data");
    assert!(opened.plain_is_true);
    assert_eq!(
        (opened.whole.rule.as_str(), opened.whole.pointer.as_str()),
        ("tag", "/0/secret")
    );
}

#[test]
fn a_flood_of_one_customer_leaves_the_others_files() {
    let mut bench = Bench::over(tempfile::tempdir().unwrap(), bounds(10, 6));
    for _ in 0..3 {
        bench.refuse("globex", b"g");
    }
    for _ in 0..40 {
        bench.refuse("acme", b"a");
    }
    let of = |tenant: &str| {
        let names = names(&bench.path());
        let named = |name: &&String| name.contains(&format!(".{tenant}."));
        names.iter().filter(named).count()
    };
    assert_eq!((of("globex"), of("acme")), (3, 6));
    assert_eq!(bench.keeper.folder.bytes(), 9 * BLOCK);
}

#[test]
fn files_expire_and_what_a_person_took_away_no_longer_counts() {
    let mut bench = Bench::new();
    bench.refuse("acme", b"1");
    bench.refuse("acme", b"2");
    fs::remove_file(bench.path().join(&names(&bench.path())[0])).unwrap();
    bench.keeper.sweep();
    assert_eq!(bench.keeper.folder.bytes(), BLOCK);
    bench.hand.advance(3_600_000);
    bench.keeper.sweep();
    assert_eq!(names(&bench.path()).len(), 1);
    bench.hand.advance(1);
    bench.keeper.sweep();
    assert_eq!(names(&bench.path()).len(), 0);
}

#[test]
fn a_half_written_file_is_gone_after_the_restart_and_whole_ones_are_counted() {
    let mut bench = Bench::new();
    bench.refuse("acme", b"whole");
    let part = bench
        .path()
        .join(".1800000000002-0000000000000002.acme.hq.sealed.part");
    fs::write(&part, b"spokegate quarantine v1\n{\"half").unwrap();
    fs::write(bench.path().join(".probe.part"), b"").unwrap();
    let again = bench.again();
    assert_eq!(names(&bench.path()).len(), 1, "{:?}", names(&bench.path()));
    assert_eq!(again.bytes(), BLOCK);
}

#[test]
fn foreign_files_are_left_alone_and_count_for_nothing() {
    let mut bench = Bench::new();
    let path = bench.path();
    fs::write(path.join("a-note-of-the-operator"), vec![b'x'; 1_000_000]).unwrap();
    fs::write(path.join(".hidden.part"), "").unwrap();
    fs::write(path.join("1800000000000-000001-acme-hq.raw"), "old").unwrap();
    let ours = "1800000000000-0000000000000009.acme.hq.sealed";
    fs::create_dir(path.join(ours)).unwrap();
    std::os::unix::fs::symlink(
        "/etc/passwd",
        path.join("1700000000000-0000000000000008.acme.hq.sealed"),
    )
    .unwrap();
    let before = names(&path);
    bench.keeper.sweep();
    assert_eq!(bench.keeper.folder.bytes(), 0);
    bench.refuse("acme", b"one");
    bench.hand.advance(3_600_002);
    bench.keeper.sweep();
    assert_eq!(names(&path), before);
    assert!(fs::exists("/etc/passwd").unwrap());
}

#[test]
fn a_folder_that_was_removed_is_made_again() {
    let mut bench = Bench::new();
    bench.refuse("acme", b"1");
    fs::remove_dir_all(bench.path()).unwrap();
    bench.refuse("acme", b"2");
    assert_eq!(
        (names(&bench.path()).len(), mode(&bench.path())),
        (1, 0o700)
    );
    assert_eq!(bench.keeper.folder.bytes(), BLOCK);
    assert_eq!(bench.keeper.lost, 0);
}

/// A file system of its own below the folder `kept`.
struct Mount(PathBuf);

impl Mount {
    fn new(path: &Path, options: &str) -> Mount {
        fs::create_dir_all(path).unwrap();
        let mount = Mount(path.to_owned());
        mount.run("mount", &["-t", "tmpfs", "-o", options, "none"]);
        mount
    }

    fn again(&self, options: &str) {
        self.run("mount", &["-o", options]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let done = Command::new(program)
            .args(arguments)
            .arg(&self.0)
            .status()
            .unwrap();
        assert!(done.success(), "this test needs root: {program} failed");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.run("umount", &[]);
    }
}

#[test]
fn a_full_disk_loses_what_does_not_fit_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    let mount = Mount::new(&path, "size=64k");
    let mut bench = Bench::over(folder, bounds(1_000, 1_000));
    for _ in 0..40 {
        bench.refuse("acme", &[7; 3_000]);
    }
    let kept = names(&path);
    assert!((5..=16).contains(&kept.len()), "{kept:?}");
    assert!(bench.keeper.complained_ms.is_some());
    let lost = u64::try_from(40 - kept.len()).unwrap();
    assert_eq!(bench.told_lost(), [("disk-failed".to_owned(), lost)]);
    for name in &kept {
        let file = fs::read(path.join(name)).unwrap();
        let opened = quarantine::open(&bench.key, &file).unwrap();
        assert_eq!(opened.message.as_slice(), [7; 3_000], "{name}");
    }
    // It starts on a full disk too, and goes on once there is room.
    assert_eq!(bench.again().bytes(), kept.len() as u64 * BLOCK);
    fs::remove_file(path.join(&kept[0])).unwrap();
    bench.refuse("acme", b"fits");
    assert_eq!(names(&path).len(), kept.len());
    assert!(bench.keeper.complained_ms.is_none());
    drop(mount);
}

#[test]
fn an_unwritable_folder_refuses_the_start_and_is_survived_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    let mount = Mount::new(&path, "size=1m");
    let mut bench = Bench::over(folder, bounds(100, 100));
    bench.refuse("acme", b"1");
    mount.again("remount,ro");
    bench.refuse("acme", b"2");
    bench.refuse("acme", b"3");
    bench.keeper.sweep();
    assert_eq!(names(&path).len(), 1);
    assert!(bench.keeper.complained_ms.is_some());
    let error = Folder::open(&path, bounds(100, 50)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    mount.again("remount,rw");
    bench.refuse("acme", b"4");
    assert_eq!(names(&path).len(), 2);
    assert!(bench.keeper.complained_ms.is_none());
    drop(mount);
    // A file in the folder's place.
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "no folder").unwrap();
    assert!(Folder::open(&path, bounds(100, 50)).is_err());
}

#[tokio::test]
async fn what_the_disk_is_too_slow_for_is_audited_and_the_other_customers_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let key = OpeningKey::generate();
    let recipient_file = folder.path().join("quarantine.pub");
    fs::write(&recipient_file, key.recipient().to_string()).unwrap();
    let config = QuarantineConfig {
        directory: folder.path().join("kept"),
        recipient_file,
        bytes_max: 1 << 30,
        tenant_bytes_max: 1 << 30,
        age_h_max: 1,
    };
    let (context, ledger) = (Context::new(), Arc::default());
    let quarantine = Quarantine::open(&config, 2, &context, &ledger).unwrap();
    // One thread: nothing is written before this test waits.
    for token in 0..1_000 {
        let (item, refusal) = refused("acme", token, 1);
        quarantine.store(item, refusal);
    }
    let (item, refusal) = refused("globex", 1, 1);
    quarantine.store(item, refusal);
    context.tasks.shutdown(Duration::from_secs(60)).await;
    let of = |tenant: &str| {
        let named = |name: &String| name.contains(&format!(".{tenant}."));
        let names = names(&config.directory).into_iter();
        names.filter(named).count()
    };
    assert_eq!((of("acme"), of("globex")), (256, 1));
    let mut ledger = ledger.lock().unwrap();
    ledger.close(u64::MAX);
    let told = |note: crate::link::Note| (note.action, note.reason, note.subject, note.count);
    let lost: Vec<_> = ledger.take().0.into_iter().map(told).collect();
    let said = |count| {
        let text = ["quarantine.lose", "disk-behind", "acme/hq"].map(str::to_owned);
        let [action, reason, subject] = text;
        (action, reason, subject, count)
    };
    assert_eq!(lost, [said(1), said(743)]);
}
