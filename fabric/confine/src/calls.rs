//! The system calls that are left to a process.

mod refused;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;

/// System calls that are allowed as long as they make nothing executable.
pub const MAPPING_CALLS: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];
/// Position of the protection flags among the arguments of the mapping calls.
pub const PROTECTION_ARGUMENT: u8 = 2;
/// Bits of a socket's kind that say which it is; the others are flags.
pub const KIND_MASK: u64 = 0xf;

/// A filter, or a part of one, as it is made.
pub type Built<T> = Result<T, seccompiler::Error>;
/// Calls, each with the conditions of which one must hold; without any it always matches.
pub type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Leaves these calls, and memory that is not executable; whoever makes another one is ended.
///
/// # Errors
/// When the system takes no filter.
pub fn allow_only(calls: &[i64]) -> Result<(), String> {
    apply(allowing(calls))
}

/// Refuses every socket but local streams, and so whatever the others lead to. Programs that are started later inherit it.
///
/// # Errors
/// When the system takes no filter.
pub fn refuse_sockets_but_local_streams() -> Result<(), String> {
    apply_refusal(refused::sockets())
}

/// Refuses these calls. Programs that are started later inherit it.
///
/// # Errors
/// When the system takes no filter.
pub fn refuse(calls: &[i64]) -> Result<(), String> {
    apply_refusal(Ok(unconditional(calls)))
}

/// Refuses to start a further process, to leave the own group and session, and to live longer than the parent: who ends
/// this process has ended all of it. Threads are made as before. Programs that it becomes later inherit it.
///
/// # Errors
/// When the system takes no filter.
pub fn refuse_processes() -> Result<(), String> {
    apply_refusal(refused::processes())?;
    hide_clone3()
}

/// Has the library make threads by the older call, whose flags can be looked at. Programs that are started later inherit
/// it.
///
/// # Errors
/// When the system takes no filter.
pub fn hide_clone3() -> Result<(), String> {
    apply(filter(
        unconditional(&[libc::SYS_clone3]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
    ))
}

/// Refuses to change other processes: their limits, their turns on the CPU and the disk, where their memory lies; and to
/// have the system send them signals. The own ones may be changed, except through numbers. Programs that are started later
/// inherit it.
///
/// # Errors
/// When the system takes no filter.
pub fn refuse_changing_others() -> Result<(), String> {
    apply_refusal(refused::changing_others())
}

/// Answers a question whether something may be written, and nothing else, with no: a program that looks for a place then
/// takes the one that it is told. Programs that are started later inherit it.
///
/// # Errors
/// When the system takes no filter.
pub fn deny_asking_to_write() -> Result<(), String> {
    apply(asking_to_write())
}

/// Puts a filter above those that are in force.
///
/// # Errors
/// When it could not be made, or the system does not take it.
pub fn apply(program: Built<BpfProgram>) -> Result<(), String> {
    program
        .and_then(|program| seccompiler::apply_filter(&program))
        .map_err(|error| error.to_string())
}

/// Also ends a process that uses the second table of 64-bit calls.
fn apply_refusal(rules: Built<Rules>) -> Result<(), String> {
    close_other_table()?;
    apply(rules.and_then(|rules| filter(rules, SeccompAction::Allow, refusal())))
}

/// Ends a process that uses the second table of 64-bit calls: no rule knows its numbers. What uses the table of 32-bit
/// calls is ended by each other filter. Where there is no such table this does nothing.
///
/// # Errors
/// When the system takes no filter.
pub fn close_other_table() -> Result<(), String> {
    #[cfg(target_arch = "x86_64")]
    apply(Ok(other_table()))?;
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn other_table() -> BpfProgram {
    const OTHER_TABLE: u32 = 0x4000_0000;
    let step = |code: u32, jump_else: u8, value: u32| seccompiler::sock_filter {
        code: u16::try_from(code).expect("codes are of 16 bits"),
        jt: 0,
        jf: jump_else,
        k: value,
    };
    vec![
        // The number of the call stands first in what a filter sees.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 1, OTHER_TABLE),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            libc::SECCOMP_RET_KILL_PROCESS,
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

/// What matches a rule has the one end, all else the other.
///
/// # Errors
/// When there are no rules, or too many.
pub fn filter(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Built<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, otherwise, matched, arch)?.try_into()?)
}

/// The end of a call that is refused and may be done without.
#[must_use]
pub fn refusal() -> SeccompAction {
    SeccompAction::Errno(libc::EPERM.unsigned_abs())
}

/// These calls, whatever their arguments.
#[must_use]
pub fn unconditional(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// A rule on one argument of 32 bits.
///
/// # Errors
/// When no call has an argument of that number.
pub fn rule(argument: u8, operator: SeccompCmpOp, value: u64) -> Built<SeccompRule> {
    Ok(SeccompRule::new(vec![condition(
        argument, operator, value,
    )?])?)
}

/// A condition on an argument of 32 bits, for a rule of several.
///
/// # Errors
/// When no call has an argument of that number.
pub fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Built<SeccompCondition> {
    let length = SeccompCmpArgLen::Dword;
    Ok(SeccompCondition::new(argument, length, operator, value)?)
}

/// A constant of the system as rules compare it.
#[must_use]
pub fn number(constant: libc::c_int) -> u64 {
    u64::from(constant.unsigned_abs())
}

/// Every kind of socket but streams.
pub fn kinds_but_streams() -> impl Iterator<Item = u64> {
    let stream = number(libc::SOCK_STREAM);
    (0..=KIND_MASK).filter(move |kind| *kind != stream)
}

fn allowing(calls: &[i64]) -> Built<BpfProgram> {
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let mut rules = unconditional(calls);
    for call in MAPPING_CALLS {
        let operator = SeccompCmpOp::MaskedEq(executable);
        rules.insert(call, vec![rule(PROTECTION_ARGUMENT, operator, 0)?]);
    }
    filter(rules, SeccompAction::KillProcess, SeccompAction::Allow)
}

fn asking_to_write() -> Built<BpfProgram> {
    let mode = |argument: u8| {
        let exactly = u64::from(libc::W_OK.unsigned_abs());
        Ok::<_, seccompiler::Error>(vec![rule(argument, SeccompCmpOp::Eq, exactly)?])
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
        let refusals = [
            refused::sockets(),
            refused::processes(),
            refused::changing_others(),
        ];
        for rules in refusals {
            let rules = rules.unwrap();
            let calls = rules.len();
            assert!(
                filter(rules, SeccompAction::Allow, refusal())
                    .unwrap()
                    .len()
                    > calls
            );
        }
    }
}
