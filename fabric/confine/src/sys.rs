//! The system calls of the confinement that no safe interface covers.
#![expect(
    unsafe_code,
    reason = "limits, namespaces and timers of the own process have no safe interface in use here"
)]

use std::ffi::CStr;
use std::io;

fn check(result: libc::c_int) -> Result<(), String> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error().to_string())
    }
}

/// Closes every descriptor from this number on.
///
/// # Errors
/// The system's reason.
pub fn close_from(first: u8) -> Result<(), String> {
    let (first, last) = (libc::c_uint::from(first), libc::c_uint::MAX);
    // SAFETY: takes numbers. Whoever calls this uses no descriptor from the first one on any more.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error().to_string())
    }
}

/// Two heaps for all threads. By default glibc gives each thread one of its own and keeps what was freed in it: with
/// chunks of 100 KB passing from thread to thread that adds up to gigabytes.
#[cfg(target_env = "gnu")]
pub fn bound_heaps() {
    const HEAPS: libc::c_int = 2;
    // SAFETY: takes numbers and sets an option of the allocator.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS);
    }
}

/// Other allocators have one heap.
#[cfg(not(target_env = "gnu"))]
pub fn bound_heaps() {}

/// Own user, network, IPC, host name, mount and control-group namespaces.
///
/// # Errors
/// The system's reason.
pub fn unshare_namespaces() -> Result<(), String> {
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP;
    // SAFETY: takes flags and touches no memory.
    check(unsafe { libc::unshare(flags) })
}

/// No core dumps, and no debugger or memory reader of the same user.
///
/// # Errors
/// The system's reason.
pub fn forbid_dumps() -> Result<(), String> {
    limit(libc::RLIMIT_CORE, 0)?;
    let off: libc::c_ulong = 0;
    // SAFETY: takes numbers and touches no memory.
    check(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, off, off, off, off) })
}

/// Death with the parent, whatever ends it, and no end by the signal that has the parent read its files again.
///
/// # Errors
/// The system's reason.
pub fn stay_with_parent() -> Result<(), String> {
    let off: libc::c_ulong = 0;
    // SAFETY: takes numbers and touches no memory; the ignored signal has no handler that could be lost.
    unsafe {
        libc::signal(libc::SIGHUP, libc::SIG_IGN);
        check(libc::prctl(
            libc::PR_SET_PDEATHSIG,
            libc::SIGKILL,
            off,
            off,
            off,
        ))
    }
}

/// The resolver reads this variable when it first looks a name up. Before the first further thread, which could read the
/// environment meanwhile.
pub fn ask_names_over_tcp([name, value]: [&CStr; 2]) {
    const REPLACE: libc::c_int = 1;
    // SAFETY: both texts have an end and are copied; the caller has no further thread yet.
    unsafe {
        libc::setenv(name.as_ptr(), value.as_ptr(), REPLACE);
    }
}

/// Memory, files, processes: no file may grow.
///
/// # Errors
/// The system's reason.
pub fn limit_resources(memory_bytes_max: u64) -> Result<(), String> {
    limit_file_size(0)?;
    limit(libc::RLIMIT_NPROC, 0)?;
    limit_memory(memory_bytes_max)
}

/// No file may be written past this size; who does is ended.
///
/// # Errors
/// The system's reason.
pub fn limit_file_size(bytes_max: u64) -> Result<(), String> {
    limit(libc::RLIMIT_FSIZE, bytes_max)
}

/// No further process or thread, where the user is not root.
///
/// # Errors
/// The system's reason.
pub fn forbid_new_processes() -> Result<(), String> {
    limit(libc::RLIMIT_NPROC, 0)
}

/// So many processes and threads of this user; in an own user namespace only what runs in it counts.
///
/// # Errors
/// The system's reason.
pub fn limit_threads(threads_max: u64) -> Result<(), String> {
    limit(libc::RLIMIT_NPROC, threads_max)
}

/// CPU time of the whole process, in seconds; after that it is ended.
///
/// # Errors
/// The system's reason.
pub fn limit_cpu(seconds: u64) -> Result<(), String> {
    limit(libc::RLIMIT_CPU, seconds)
}

/// Memory on top of what the process maps already.
///
/// # Errors
/// The system's reason.
pub fn limit_memory(memory_bytes_max: u64) -> Result<(), String> {
    let mapped = mapped_bytes().ok_or("cannot read the own size")?;
    limit(libc::RLIMIT_AS, mapped.saturating_add(memory_bytes_max))
}

/// No descriptor can be opened any more. Comes after landlock, which needs one.
///
/// # Errors
/// The system's reason.
pub fn forbid_new_descriptors() -> Result<(), String> {
    limit(libc::RLIMIT_NOFILE, 0)
}

/// The kind of `RLIMIT_…`, which glibc has and musl has not.
#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

fn limit(resource: Resource, value: u64) -> Result<(), String> {
    let limits = libc::rlimit {
        rlim_cur: value,
        rlim_max: value,
    };
    // SAFETY: the pointer is to a live value that the call only reads.
    check(unsafe { libc::setrlimit(resource, &raw const limits) })
}

fn mapped_bytes() -> Option<u64> {
    // The first number is the mapped size in pages.
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').next()?.parse().ok()?;
    // SAFETY: takes a number and touches no memory.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    pages.checked_mul(page)
}

/// From now on the process may use this much CPU time before the system ends it.
pub fn arm_cpu_timer(cpu_ms: u64) {
    let seconds = libc::time_t::try_from(cpu_ms / 1000).unwrap_or(libc::time_t::MAX);
    let rest = libc::suseconds_t::try_from((cpu_ms % 1000).saturating_mul(1000)).unwrap_or(0);
    let never = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    let timer = libc::itimerval {
        it_interval: never,
        it_value: libc::timeval {
            tv_sec: seconds,
            tv_usec: rest,
        },
    };
    // SAFETY: the pointer is to a live value that the call only reads; the old value is not asked for.
    let result =
        unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, std::ptr::null_mut()) };
    debug_assert_eq!(result, 0, "a timer within range is always accepted");
}
