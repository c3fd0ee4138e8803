//! What anybody on the machine may see of a process and of those that it starts: their arguments and environments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Looks again and again until it is asked what it saw.
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    seen: JoinHandle<BTreeMap<u32, Vec<u8>>>,
}

impl Watch {
    /// Begins with the process of this id.
    pub(crate) fn begin(of: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let seen = std::thread::spawn(move || {
            let mut seen = BTreeMap::new();
            while !ends.load(Ordering::SeqCst) {
                look(of, &mut seen);
                std::thread::sleep(Duration::from_millis(5));
            }
            seen
        });
        Self { over, seen }
    }

    /// Arguments and environments by process.
    pub(crate) fn end(self) -> BTreeMap<u32, Vec<u8>> {
        self.over.store(true, Ordering::SeqCst);
        self.seen.join().unwrap()
    }
}

fn look(of: u32, seen: &mut BTreeMap<u32, Vec<u8>>) {
    let entries = std::fs::read_dir("/proc").unwrap();
    let all: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let id = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((id, parent(id)?))
        })
        .collect();
    let mut family = vec![of];
    let mut next = 0;
    while let Some(id) = family.get(next).copied() {
        next += 1;
        family.extend(all.iter().filter(|(_, p)| *p == id).map(|(id, _)| *id));
    }
    for id in family {
        for file in ["cmdline", "environ"] {
            // A process that ended in between has neither.
            let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
            let all = seen.entry(id).or_default();
            let known = bytes.is_empty() || all.windows(bytes.len()).any(|part| part == bytes);
            if !known {
                all.extend(bytes);
                all.push(b'\n');
            }
        }
    }
}

fn parent(id: u32) -> Option<u32> {
    // The name in brackets may hold anything, so what follows the last bracket counts: state, parent.
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}
