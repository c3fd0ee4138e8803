//! Files, ports and the reach of signals, by landlock.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, NetPort, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use std::path::PathBuf;

/// What is left to a process; all else is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Files, and folders with what is in them, that it reads.
    pub read: Vec<PathBuf>,
    /// Folders with programs and libraries that it starts.
    pub run: Vec<PathBuf>,
    /// Folders in which it may do anything but start programs, and devices that it writes to.
    pub write: Vec<PathBuf>,
    /// TCP ports that it connects to.
    pub connect: Vec<u16>,
    /// TCP ports that it listens on.
    pub listen: Vec<u16>,
    /// Whether it may use any other TCP port too.
    pub any_port: bool,
}

/// Which of the three kinds of rule hold.
#[derive(Debug)]
pub struct Closed {
    /// From Linux 5.13 on.
    pub files: Result<(), String>,
    /// From Linux 6.7 on.
    pub network: Result<(), String>,
    /// Abstract sockets and signals of other processes; from Linux 6.12 on.
    pub scope: Result<(), String>,
}

/// Closes all but what is in reach.
#[must_use]
pub fn close(reach: &Reach) -> Closed {
    let abi = match restrict(reach) {
        Ok(abi) => abi,
        Err(reason) => {
            return Closed {
                files: Err(reason.clone()),
                network: Err(reason.clone()),
                scope: Err(reason),
            };
        }
    };
    let since = |least: ABI, what: &str| {
        if abi >= least {
            Ok(())
        } else {
            Err(format!("the kernel's landlock has no rules for {what}"))
        }
    };
    Closed {
        files: since(ABI::V1, "files"),
        network: since(ABI::V4, "the network (Linux 6.7 has)"),
        scope: since(ABI::V6, "signals and abstract sockets (Linux 6.12 has)"),
    }
}

fn restrict(reach: &Reach) -> Result<ABI, String> {
    let ports = |ports: &[u16], access: AccessNet| {
        let rules = ports.iter().map(move |port| NetPort::new(*port, access));
        rules
            .map(Ok::<_, landlock::RulesetError>)
            .collect::<Vec<_>>()
    };
    let readable = AccessFs::ReadFile | AccessFs::ReadDir;
    let runnable = readable | AccessFs::Execute;
    let writable = AccessFs::from_all(ABI::V5) & !AccessFs::Execute;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|rules| match reach.any_port {
            true => Ok(rules),
            false => rules.handle_access(AccessNet::from_all(ABI::V5)),
        })
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(|rules| rules.create())
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.read, readable)))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.run, runnable)))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.write, writable)))
        .and_then(|rules| rules.add_rules(ports(&reach.connect, AccessNet::ConnectTcp)))
        .and_then(|rules| rules.add_rules(ports(&reach.listen, AccessNet::BindTcp)))
        .and_then(|rules| rules.restrict_self())
        .map_err(|error| error.to_string())?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. }
            if status.ruleset != RulesetStatus::NotEnforced =>
        {
            Ok(effective_abi)
        }
        _ => Err("the kernel has no landlock, or it is not enabled (lsm= at boot)".to_owned()),
    }
}
