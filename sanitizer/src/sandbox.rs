//! The worker's confinement, layer by layer. Every layer only takes away.

mod sys;

use crate::setup::{SandboxMode, WorkerSetup};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
    Scope,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;

pub(crate) use sys::{arm_cpu_timer, bound_heaps, stay_with_parent};

/// System calls without conditions: memory, the two pipes, the timer, the end.
const SYSTEM_CALLS: [i64; 23] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_setitimer,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];
/// System calls that are allowed as long as they make nothing executable.
const MAPPING_CALLS: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];

/// Position of the protection flags among the arguments of both mapping calls.
const PROTECTION_ARGUMENT: u8 = 2;

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
#[error("confinement layer {layer} is missing: {reason}")]
pub(crate) struct Missing {
    layer: &'static str,
    reason: String,
}

/// Closes the confinement for good and names the layers that hold.
///
/// Namespaces are added where the system lets an ordinary process make them; landlock and seccomp cover the same ground.
///
/// # Errors
/// Under [`SandboxMode::Require`], the first layer that is missing.
pub(crate) fn enter(setup: &WorkerSetup) -> Result<Vec<&'static str>, Missing> {
    let mut layers = vec!["environment"];
    if std::env::vars_os().next().is_some() {
        require(
            setup,
            &mut layers,
            "environment",
            Err("variables are set".to_owned()),
        )?;
    }
    require(
        setup,
        &mut layers,
        "descriptors",
        sys::close_all_but_stdio(),
    )?;
    if sys::unshare_namespaces().is_ok() {
        layers.push("namespaces");
    }
    require(
        setup,
        &mut layers,
        "no-new-privileges",
        sys::forbid_privileges(),
    )?;
    require(
        setup,
        &mut layers,
        "limits",
        sys::limit_resources(setup.memory_bytes_max),
    )?;
    require(setup, &mut layers, "landlock", close_files_and_network())?;
    require(
        setup,
        &mut layers,
        "no-files",
        sys::forbid_new_descriptors(),
    )?;
    require(setup, &mut layers, "seccomp", filter_system_calls())?;
    Ok(layers)
}

fn require(
    setup: &WorkerSetup,
    layers: &mut Vec<&'static str>,
    layer: &'static str,
    result: Result<(), String>,
) -> Result<(), Missing> {
    match result {
        Ok(()) => layers.push(layer),
        Err(reason) if setup.sandbox == SandboxMode::Require => {
            return Err(Missing { layer, reason });
        }
        Err(_) => layers.retain(|held| *held != layer),
    }
    Ok(())
}

fn close_files_and_network() -> Result<(), String> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V5)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(|rules| rules.create())
        .and_then(|rules| rules.restrict_self())
        .map_err(|error| error.to_string())?;
    // An older kernel lacks the network and scope rules; seccomp allows no socket in any case.
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err("the kernel has no landlock".to_owned());
    }
    Ok(())
}

fn filter_system_calls() -> Result<(), String> {
    let program = filter().map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

fn filter() -> Result<BpfProgram, seccompiler::Error> {
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let not_executable = || -> Result<SeccompRule, seccompiler::Error> {
        let condition = SeccompCondition::new(
            PROTECTION_ARGUMENT,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(executable),
            0,
        )?;
        Ok(SeccompRule::new(vec![condition])?)
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = SYSTEM_CALLS
        .iter()
        .map(|call| (*call, Vec::new()))
        .collect();
    for call in MAPPING_CALLS {
        rules.insert(call, vec![not_executable()?]);
    }
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::KillProcess,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_for_this_machine() {
        assert!(filter().unwrap().len() > SYSTEM_CALLS.len());
    }
}
