#![doc = include_str!("../README.md")]

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A built executable, beside a test's own folder: `make test` builds them all before it runs the tests.
///
/// # Panics
/// When it is not built.
pub fn binary(own_folder: &str, name: &str) -> PathBuf {
    let target = Path::new(own_folder).parent();
    let path = target
        .expect("cargo gives a folder inside its own")
        .join("debug")
        .join(name);
    assert!(
        path.is_file(),
        "{}: not built, run `cargo build --workspace --bins`",
        path.display()
    );
    path
}

/// A loopback port that was free a moment ago, below those that the system hands out for outgoing connections; none twice
/// in one process. Tests of the crates, which run at the same time, take theirs below 20,000.
///
/// # Panics
/// When nearly all are taken.
#[must_use]
pub fn free_port() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    for _ in 0..COUNT {
        let random = RandomState::new().build_hasher().finish() % u64::from(COUNT);
        let port = FIRST + u16::try_from(random).expect("less than COUNT");
        let is_new = GIVEN
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(port);
        if is_new && let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().expect("it is bound");
        }
    }
    unreachable!("no free port on loopback")
}
