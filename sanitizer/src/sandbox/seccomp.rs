//! The system calls that are left to a process.

mod sockets;

use seccompiler::{BpfProgram, SeccompAction, SeccompCmpOp};
use spokegate_confine::calls::{
    self, Built, MAPPING_CALLS, PROTECTION_ARGUMENT, filter, number, refusal, rule, unconditional,
};

/// System calls of a worker: memory, the two pipes, the timer, the end.
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
pub(super) fn confine_worker() -> Result<(), String> {
    calls::allow_only(&WORKER_CALLS)
}

/// Takes from another process what it never needs.
pub(super) fn confine_stage(direction: Direction) -> Result<(), String> {
    calls::close_other_table()?;
    calls::apply(never_filter())?;
    calls::apply(refused_filter(direction))?;
    calls::hide_clone3()
}

fn never_filter() -> Built<BpfProgram> {
    let rules = unconditional(&NEVER_CALLS);
    filter(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

fn refused_filter(direction: Direction) -> Built<BpfProgram> {
    let mut rules = unconditional(&REFUSED_CALLS);
    #[cfg(target_arch = "x86_64")]
    rules.extend(unconditional(&[libc::SYS_fork, libc::SYS_vfork]));
    let executable = number(libc::PROT_EXEC);
    let operator = SeccompCmpOp::MaskedEq(executable);
    for call in MAPPING_CALLS {
        let made_so = rule(PROTECTION_ARGUMENT, operator.clone(), executable)?;
        rules.insert(call, vec![made_so]);
    }
    // Threads are made, processes are not.
    let thread = SeccompCmpOp::MaskedEq(number(libc::CLONE_THREAD));
    rules.insert(libc::SYS_clone, vec![rule(0, thread, 0)?]);
    rules.extend(sockets::refused(direction)?);
    filter(rules, SeccompAction::Allow, refusal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_compile_for_this_machine() {
        assert!(never_filter().unwrap().len() > NEVER_CALLS.len());
        for direction in [Direction::Out, Direction::In, Direction::None] {
            assert!(refused_filter(direction).unwrap().len() > REFUSED_CALLS.len());
        }
    }
}
