//! Ways to send a byte past what only looks at TCP's `connect` and `bind`.
#![expect(
    unsafe_code,
    reason = "hostile code would make these calls, so the self-test does"
)]

use super::Tried;
use super::raw::said;

const MULTIPATH_TCP: libc::c_int = 262;

fn socket(family: libc::c_int, kind: libc::c_int, protocol: libc::c_int) -> libc::c_int {
    // SAFETY: takes numbers.
    unsafe { libc::socket(family, kind, protocol) }
}

fn localhost(port: u16) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap_or_default(),
        sin_port: port.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(std::net::Ipv4Addr::LOCALHOST).to_be(),
        },
        sin_zero: [0; 8],
    }
}

/// Sends a byte with flags, to a port of this host.
fn send_to(descriptor: libc::c_int, flags: libc::c_int, port: u16) -> Tried {
    let address = localhost(port);
    let byte = 0u8;
    // SAFETY: one byte and one address, both live and of the sizes given.
    let sent = unsafe {
        libc::sendto(
            descriptor,
            (&raw const byte).cast(),
            1,
            flags,
            (&raw const address).cast(),
            LENGTH,
        )
    };
    said(sent.try_into().unwrap_or(-1), "sent")
}

const LENGTH: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;

pub(super) fn datagram(port: u16) -> Tried {
    match socket(libc::AF_INET, libc::SOCK_DGRAM, 0) {
        descriptor if descriptor >= 0 => send_to(descriptor, 0, port),
        refused => said(refused.into(), ""),
    }
}

pub(super) fn datagram_pair() -> Tried {
    let mut pair = [0; 2];
    // SAFETY: room for two descriptors, which is live.
    let made =
        unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM, 0, (&raw mut pair).cast()) };
    said(made.into(), "made")
}

pub(super) fn raw() -> Tried {
    let made = socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP);
    said(made.into(), "made")
}

pub(super) fn multipath() -> Tried {
    let made = socket(libc::AF_INET, libc::SOCK_STREAM, MULTIPATH_TCP);
    said(made.into(), "made")
}

/// Messages of the kernel, other than those about routes.
pub(super) fn kernel() -> Tried {
    let made = socket(
        libc::AF_NETLINK,
        libc::SOCK_RAW,
        libc::NETLINK_KOBJECT_UEVENT,
    );
    said(made.into(), "made")
}

/// The descriptor of a stream, which ingest and egress may make.
fn stream() -> libc::c_int {
    socket(libc::AF_INET, libc::SOCK_STREAM, 0)
}

/// On a port that the system chooses, without a call that binds.
pub(super) fn listen_anywhere() -> Tried {
    match stream() {
        // SAFETY: takes numbers.
        descriptor if descriptor >= 0 => {
            said(unsafe { libc::listen(descriptor, 1) }.into(), "listening")
        }
        refused => said(refused.into(), ""),
    }
}

pub(super) fn fast_open(port: u16) -> Tried {
    match stream() {
        descriptor if descriptor >= 0 => send_to(descriptor, libc::MSG_FASTOPEN, port),
        refused => said(refused.into(), ""),
    }
}

pub(super) fn fast_open_message(port: u16) -> Tried {
    let descriptor = stream();
    if descriptor < 0 {
        return said(descriptor.into(), "");
    }
    let mut address = localhost(port);
    let mut byte = 0u8;
    let mut part = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: a message of zeros is one without parts; all that it then points to is live.
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_name = (&raw mut address).cast();
        message.msg_namelen = LENGTH;
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        libc::sendmsg(descriptor, &raw const message, libc::MSG_FASTOPEN)
    };
    said(sent.try_into().unwrap_or(-1), "sent")
}

pub(super) fn fast_open_option() -> Tried {
    let descriptor = stream();
    if descriptor < 0 {
        return said(descriptor.into(), "");
    }
    let on: libc::c_int = 1;
    // SAFETY: the value is live, and of the size given.
    let set = unsafe {
        libc::setsockopt(
            descriptor,
            libc::IPPROTO_TCP,
            libc::TCP_FASTOPEN_CONNECT,
            (&raw const on).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    said(set.into(), "set")
}
