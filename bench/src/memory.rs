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
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| {
            rest.trim()
                .trim_end_matches("kB")
                .trim()
                .parse::<f64>()
                .ok()
        });
    kib.unwrap_or(f64::NAN) / 1_024.0
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
