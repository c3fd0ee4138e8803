//! The system calls that are left to a process.

mod sockets;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;

/// System calls of a worker without conditions: memory, the two pipes, the timer, the end.
const WORKER_CALLS: [i64; 23] = [
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

/// Calls that ingest and egress never make: whoever makes one is not the program that was started.
const NEVER_CALLS: [i64; 37] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_acct,
];
/// Calls that a library may try and do without.
const REFUSED_CALLS: [i64; 9] = [
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_truncate,
    libc::SYS_memfd_create,
];
/// Position of the protection flags among the arguments of the mapping calls.
const PROTECTION_ARGUMENT: u8 = 2;

type Result<T> = std::result::Result<T, seccompiler::Error>;

/// Which way a process may open connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Only out, to where names say.
    Out,
    /// Only in.
    In,
    /// Not at all.
    None,
}

/// Leaves a worker its short list.
pub(super) fn confine_worker() -> std::result::Result<(), String> {
    apply(worker_filter())
}

/// Takes from another process what it never needs.
pub(super) fn confine_stage(direction: Direction) -> std::result::Result<(), String> {
    #[cfg(target_arch = "x86_64")]
    seccompiler::apply_filter(&other_table_filter()).map_err(|error| error.to_string())?;
    apply(never_filter())?;
    apply(refused_filter(direction))?;
    // The library then makes threads by the older call, whose flags can be looked at.
    apply(filter(
        [(libc::SYS_clone3, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
    ))
}

fn apply(program: Result<BpfProgram>) -> std::result::Result<(), String> {
    program
        .and_then(|program| seccompiler::apply_filter(&program))
        .map_err(|error| error.to_string())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn filter(rules: Rules, otherwise: SeccompAction, matched: SeccompAction) -> Result<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into()?;
    Ok(SeccompFilter::new(rules, otherwise, matched, arch)?.try_into()?)
}

fn unconditional(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, Vec::new())).collect()
}

/// A rule on one argument: these of its bits are exactly so.
fn bits(argument: u8, mask: u64, value: u64) -> Result<SeccompRule> {
    let operator = SeccompCmpOp::MaskedEq(mask);
    Ok(SeccompRule::new(vec![compared(
        argument, operator, value,
    )?])?)
}

/// A condition on an argument of 32 bits.
fn compared(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition> {
    Ok(SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        operator,
        value,
    )?)
}

/// Ends a process that uses the second table of 64-bit system calls: its numbers are in no list here. What uses the
/// table of 32-bit calls is ended by each other filter.
#[cfg(target_arch = "x86_64")]
fn other_table_filter() -> BpfProgram {
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

fn worker_filter() -> Result<BpfProgram> {
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let mut rules = unconditional(&WORKER_CALLS);
    for call in MAPPING_CALLS {
        rules.insert(call, vec![bits(PROTECTION_ARGUMENT, executable, 0)?]);
    }
    filter(rules, SeccompAction::KillProcess, SeccompAction::Allow)
}

fn never_filter() -> Result<BpfProgram> {
    let rules = unconditional(&NEVER_CALLS);
    filter(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

fn refused_filter(direction: Direction) -> Result<BpfProgram> {
    let mut rules = unconditional(&REFUSED_CALLS);
    #[cfg(target_arch = "x86_64")]
    rules.extend(unconditional(&[libc::SYS_fork, libc::SYS_vfork]));
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    for call in MAPPING_CALLS {
        rules.insert(
            call,
            vec![bits(PROTECTION_ARGUMENT, executable, executable)?],
        );
    }
    // Threads are made, processes are not.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(libc::SYS_clone, vec![bits(0, thread, 0)?]);
    rules.extend(sockets::refused(direction)?);
    let refusal = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    filter(rules, SeccompAction::Allow, refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_for_this_machine() {
        assert!(worker_filter().unwrap().len() > WORKER_CALLS.len());
        assert!(never_filter().unwrap().len() > NEVER_CALLS.len());
        for direction in [Direction::Out, Direction::In, Direction::None] {
            assert!(refused_filter(direction).unwrap().len() > REFUSED_CALLS.len());
        }
    }
}
