//! Ports for servers that are told theirs.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// A port of loopback that nobody has, below those of outgoing connections, and given once by this process.
///
/// # Panics
/// When there is none.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    const FIRST: u16 = 8_000;
    const COUNT: u16 = 12_000;
    for _ in 0..COUNT {
        let random = RandomState::new().build_hasher().finish() % u64::from(COUNT);
        let port = FIRST + u16::try_from(random).expect("less than COUNT");
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if given.insert(port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    unreachable!("no free port on loopback")
}
