//! The processes of a sanitizer as the system sees them.

use std::process::Command;

/// Sends a signal to a process.
pub fn signal(name: &str, pid: u64) {
    assert!(
        Command::new("kill")
            .args([name, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// A file of a process under `/proc`.
pub fn proc_file(pid: u64, name: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap()
}

/// Processes of a verb below a supervisor.
pub fn children(supervisor: u32, verb: &str) -> Vec<u64> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u64>().ok())
        else {
            continue;
        };
        let read =
            |name: &str| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let parent = read("stat")
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if parent == Some(supervisor) && read("cmdline").split('\0').nth(1) == Some(verb) {
            found.push(pid);
        }
    }
    found
}

/// A line of `/proc/PID/status`.
pub fn status_of(pid: u64, key: &str) -> String {
    proc_file(pid, "status")
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .unwrap_or_else(|| panic!("no {key}"))
        .trim()
        .to_owned()
}

/// Stops every worker of a sanitizer with so many lanes, once each lane has one and a spare: the next message of a lane
/// stalls the one and then the other.
pub async fn stop_workers(supervisor: u32, lanes: usize) {
    let is_confined = |pid: &u64| status_of(*pid, "Seccomp") == "2";
    for _ in 0..200 {
        let workers = children(supervisor, "worker");
        let ready = workers.iter().filter(|pid| is_confined(pid)).count();
        // What is confined says so at once.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        if ready == 2 * lanes {
            workers.iter().for_each(|pid| signal("-STOP", *pid));
            return;
        }
    }
    panic!("not every lane has a worker and a spare");
}
