//! Which sockets a process may make, and what it may not do with them.
//!
//! Landlock knows ports of TCP alone, and only of calls that say that they connect or bind: whatever else can send a byte
//! has to be refused here.

use super::Direction;
use seccompiler::{SeccompCmpOp, SeccompRule};
use spokegate_confine::calls::{
    Built, KIND_MASK, Rules, condition, kinds_but_streams, number, rule, unconditional,
};

/// Positions among the arguments of `socket` and `socketpair`.
const FAMILY: u8 = 0;
const KIND: u8 = 1;
const PROTOCOL: u8 = 2;

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
pub(super) fn refused(direction: Direction) -> Built<Rules> {
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
        rules.insert(
            call,
            vec![rule(flags, SeccompCmpOp::MaskedEq(early), early)?],
        );
    }
    let options = EARLY_DATA_OPTIONS.into_iter().map(|option| {
        let level = condition(1, SeccompCmpOp::Eq, number(libc::IPPROTO_TCP))?;
        let option = condition(2, SeccompCmpOp::Eq, number(option))?;
        Ok(SeccompRule::new(vec![level, option])?)
    });
    rules.insert(libc::SYS_setsockopt, options.collect::<Built<_>>()?);
    Ok(rules)
}

/// All sockets but streams over TCP, and netlink's for routes where that is one of the families.
fn sockets(families: &[libc::c_int]) -> Built<Vec<SeccompRule>> {
    if families.is_empty() {
        return Ok(Vec::new());
    }
    let foreign = families
        .iter()
        .map(|family| condition(FAMILY, SeccompCmpOp::Ne, number(*family)));
    let mut rules = vec![SeccompRule::new(foreign.collect::<Built<_>>()?)?];
    let netlink = number(libc::AF_NETLINK);
    for kind in kinds_but_streams() {
        let kind = condition(KIND, SeccompCmpOp::MaskedEq(KIND_MASK), kind)?;
        let family = condition(FAMILY, SeccompCmpOp::Ne, netlink)?;
        rules.push(SeccompRule::new(vec![family, kind])?);
    }
    let usual = condition(PROTOCOL, SeccompCmpOp::Ne, 0)?;
    let tcp = condition(PROTOCOL, SeccompCmpOp::Ne, number(libc::IPPROTO_TCP))?;
    rules.push(SeccompRule::new(vec![usual.clone(), tcp])?);
    let family = condition(FAMILY, SeccompCmpOp::Eq, netlink)?;
    rules.push(SeccompRule::new(vec![family, usual])?);
    Ok(rules)
}

/// All pairs but local streams, which are bound to each other for good: a datagram may be sent to anybody.
fn pairs() -> Built<Vec<SeccompRule>> {
    let mut rules = vec![rule(FAMILY, SeccompCmpOp::Ne, number(libc::AF_UNIX))?];
    for kind in kinds_but_streams() {
        rules.push(rule(KIND, SeccompCmpOp::MaskedEq(KIND_MASK), kind)?);
    }
    Ok(rules)
}
