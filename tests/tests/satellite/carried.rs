//! The folder that an engineer carries to a segment, with the agent that was built for the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::machine::Machine;

/// Where the folder lies on the machine.
pub(crate) const CARRIED: &str = "/root/spokegate";

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn agent() -> PathBuf {
    spokegate_tests::binary(env!("CARGO_TARGET_TMPDIR"), "spokegate-agent")
}

/// The name by which Debian knows this machine's kind.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// Carries the scripts, the unit and the program to a machine.
pub(crate) fn carry(machine: &Machine) {
    let folder = inside(machine, CARRIED);
    std::fs::create_dir(&folder).unwrap();
    let program = format!("spokegate-agent-{}", architecture());
    std::fs::copy(agent(), folder.join(program)).unwrap();
    carry_scripts(&folder);
    sum(machine);
}

/// Carries the package in the place of the program.
pub(crate) fn carry_package(machine: &Machine) {
    let folder = inside(machine, CARRIED);
    std::fs::create_dir(&folder).unwrap();
    package(&folder, "0.1.0");
    carry_scripts(&folder);
    sum(machine);
}

/// Makes a package as it is shipped, of the agent that was built for the tests.
pub(crate) fn package(folder: &Path, version: &str) {
    let made = Command::new(deploy().join("deb/package.sh"))
        .arg(agent())
        .args([architecture(), version])
        .arg(folder)
        .env("SOURCE_DATE_EPOCH", "1800000000")
        .status();
    assert!(made.unwrap().success());
}

/// Writes the checksums anew.
pub(crate) fn sum(machine: &Machine) {
    machine.succeed(&format!("cd {CARRIED} && rm -f SHA256SUMS && sha256sum -- * > /root/sums && mv /root/sums SHA256SUMS"));
}

/// A path of the machine as we see it.
pub(crate) fn inside(machine: &Machine, path: &str) -> PathBuf {
    machine.root().join(path.trim_start_matches('/'))
}

fn carry_scripts(folder: &Path) {
    let files = [
        "install/install.sh",
        "install/setup.sh",
        "install/agent.toml",
        "systemd/spokegate-agent.service",
        "systemd/spokegate-agent.sysusers.conf",
    ];
    for file in files {
        let from = deploy().join(file);
        std::fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
    }
}
