//! A full disk, with a real one: a file system of a megabyte. Mounting takes root.

use std::process::Command;

use super::tests::{Place, START_MS, all, message};
use super::*;

/// A file system of one megabyte, gone with this.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    pub(crate) fn at(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=1m,mode=700", "spool-test"])
            .arg(folder);
        assert!(mount.status().unwrap().success(), "mount needs root");
        Self(folder.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_clearly_loses_nothing_and_goes_on_by_itself() {
    let mut place = Place::new();
    let _disk = Mounted::at(&place.options.path);
    place.options.bytes_max = 1 << 30;
    let spool = place.open().await;
    let large = |n: u32| NewMessage {
        body: vec![9; 100_000].into(),
        ..message(n)
    };
    let mut kept = 0;
    let refused = loop {
        match spool.append(&large(kept + 1)).await {
            Ok(receipt) => {
                kept += 1;
                assert_eq!(receipt.sequence, u64::from(kept));
            }
            Err(refused) => break refused,
        }
        assert!(kept < 20, "the disk has a megabyte");
    };
    assert!(kept >= 8, "{kept}");
    let SpoolError::DiskFull {
        needed: 100_063,
        free,
        ..
    } = refused
    else {
        unreachable!("{refused:?}");
    };
    assert!(free < 100_063, "{free}");
    let path = place.options.path.display().to_string();
    assert!(
        refused
            .to_string()
            .starts_with(&format!("the disk of the spool {path} is full: "))
    );
    // What still finds room is kept; also of those that come together with one that finds none.
    let (small, larger) = (message(50), large(51));
    let (one, other) = tokio::join!(spool.append(&small), spool.append(&larger));
    one.unwrap();
    other.unwrap_err();
    // On a full disk nothing is damaged, all is read and acks take effect.
    assert_eq!(all(&spool).await.len(), kept as usize + 1);
    assert_eq!(
        spool.acknowledge(START_MS, 2).await.unwrap(),
        Acked::Through(2)
    );
    assert_eq!(all(&spool).await.len(), kept as usize - 1);
    // Somebody else's file fills the disk, and goes.
    let through = u64::from(kept) + 1;
    spool.acknowledge(START_MS, through).await.unwrap();
    let other = place.options.path.join("other");
    let disk = rustix::fs::statvfs(&place.options.path).unwrap();
    std::fs::write(&other, vec![0; (disk.f_bavail * disk.f_frsize) as usize]).unwrap();
    spool.append(&large(60)).await.unwrap_err();
    spool.append(&large(60)).await.unwrap_err();
    std::fs::remove_file(&other).unwrap();
    assert_eq!(
        spool.append(&large(61)).await.unwrap().sequence,
        through + 1
    );
    drop(spool);
    let spool = place.open().await;
    assert_eq!(spool.marks().await.unwrap().damaged, 0);
    assert_eq!(all(&spool).await[0].message, large(61));
}
