//! What the ingest process reads and where it connects; all else is closed to it.

use crate::sandbox::{Reach, folders_of};
use crate::setup::IngestSetup;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// What the system's resolver reads.
const RESOLVER_FILES: [&str; 5] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
];
/// Names are asked for over TCP alone.
const DNS_PORT: u16 = 53;

/// The reach of a configuration.
pub(super) fn of(setup: &IngestSetup) -> Reach {
    let (host, port) = setup.broker.rsplit_once(':').unwrap_or((&setup.broker, ""));
    let mut reach = Reach {
        read: folders_of(&setup.tls),
        connect: port.parse().into_iter().collect(),
        listen: Vec::new(),
        ..Reach::default()
    };
    reach.read.push(setup.schemas.clone());
    if host.trim_matches(['[', ']']).parse::<IpAddr>().is_err() {
        reach.read.extend(resolver_files());
        reach.connect.push(DNS_PORT);
    }
    reach
}

/// The files themselves, and where one is a link into `/run` the folder there, in which it is replaced at run time.
fn resolver_files() -> Vec<PathBuf> {
    let files = RESOLVER_FILES.iter().map(PathBuf::from);
    let linked = Path::new("/etc/resolv.conf")
        .canonicalize()
        .ok()
        .filter(|path| path.starts_with("/run"))
        .and_then(|path| path.parent().map(Path::to_owned));
    files.filter(|path| path.exists()).chain(linked).collect()
}
