//! What the process that fills a template gives up before it reads its first byte.

use spokegate_confine::reach::{self, Reach};
use spokegate_confine::{Missing, Reached, SECCOMP, calls, sys};

use super::worker::Arguments;

/// Time on the clock for one second of CPU time at most.
const MS_PER_S: u64 = 1_000;
/// What is left: its three files, memory, the clock, randomness for hash tables, the end.
const CALLS: [i64; 23] = [
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
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
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// What to do where a layer is missing.
const HINT: &str =
    "render.sandbox = \"best-effort\" starts without the layers that this host does not offer";

/// Closes every descriptor but standard input, output and error: the first step, before others are opened.
///
/// # Errors
/// Where confinement is required and the system refuses.
pub(super) fn begin(arguments: &Arguments) -> Result<Reached, Missing> {
    let mut reached = Reached::new(arguments.sandbox, HINT);
    reached.must("descriptors", sys::close_from(3))?;
    Ok(reached)
}

/// Closes the rest for good.
///
/// # Errors
/// Where confinement is required, the first layer that is missing.
pub(super) fn enter(arguments: &Arguments, mut reached: Reached) -> Result<(), Missing> {
    // A new user namespace has all capabilities in itself, so it comes before they are given up.
    reached.may("namespaces", sys::unshare_namespaces());
    reached.give_up_rights()?;
    reached.must("file-size", sys::limit_file_size(arguments.document_bytes))?;
    reached.must("no-processes", sys::forbid_new_processes())?;
    reached.must("memory", sys::limit_memory(arguments.memory_bytes))?;
    sys::arm_cpu_timer(arguments.seconds.saturating_mul(MS_PER_S));
    let closed = reach::close(&Reach::default());
    reached.must("landlock", closed.files)?;
    reached.may("landlock-network", closed.network);
    reached.may("landlock-scope", closed.scope);
    reached.must("no-files", sys::forbid_new_descriptors())?;
    reached.must(SECCOMP, calls::allow_only(&CALLS))
}
