//! The services of the centre and of the DMZ, each with its configuration.

pub mod broker;
pub mod provisioner;
pub mod reports;
pub mod sanitizer;

pub(crate) mod people;

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use spokegate_identity::TlsFiles;

use crate::state::State;

/// The name in all certificates of the demonstration.
pub(crate) const TRUST_DOMAIN: &str = "spokegate.demo";

/// The files of the keys that sanitizers and centre share.
pub(crate) const SEAL_KEY: &str = "seal.key";
pub(crate) const AUDIT_KEY: &str = "audit.key";
pub(crate) const AUDIT_PUBLIC_KEY: &str = "audit.pub";

/// A path as a TOML string.
pub(crate) fn quoted(path: &Path) -> String {
    toml::Value::String(path.to_string_lossy().into_owned()).to_string()
}

/// `[[sanitizer]]`, as every service of the centre has it, and `more` keys of one.
pub(crate) fn sanitizers(
    addresses: &[SocketAddr],
    state: &State,
    tls: &TlsFiles,
    more: &str,
) -> String {
    let entry = |address: &SocketAddr| {
        format!(
            r#"
[[sanitizer]]
url = "https://localhost:{port}"
seal_key_file = {seal}
{more}
[sanitizer.tls]
certificate = {certificate}
key = {key}
ca = {ca}
"#,
            port = address.port(),
            seal = quoted(&state.path(SEAL_KEY)),
            certificate = quoted(&tls.certificate),
            key = quoted(&tls.key),
            ca = quoted(&tls.ca),
        )
    };
    addresses.iter().map(entry).collect()
}

/// A loopback port that was free a moment ago, below those that the system hands out for outgoing connections, and
/// reserved among demonstrations for as long as this process lives: so nobody gets it before its user binds it.
pub(crate) fn free_port() -> anyhow::Result<SocketAddr> {
    const LOWEST: u16 = 20_000;
    const SPAN: u16 = 12_000;
    for _ in 0..200 {
        let mut random = [0_u8; 2];
        getrandom::fill(&mut random)
            .map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
        let port = LOWEST + u16::from_le_bytes(random) % SPAN;
        if reserve(port)?
            && let Ok(listener) = std::net::TcpListener::bind(("127.0.0.1", port))
        {
            return listener.local_addr().context("read a free port");
        }
    }
    anyhow::bail!(
        "no free port on loopback between {LOWEST} and {}",
        LOWEST + SPAN
    )
}

/// Locks the port's file, which the system unlocks when the process ends. False when somebody else has it.
fn reserve(port: u16) -> anyhow::Result<bool> {
    static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("spokegate-demo-ports");
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let path = folder.join(port.to_string());
    let Ok(file) = File::create(&path) else {
        // Another user's.
        return Ok(false);
    };
    let is_ours = file.try_lock().is_ok();
    if is_ours {
        let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
        reserved.push(file);
    }
    Ok(is_ours)
}
