//! System calls that the program itself never makes.
#![expect(
    unsafe_code,
    reason = "hostile code would make these calls, so the self-test does"
)]

use super::Tried;
use std::io;

/// Descriptors past the two pipes that are looked at.
const DESCRIPTORS: std::ops::Range<libc::c_int> = 2..1024;
const PAGE: usize = 4096;

/// What the system said to a call.
pub(super) fn said(result: libc::c_long, done: &str) -> Tried {
    if result < 0 {
        Tried::Refused(io::Error::last_os_error().to_string())
    } else {
        Tried::Done(format!("{done}: {result}"))
    }
}

pub(super) fn memory_file() -> Tried {
    // SAFETY: the name is a text with an end, and lives on.
    said(
        unsafe { libc::memfd_create(c"x".as_ptr(), 0) }.into(),
        "opened",
    )
}

pub(super) fn exec() -> Tried {
    let arguments = [
        c"sh".as_ptr(),
        c"-c".as_ptr(),
        c"exit 42".as_ptr(),
        std::ptr::null(),
    ];
    let variables = [std::ptr::null()];
    // SAFETY: all texts have an end and live on; both lists end with a null.
    said(
        unsafe { libc::execve(c"/bin/sh".as_ptr(), arguments.as_ptr(), variables.as_ptr()) }.into(),
        "started",
    )
}

pub(super) fn fork() -> Tried {
    // SAFETY: the child does nothing but end.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::_exit(0);
        }
        said(child.into(), "a child")
    }
}

pub(super) fn signal(pid: i32, signal: libc::c_int) -> Tried {
    // SAFETY: takes numbers.
    said(unsafe { libc::kill(pid, signal) }.into(), "sent")
}

pub(super) fn handle(pid: i32) -> Tried {
    // SAFETY: takes numbers.
    said(
        unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) },
        "opened",
    )
}

pub(super) fn debug(pid: i32) -> Tried {
    let none = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: seizing takes a number and two nulls.
    said(
        unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, none, none) },
        "seized",
    )
}

pub(super) fn read_memory(pid: i32) -> Tried {
    let mut room = [0u8; 8];
    // The same program, loaded at another place: the address is not the point.
    let local = libc::iovec {
        iov_base: room.as_mut_ptr().cast(),
        iov_len: room.len(),
    };
    let remote = local;
    // SAFETY: both lists have one entry, and the local one is of live room.
    said(
        unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) }
            .try_into()
            .unwrap_or(-1),
        "read",
    )
}

fn map(protection: libc::c_int) -> *mut libc::c_void {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: new memory, wherever there is room.
    unsafe { libc::mmap(std::ptr::null_mut(), PAGE, protection, flags, -1, 0) }
}

pub(super) fn map_executable() -> Tried {
    let page = map(libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC);
    said(if page == libc::MAP_FAILED { -1 } else { 0 }, "mapped")
}

pub(super) fn make_executable() -> Tried {
    let page = map(libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: the page was mapped just now, and nothing else uses it.
    said(
        unsafe { libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_EXEC) }.into(),
        "made",
    )
}

pub(super) fn become_root() -> Tried {
    // A call that changes nothing is allowed to anybody and would show nothing.
    // SAFETY: takes numbers.
    unsafe {
        if libc::setresuid(0, 0, 0) < 0 {
            return said(-1, "");
        }
        said(libc::setgroups(0, std::ptr::null()).into(), "root")
    }
}

pub(super) fn raise_capabilities() -> Tried {
    let header = [0x2008_0522u32, 0];
    let halves = [u32::MAX; 6];
    // SAFETY: both are live values of the layout of this version of the call.
    let raised = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), halves.as_ptr()) };
    if raised == 0 {
        return Tried::Done("all raised".to_owned());
    }
    let halves = [1 << 7, 1 << 7, 0, 0, 0, 0];
    // SAFETY: as above.
    said(
        unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), halves.as_ptr()) },
        "one raised",
    )
}

pub(super) fn change_root() -> Tried {
    // SAFETY: the text has an end, and lives on.
    said(unsafe { libc::chroot(c"/".as_ptr()) }.into(), "changed")
}

pub(super) fn new_namespaces() -> Tried {
    // SAFETY: takes flags.
    said(
        unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) }.into(),
        "made",
    )
}

pub(super) fn io_uring() -> Tried {
    let mut parameters = [0u64; 32];
    // SAFETY: the parameters have more room than the call writes.
    said(
        unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) },
        "made",
    )
}

pub(super) fn keyring() -> Tried {
    const GET_ID: libc::c_int = 0;
    const SESSION: libc::c_int = -3;
    // SAFETY: takes numbers.
    said(
        unsafe { libc::syscall(libc::SYS_keyctl, GET_ID, SESSION, 1) },
        "found",
    )
}

pub(super) fn lift_limits() -> Tried {
    let limits = libc::rlimit {
        rlim_cur: 64,
        rlim_max: 64,
    };
    // SAFETY: the value is live and only read.
    said(
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limits) }.into(),
        "lifted",
    )
}

pub(super) fn lift_filter() -> Tried {
    // SAFETY: takes numbers.
    said(
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) }.into(),
        "lifted",
    )
}

/// Another table of system calls, which a filter that forgets it leaves open.
#[cfg(target_arch = "x86_64")]
pub(super) fn call_32_bit() -> Tried {
    const GETPID: u64 = 20;
    let mut result = GETPID;
    // SAFETY: the call takes nothing and gives a number.
    unsafe {
        std::arch::asm!("int 0x80", inout("rax") result, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    // Errors are small negative numbers of 32 bits.
    if i32::try_from(result & 0xffff_ffff).is_ok() {
        Tried::Done(format!("process {result}"))
    } else {
        Tried::Refused("the kernel has no such calls".to_owned())
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) fn call_x32() -> Tried {
    const GETPPID: libc::c_long = 0x4000_0000 | libc::SYS_getppid;
    // SAFETY: takes nothing.
    said(unsafe { libc::syscall(GETPPID) }, "process")
}

pub(super) fn inherited_descriptors() -> Tried {
    for descriptor in DESCRIPTORS {
        let mut byte = 0u8;
        // SAFETY: one byte of room, which is live; nothing in this process uses the descriptor.
        let (read, written) = unsafe {
            let room = (&raw mut byte).cast::<libc::c_void>();
            (
                libc::read(descriptor, room, 0),
                libc::write(descriptor, room, 0),
            )
        };
        if read >= 0 || written >= 0 {
            return Tried::Done(format!("descriptor {descriptor} is open"));
        }
    }
    Tried::Refused("none is open".to_owned())
}

pub(super) fn write_to_null() -> Tried {
    let nowhere = std::hint::black_box(std::ptr::null_mut::<u8>());
    // SAFETY: none; the process ends here, and that is looked at.
    unsafe { nowhere.write_volatile(1) };
    Tried::Done("written".to_owned())
}

/// A worker may set handlers, so that the timer of its CPU time is not the last word.
pub(super) fn ignore_timer() {
    // SAFETY: no handler is installed.
    unsafe {
        libc::signal(libc::SIGPROF, libc::SIG_IGN);
    }
}
