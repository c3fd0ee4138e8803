//! Which sockets a process may make, and what it may not do with them.
//!
//! Landlock knows ports of TCP alone, and only of calls that say that they connect or bind: whatever else can send a byte
//! has to be refused here.

use super::{Direction, Result, Rules, bits, compared, unconditional};
use seccompiler::{SeccompCmpOp, SeccompRule};

/// Positions among the arguments of `socket` and `socketpair`.
const FAMILY: u8 = 0;
const KIND: u8 = 1;
const PROTOCOL: u8 = 2;
/// Bits of a socket's kind that say which it is; the others are flags.
const KIND_MASK: u64 = 0xf;

/// Calls that send, and where the flags stand among their arguments.
const SENDING_CALLS: [(i64, u8); 3] = [
    (libc::SYS_sendto, 3),
    (libc::SYS_sendmsg, 2),
    (libc::SYS_sendmmsg, 3),
];
/// Options of TCP by which data goes out, or is taken, before there is a connection.
const EARLY_DATA_OPTIONS: [libc::c_int; 4] = [
    libc::TCP_FASTOPEN,
    libc::TCP_FASTOPEN_CONNECT,
    libc::TCP_FASTOPEN_KEY,
    libc::TCP_FASTOPEN_NO_COOKIE,
];

/// The calls that are refused to a process which may open connections in this direction.
pub(super) fn refused(direction: Direction) -> Result<Rules> {
    let (calls, families): (&[i64], &[libc::c_int]) = match direction {
        // Names are looked up with the help of netlink.
        Direction::Out => (
            &[libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4],
            &[libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
        ),
        // It listens already.
        Direction::In => (&[libc::SYS_connect, libc::SYS_bind, libc::SYS_listen], &[]),
        Direction::None => (&[libc::SYS_connect, libc::SYS_listen], &[]),
    };
    let mut rules = unconditional(calls);
    rules.insert(libc::SYS_socket, sockets(families)?);
    rules.insert(libc::SYS_socketpair, pairs()?);
    // A message can make the connection that carries it, without a call that says so.
    let early = number(libc::MSG_FASTOPEN);
    for (call, flags) in SENDING_CALLS {
        rules.insert(call, vec![bits(flags, early, early)?]);
    }
    let options = EARLY_DATA_OPTIONS.into_iter().map(|option| {
        let level = compared(1, SeccompCmpOp::Eq, number(libc::IPPROTO_TCP))?;
        let option = compared(2, SeccompCmpOp::Eq, number(option))?;
        Ok(SeccompRule::new(vec![level, option])?)
    });
    rules.insert(libc::SYS_setsockopt, options.collect::<Result<_>>()?);
    Ok(rules)
}

/// All sockets but streams over TCP, and netlink's for routes where that is one of the families.
fn sockets(families: &[libc::c_int]) -> Result<Vec<SeccompRule>> {
    if families.is_empty() {
        return Ok(Vec::new());
    }
    let foreign = families
        .iter()
        .map(|family| compared(FAMILY, SeccompCmpOp::Ne, number(*family)));
    let mut rules = vec![SeccompRule::new(foreign.collect::<Result<_>>()?)?];
    let netlink = number(libc::AF_NETLINK);
    for kind in kinds_but_streams() {
        let kind = compared(KIND, SeccompCmpOp::MaskedEq(KIND_MASK), kind)?;
        let family = compared(FAMILY, SeccompCmpOp::Ne, netlink)?;
        rules.push(SeccompRule::new(vec![family, kind])?);
    }
    let usual = compared(PROTOCOL, SeccompCmpOp::Ne, 0)?;
    let tcp = compared(PROTOCOL, SeccompCmpOp::Ne, number(libc::IPPROTO_TCP))?;
    rules.push(SeccompRule::new(vec![usual.clone(), tcp])?);
    let family = compared(FAMILY, SeccompCmpOp::Eq, netlink)?;
    rules.push(SeccompRule::new(vec![family, usual])?);
    Ok(rules)
}

/// All pairs but local streams, which are bound to each other for good: a datagram may be sent to anybody.
fn pairs() -> Result<Vec<SeccompRule>> {
    let local = compared(FAMILY, SeccompCmpOp::Ne, number(libc::AF_UNIX))?;
    let mut rules = vec![SeccompRule::new(vec![local])?];
    for kind in kinds_but_streams() {
        rules.push(bits(KIND, KIND_MASK, kind)?);
    }
    Ok(rules)
}

fn kinds_but_streams() -> impl Iterator<Item = u64> {
    let stream = number(libc::SOCK_STREAM);
    (0..=KIND_MASK).filter(move |kind| *kind != stream)
}

fn number(constant: libc::c_int) -> u64 {
    u64::from(constant.unsigned_abs())
}
