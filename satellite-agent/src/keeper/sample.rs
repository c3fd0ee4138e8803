//! CPU time and memory of a group of processes, from `/proc`.

use std::path::Path;

/// Ticks of `/proc/*/stat` in a second: USER_HZ, 100 on every machine that Linux runs on today (proc(5)).
const TICKS_PER_S: u64 = 100;

/// What a group of processes has used and uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) cpu_ms: u64,
    pub(super) memory_bytes: u64,
}

impl Sample {
    /// Of all processes of a group that live now.
    pub(super) fn of_group(group: u32) -> Self {
        let mut sum = Self::default();
        for process in processes(Path::new("/proc")) {
            let folder = Path::new("/proc").join(process.to_string());
            // One that has ended meanwhile counts for nothing.
            let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
            let Some((_, cpu_ms)) = cpu(&stat).filter(|(of, _)| *of == group) else {
                continue;
            };
            let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
            sum.cpu_ms += cpu_ms;
            sum.memory_bytes += resident_bytes(&status).unwrap_or(0);
        }
        sum
    }

    /// Percent of one CPU since an earlier sample.
    pub(super) fn cpu_percent_since(&self, earlier: &Self, elapsed_ms: u64) -> u32 {
        let used_ms = self.cpu_ms.saturating_sub(earlier.cpu_ms);
        u32::try_from(used_ms.saturating_mul(100) / elapsed_ms.max(1)).unwrap_or(u32::MAX)
    }
}

/// The processes of this machine, or of what of it can be seen.
pub(super) fn processes(proc: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Group and CPU time in milliseconds, from `/proc/<pid>/stat` (proc(5)). The name in it may hold anything, brackets among it.
fn cpu(stat: &str) -> Option<(u32, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // Fields 5, 14 and 15 of the line; the first one here is its third.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)?.checked_add(number(15)?)?;
    Some((u32::try_from(number(5)?).ok()?, ticks * 1_000 / TICKS_PER_S))
}

/// `VmRSS: 123 kB` of `/proc/<pid>/status`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_proc_are_read() {
        let stat = "42 (no) de)) S 1 40 40 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 9 9 9";
        assert_eq!(cpu(stat), Some((40, 2_000)));
        assert_eq!(cpu("42 (node"), None);
        assert_eq!(cpu("42 (node) S 1"), None);
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t  2 kB\n"), Some(2_048));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn percent_is_of_one_cpu() {
        let at = |cpu_ms| Sample {
            cpu_ms,
            memory_bytes: 0,
        };
        for (from, to, elapsed_ms, percent) in [
            (0, 500, 1_000, 50),
            (0, 2_000, 1_000, 200),
            (9, 0, 1_000, 0),
            (5, 5, 0, 0),
        ] {
            assert_eq!(at(to).cpu_percent_since(&at(from), elapsed_ms), percent);
        }
    }

    #[test]
    fn this_process_uses_memory() {
        let group = rustix::process::getpgrp().as_raw_nonzero().get();
        let sample = Sample::of_group(u32::try_from(group).unwrap());
        assert!(sample.memory_bytes > 1 << 20, "{sample:?}");
    }
}
