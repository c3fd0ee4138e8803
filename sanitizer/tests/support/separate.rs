//! A sanitizer whose processes are users of their own, as an installation has it. Needs root.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

/// Numbers without an entry on the host will do.
pub const INGEST: u32 = 61_001;
pub const WORKER: u32 = 61_002;
pub const EGRESS: u32 = 61_003;
pub const SUPERVISOR: u32 = 61_004;

/// The settings that ask for it.
pub fn settings() -> String {
    must_be_root();
    format!(
        "users.separate=require users.ingest={INGEST} users.worker={WORKER} users.egress={EGRESS} users.supervisor={SUPERVISOR}"
    )
}

/// Fails where the test cannot show anything.
pub fn must_be_root() {
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    assert_eq!(
        own, 0,
        "this test starts processes as other users and reads their memory: run it as root"
    );
}

/// Gives each key to the one user that reads it, and the quarantine folder to the supervisor.
pub fn give_files(folder: &Path) {
    set_mode(folder, 0o711);
    for (file, user) in [
        ("sanitizer-fabric/key.pem", INGEST),
        ("sanitizer-inner/key.pem", EGRESS),
        ("seal.key", EGRESS),
        ("audit/key.pem", EGRESS),
    ] {
        let path = folder.join(file);
        if !path.exists() {
            continue;
        }
        chown(&path, Some(user), Some(user)).unwrap();
        set_mode(&path, 0o400);
    }
    let quarantine = folder.join("quarantine");
    std::fs::create_dir_all(&quarantine).unwrap();
    chown(&quarantine, Some(SUPERVISOR), Some(SUPERVISOR)).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
