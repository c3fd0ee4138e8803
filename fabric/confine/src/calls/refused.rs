//! Which calls are refused by what they are asked to do.

use seccompiler::SeccompCmpOp;

use super::{Built, KIND_MASK, Rules, kinds_but_streams, number, rule, unconditional};

/// Requests of `ioctl` that name who gets a signal.
const OWNER_REQUESTS: [u64; 2] = [0x8901, 0x8902];
/// A request of `fcntl` for the same that the library does not name.
const F_SETOWN_EX: libc::c_int = 15;
/// `IOPRIO_WHO_PROCESS`
const DISK_TURNS_OF_PROCESS: u64 = 1;

/// All sockets but local streams: a datagram may be sent to anybody.
pub(super) fn sockets() -> Built<Rules> {
    let mut rules = vec![rule(0, SeccompCmpOp::Ne, number(libc::AF_UNIX))?];
    for kind in kinds_but_streams() {
        rules.push(rule(1, SeccompCmpOp::MaskedEq(KIND_MASK), kind)?);
    }
    Ok([(libc::SYS_socket, rules)].into())
}

/// Processes that are no threads, and what lets one outlive the others.
pub(super) fn processes() -> Built<Rules> {
    let mut rules = unconditional(&[libc::SYS_setsid, libc::SYS_setpgid]);
    #[cfg(target_arch = "x86_64")]
    rules.extend(unconditional(&[libc::SYS_fork, libc::SYS_vfork]));
    let thread = number(libc::CLONE_THREAD);
    let no_thread = rule(0, SeccompCmpOp::MaskedEq(thread), 0)?;
    rules.insert(libc::SYS_clone, vec![no_thread]);
    let death = rule(0, SeccompCmpOp::Eq, number(libc::PR_SET_PDEATHSIG))?;
    rules.insert(libc::SYS_prctl, vec![death]);
    Ok(rules)
}

/// What takes the number of a process and changes it. Zero is the caller itself.
pub(super) fn changing_others() -> Built<Rules> {
    let named = |argument: u8| rule(argument, SeccompCmpOp::Ne, 0);
    let mut rules = unconditional(&[libc::SYS_migrate_pages, libc::SYS_move_pages]);
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
    ] {
        rules.insert(call, vec![named(0)?]);
    }
    // A group or a user is never the caller alone.
    rules.insert(libc::SYS_setpriority, vec![named(0)?, named(1)?]);
    let groups = rule(0, SeccompCmpOp::Ne, DISK_TURNS_OF_PROCESS)?;
    rules.insert(libc::SYS_ioprio_set, vec![groups, named(1)?]);
    let asked = |request: u64| rule(1, SeccompCmpOp::Eq, request);
    let owners = [libc::F_SETOWN, F_SETOWN_EX].map(number);
    let owners = owners.into_iter().map(asked).collect::<Built<_>>()?;
    rules.insert(libc::SYS_fcntl, owners);
    let owners = OWNER_REQUESTS.into_iter().map(asked);
    rules.insert(libc::SYS_ioctl, owners.collect::<Built<_>>()?);
    Ok(rules)
}
