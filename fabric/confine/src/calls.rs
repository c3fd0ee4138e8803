//! The system calls that are left to a process.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;

/// System calls that are allowed as long as they make nothing executable.
const MAPPING_CALLS: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];
/// Position of the protection flags among the arguments of the mapping calls.
const PROTECTION_ARGUMENT: u8 = 2;

type Built<T> = Result<T, seccompiler::Error>;
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Leaves these calls, and memory that is not executable; whoever makes another one is ended.
///
/// # Errors
/// When the system takes no filter.
pub fn allow_only(calls: &[i64]) -> Result<(), String> {
    apply(allowing(calls))
}

/// Refuses sockets of every family but these, and so whatever they lead to. Programs that are started later inherit it.
///
/// # Errors
/// When the system takes no filter.
pub fn refuse_sockets_but(families: &[libc::c_int]) -> Result<(), String> {
    apply(refusing_sockets(families))
}

/// Refuses these calls. Programs that are started later inherit it.
///
/// # Errors
/// When the system takes no filter.
pub fn refuse(calls: &[i64]) -> Result<(), String> {
    apply(filter(
        unconditional(calls),
        SeccompAction::Allow,
        refusal(),
    ))
}

/// Answers a question whether something may be written, and nothing else, with no: a program that looks for a place then
/// takes the one that it is told. Programs that are started later inherit it.
///
/// # Errors
/// When the system takes no filter.
pub fn deny_asking_to_write() -> Result<(), String> {
    apply(asking_to_write())
}

fn apply(program: Built<BpfProgram>) -> Result<(), String> {
    program
        .and_then(|program| seccompiler::apply_filter(&program))
        .map_err(|error| error.to_string())
}

fn filter(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Built<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, otherwise, matched, arch)?.try_into()?)
}

fn refusal() -> SeccompAction {
    SeccompAction::Errno(libc::EPERM.unsigned_abs())
}

fn unconditional(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

fn allowing(calls: &[i64]) -> Built<BpfProgram> {
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let mut rules = unconditional(calls);
    for call in MAPPING_CALLS {
        let condition = SeccompCondition::new(
            PROTECTION_ARGUMENT,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(executable),
            0,
        )?;
        rules.insert(call, vec![SeccompRule::new(vec![condition])?]);
    }
    filter(rules, SeccompAction::KillProcess, SeccompAction::Allow)
}

fn refusing_sockets(families: &[libc::c_int]) -> Built<BpfProgram> {
    let foreign = families.iter().map(|family| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    });
    let foreign: Vec<_> = foreign.collect::<Result<_, _>>()?;
    let rules = if foreign.is_empty() {
        Vec::new()
    } else {
        vec![SeccompRule::new(foreign)?]
    };
    filter(
        [(libc::SYS_socket, rules)].into(),
        SeccompAction::Allow,
        refusal(),
    )
}

fn asking_to_write() -> Built<BpfProgram> {
    let mode = |argument: u8| {
        let exactly = u64::from(libc::W_OK.unsigned_abs());
        let condition =
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, exactly)?;
        Ok::<_, seccompiler::Error>(vec![SeccompRule::new(vec![condition])?])
    };
    let mut rules: Rules = [
        (libc::SYS_faccessat, mode(2)?),
        (libc::SYS_faccessat2, mode(2)?),
    ]
    .into();
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_access, mode(1)?);
    let no = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    filter(rules, SeccompAction::Allow, no)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_for_this_machine() {
        let calls = [libc::SYS_read, libc::SYS_exit_group];
        assert!(allowing(&calls).unwrap().len() > calls.len());
        assert!(asking_to_write().unwrap().len() > 4);
        for families in [&[][..], &[libc::AF_UNIX]] {
            assert!(refusing_sockets(families).unwrap().len() > 4);
        }
    }
}
