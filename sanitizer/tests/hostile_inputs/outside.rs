//! What the system says of a process.

use std::fs;

/// The number behind a name in `/proc/<pid>/status`, in KiB.
fn status_kib(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Memory that the process has now, in KiB.
pub(crate) fn resident_kib(pid: u32) -> u64 {
    status_kib(pid, "VmRSS:")
}

/// The most memory that the process had since the start or the last reset, in KiB.
pub(crate) fn peak_kib(pid: u32) -> u64 {
    status_kib(pid, "VmHWM:")
}

/// Lets the peak begin anew at what the process has now. Without the right to, the peak goes on from the start, which
/// only makes the figures worse.
pub(crate) fn reset_peak(pid: u32) {
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

/// CPU time that the process has used, in microseconds.
pub(crate) fn cpu_us(pid: u32) -> u64 {
    let schedule = fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap_or_default();
    let nanoseconds: u64 = schedule
        .split_whitespace()
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    nanoseconds / 1_000
}
