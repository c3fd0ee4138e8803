//! Where pushes wait: room, right to write, and how full it is.

use std::io::Write as _;
use std::path::Path;

use super::finding::{Finding, Report};
use crate::config::Config;
use crate::status_verb::AgentStatus;

const CHECK: &str = "disk";
/// Less than this is no room: the spool's last file and what else runs here need some.
const FREE_BYTES_MIN: u64 = 16 << 20;
/// What is written to see that it can be.
const TRIAL_BYTES: usize = 65_536;
/// In hundredths: a spool that is this full will refuse pushes soon.
const FILL_WARNING: u64 = 80;

pub(super) fn look(config: &Config, running: Option<&AgentStatus>, report: &mut Report) {
    let spool = &config.spool;
    let folder = spool.path.parent().unwrap_or_else(|| Path::new("."));
    let held = running
        .and_then(|status| status.spool.as_ref())
        .map(|spool| spool.bytes);
    let free = match free_bytes(folder) {
        Ok(free) => free,
        Err(error) => {
            return report.add(
                Finding::fault(CHECK, format!("{} cannot be looked at: {error}", folder.display()))
                    .next("make the folder of spool.path, owned by the agent's user, mode 0700; or run doctor as root"),
            );
        }
    };
    report.add(match try_write(folder) {
        Err(error) => Finding::fault(
            CHECK,
            format!("nothing can be written to {}: {error}", folder.display()),
        )
        .next("make room, or give the folder to the agent's user (spool.path)"),
        Ok(()) => room(
            folder,
            free,
            spool.bytes_max.saturating_sub(held.unwrap_or(0)),
        ),
    });
    report.add(match held {
        Some(held) => fill(held, spool.bytes_max),
        None => Finding::skipped(
            "spool",
            "how much waits in it only the running agent can say",
        ),
    });
}

fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let room = rustix::fs::statvfs(folder)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

fn try_write(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(".doctor");
    let tried = std::fs::File::create(&path).and_then(|mut file| {
        file.write_all(&[0; TRIAL_BYTES])?;
        file.sync_all()
    });
    let removed = std::fs::remove_file(&path);
    tried.and(removed)
}

fn room(folder: &Path, free: u64, wanted: u64) -> Finding {
    let what = format!("{} has {} MB free", folder.display(), free >> 20);
    match () {
        () if free < FREE_BYTES_MIN => Finding::fault(CHECK, what)
            .next("make room: pushes are refused with status 507 when the disk is full"),
        () if free < wanted => Finding::warning(
            CHECK,
            format!("{what}, and the spool may take {} MB more", wanted >> 20),
        )
        .next("make room, or lower spool.bytes_max"),
        () => Finding::ok(CHECK, what),
    }
}

fn fill(held: u64, bytes_max: u64) -> Finding {
    let hundredths = held.saturating_mul(100) / bytes_max.max(1);
    let what = format!("holds {held} of {bytes_max} bytes ({hundredths} %)");
    match hundredths {
        100.. => Finding::fault("spool", what)
            .next("pushes are refused: is the link up, and does the centre take them?"),
        FILL_WARNING.. => {
            Finding::warning("spool", what).next("is the link up, and does the centre take them?")
        }
        _ => Finding::ok("spool", what),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn room_and_fill_are_judged() {
        let room = |free, wanted| room(Path::new("/x"), free, wanted).verdict;
        assert_eq!(room(1 << 30, 1 << 20), Verdict::Ok);
        assert_eq!(room(100 << 20, 200 << 20), Verdict::Warning);
        assert_eq!(room(1 << 20, 0), Verdict::Fault);
        assert_eq!(fill(10, 100).verdict, Verdict::Ok);
        assert_eq!(fill(80, 100).verdict, Verdict::Warning);
        assert_eq!(fill(100, 100).verdict, Verdict::Fault);
    }

    #[test]
    fn a_trial_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        try_write(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(try_write(&folder.path().join("missing")).is_err());
    }
}
