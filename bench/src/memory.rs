//! Resident memory, as the kernel counts it.

use std::fs;

/// Forgets the highest resident memory of a process so far.
pub fn reset_peak(process: u32) {
    // Needs the same user; without it the peak of the whole life is read, which is larger.
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

/// Highest resident memory of a process since the last reset, in MiB.
pub fn peak_mib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    kib(&status, "VmHWM:") / 1_024.0
}

/// A process and everything below it.
pub fn family(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
            .unwrap_or_default();
        found.extend(
            children
                .split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
        next += 1;
    }
    found
}

/// Resident memory of a process now, in KiB.
pub fn resident_kib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    kib(&status, "VmRSS:")
}

/// Processor time that a process has used, in milliseconds.
pub fn cpu_ms(process: u32) -> f64 {
    /// Of `/proc`, on every architecture that we build for.
    const TICKS_PER_S: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let ticks: f64 = stat
        .rsplit(')')
        .next()
        .into_iter()
        .flat_map(|fields| fields.split_whitespace().skip(11).take(2))
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    ticks * 1_000.0 / TICKS_PER_S
}

/// How many files a process has open.
pub fn open_files(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

fn kib(status: &str, key: &str) -> f64 {
    let number = status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok());
    number.unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_memory_time_and_files() {
        let own = std::process::id();
        assert!(resident_kib(own) > 1_000.0);
        assert!(peak_mib(own) * 1_024.0 >= resident_kib(own) * 0.5);
        assert!(open_files(own) >= 3);
        assert!(cpu_ms(own) >= 0.0);
        assert!(resident_kib(0).is_nan());
    }
}
