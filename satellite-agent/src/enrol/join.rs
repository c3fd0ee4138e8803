//! Joining with a token: a key made here, a proof of the token, and a certificate that the pinned root has signed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::json;
use spokegate_contract::hex;
use spokegate_daemon::{Clock, Secret};
use spokegate_identity::proof::{self, JoinProofKey};
use spokegate_identity::{JoinToken, TlsFiles, pinned_client_config};

use super::Fresh;
use super::asking::material;
use super::door::{DoorClient, DoorError, DoorVerdict, Heard};
use crate::credentials::admit::admit;
use crate::credentials::store::{put_private, remove};
use crate::credentials::{Admitted, Expected, Life, Store, told};
use crate::proxy::Proxy;

/// The key of a join that is under way; the same one until it has a certificate, because the centre gives a token's
/// certificate to the same key again when the answer was lost.
const KEY_FILE: &str = "joining.key.pem";
/// Pause after a connection that broke.
const BROKEN_RETRY_S: u32 = 2;

/// A directory that is to hold a satellite's identity.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) store: Store,
}

impl Place {
    /// Makes the directory if need be, and finishes what a process that ended had begun. Refuses one that has a
    /// certificate, unless it may be replaced.
    pub(super) fn prepare(directory: &Path, replace: bool) -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(directory)
            .with_context(|| format!("make the directory {}", directory.display()))?;
        // What join prints goes into a configuration, whose paths hold from any folder.
        let directory = directory
            .canonicalize()
            .with_context(|| format!("find the directory {}", directory.display()))?;
        let store = Store::new(TlsFiles::in_directory(&directory));
        store.recover()?;
        if let (Ok(present), false) = (store.certificate(), replace) {
            let until =
                Life::of(&present).map_or_else(|_| "?".to_owned(), |life| told(life.not_after_ms));
            bail!(
                "{} holds a certificate, valid until {until}, hint: a running agent renews it by itself; --replace puts a new one in its place",
                directory.display()
            );
        }
        Ok(Self { directory, store })
    }

    /// The key of this join: the one that an earlier attempt made, or a new one.
    pub(super) fn key(&self) -> anyhow::Result<Fresh> {
        let path = self.directory.join(KEY_FILE);
        if path.exists() {
            let pem = Secret::read_file(&path)?;
            return Fresh::from_pem(pem.expose())
                .with_context(|| format!("use {}, hint: remove it", path.display()));
        }
        let fresh = Fresh::generate()?;
        put_private(&path, fresh.pem().as_bytes())?;
        Ok(fresh)
    }

    /// Puts key, certificate and roots in force, and clears away what the join needed.
    pub(super) fn take_over(&self, fresh: &Fresh, admitted: &Admitted) -> anyhow::Result<()> {
        self.store.replace(&material(fresh, admitted))?;
        remove(&self.directory.join(KEY_FILE))?;
        Ok(())
    }
}

/// Joins, waiting for approval or for a busy door for at most `patience`; `note` is told what is waited for.
pub(super) async fn join(
    place: &Place,
    token: &JoinToken,
    clock: &Clock,
    (proxy, patience): (Option<Proxy>, Duration),
    note: impl Fn(&str),
) -> anyhow::Result<Admitted> {
    let fresh = place.key()?;
    let client = DoorClient {
        door: token.door.clone(),
        tls: pinned_client_config(token.pin),
        proxy,
    };
    let proof = proof::join(&JoinProofKey::of(&token.secret), &fresh.public_key());
    let body = json!({
        "token": token.id.to_string(),
        "proof": hex::encode(&proof),
        "csr": fresh.csr_base64(),
    });
    let give_up_ms = clock
        .monotonic_ms()
        .saturating_add(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX));
    loop {
        let retry_s = match client.post("/v1/enrol", &body, clock.now_ms()).await {
            Ok(heard) => match judge(token, &fresh, heard, clock)? {
                Step::Admitted(admitted) => {
                    place.take_over(&fresh, &admitted)?;
                    return Ok(*admitted);
                }
                Step::Wait { retry_s, why } => {
                    note(&why);
                    retry_s
                }
            },
            Err(error @ (DoorError::Broken(_) | DoorError::Late(_))) => {
                note(&format!("{error}; asking again"));
                BROKEN_RETRY_S
            }
            Err(error) => return Err(error.into()),
        };
        let pause = Duration::from_secs(retry_s.into());
        if clock.monotonic_ms() >= give_up_ms {
            bail!(
                "gave up waiting; the key is kept, hint: run join again with the same token before it expires"
            );
        }
        tokio::time::sleep(pause).await;
    }
}

enum Step {
    Admitted(Box<Admitted>),
    Wait { retry_s: u32, why: String },
}

fn judge(token: &JoinToken, fresh: &Fresh, heard: Heard, clock: &Clock) -> anyhow::Result<Step> {
    match heard.verdict {
        DoorVerdict::Issued(issued) => {
            let root = token.pin.find(&heard.chain);
            let expected = Expected {
                key: &fresh.public_key(),
                trusted: root.map_or(&[], std::slice::from_ref),
                who: None,
                now_ms: clock.now_ms(),
            };
            Ok(Step::Admitted(Box::new(admit(&expected, &issued)?)))
        }
        DoorVerdict::Pending { retry_s } => Ok(Step::Wait {
            retry_s,
            why: format!(
                "the centre has not decided; waiting, hint: where a person approves joins, `spokegate satellite requests` must show them this key: {}",
                fresh.public_key().fingerprint()
            ),
        }),
        DoorVerdict::Busy { retry_s } => Ok(Step::Wait {
            retry_s,
            why: "the centre cannot answer now; waiting".to_owned(),
        }),
        DoorVerdict::Refused => bail!(
            "the centre did not accept the join token, hint: a token holds for one satellite and for half an hour; ask the MSP, whose audit has the reason, for a new one"
        ),
    }
}
