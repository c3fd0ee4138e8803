//! Orders to satellites: recorded first, then signed and sent until there is a result.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use spokegate_contract::envelope::{Command, CommandFault, Parcel};
use spokegate_contract::limits::{
    COMMAND_ARGS_BYTES_MAX, COMMAND_LIFE_MS_MAX, PARCEL_BYTES_MAX, PARCEL_PART_BYTES,
};
use spokegate_contract::record::Came;
use spokegate_contract::{Address, RequestId, Verb, cbor, hex};
use spokegate_daemon::audit::Decision;
use spokegate_identity::proof::CommandClaim;

use super::secrets::noted;
use super::{OPERATOR, Office, OfficeError, refuse_suspended};
use crate::registry::{self, Entry, OrderEnd, OrderRecord};

/// Where parcels lie, in the folder of the authorities.
const PARCELS: &str = "parcels";
/// What has ended so long ago is forgotten.
const KEPT_MS: u64 = 400 * 86_400_000;

/// What is to be ordered.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Whose it is.
    pub(crate) address: Address,
    /// What is to be done.
    pub(crate) verb: Verb,
    /// What the verb needs: an object.
    pub(crate) args: Value,
    /// SHA-256 of the parcel that goes along, as [`Office::keep_parcel`] said.
    pub(crate) parcel: Option<[u8; 32]>,
    /// For how long it is worth beginning.
    pub(crate) life_ms: u64,
}

/// Which part of which order's parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The whole parcel's SHA-256.
    pub(crate) digest: [u8; 32],
    /// The part's number, from 0.
    pub(crate) index: u32,
}

impl Office {
    /// Records an order; the daemon sends it. Its id.
    ///
    /// # Errors
    /// When nothing is known of the satellite, its tenant is suspended, or the arguments do not fit the wire.
    pub(crate) async fn order(&self, order: &Order, now_ms: u64) -> Result<RequestId, OfficeError> {
        if !(1..=COMMAND_LIFE_MS_MAX).contains(&order.life_ms) {
            return Err(OfficeError::Life(order.life_ms));
        }
        let mut args = Vec::new();
        cbor::from_json(&order.args, &mut args).map_err(OfficeError::Args)?;
        if args.len() > COMMAND_ARGS_BYTES_MAX {
            return Err(OfficeError::ArgsLength(args.len()));
        }
        let record = OrderRecord {
            id: RequestId::random(),
            address: order.address.clone(),
            number: 0,
            verb: order.verb,
            args,
            parcel: order.parcel,
            ordered_at_ms: now_ms,
            expires_ms: now_ms.saturating_add(order.life_ms),
            end: None,
        };
        let mut db = self.registry().begin().await?;
        if !registry::is_known(&mut db, &order.address).await? {
            return Err(OfficeError::UnknownSatellite(order.address.clone()));
        }
        refuse_suspended(&mut db, &order.address).await?;
        let number = registry::add_order(&mut db, &record).await?;
        let entry = Entry {
            actor: OPERATOR,
            action: "satellite.order",
            decision: Decision::Allowed,
            reason: order.verb.as_str(),
            subject: &format!("{} command {number}", order.address),
        };
        registry::append(&mut db, &entry, now_ms).await?;
        db.commit().await?;
        Ok(record.id)
    }

    /// The order as its satellite believes it.
    ///
    /// # Errors
    /// When the authority cannot sign.
    pub(crate) fn signed(&self, order: &OrderRecord) -> Result<Command, OfficeError> {
        let claim = CommandClaim {
            address: &order.address,
            verb: order.verb,
            id: &order.id,
            number: order.number,
            expires_ms: order.expires_ms,
            args: &order.args,
        };
        Ok(Command {
            id: order.id,
            args: Bytes::copy_from_slice(&order.args),
            number: order.number,
            expires_ms: order.expires_ms,
            signature: self.authorities().fabric.sign_command(&claim)?.into(),
        })
    }

    /// Takes a satellite's word for what came of an order of its own; the parts of the parcel that it wants.
    ///
    /// # Errors
    /// When the registry cannot be read or written.
    pub(crate) async fn came(
        &self,
        from: &Address,
        came: &Came<'_>,
        now_ms: u64,
    ) -> Result<Vec<Part>, OfficeError> {
        let (id, fault, detail) = match came {
            Came::Wants {
                id,
                from: first,
                count,
            } => {
                let order = self.registry().order(id).await?;
                let digest = order
                    .filter(|order| order.address == *from && order.end.is_none())
                    .and_then(|order| order.parcel);
                let all = (0..*count).filter_map(|more| first.checked_add(more));
                return Ok(digest
                    .map(|digest| all.map(|index| Part { digest, index }).collect())
                    .unwrap_or_default());
            }
            Came::Done { id, detail } => (id, None, detail),
            Came::Failed { id, fault, detail } => (id, Some(*fault), detail),
        };
        let end = OrderEnd {
            fault,
            detail: detail.clone().into_owned(),
            at_ms: now_ms,
        };
        let order = self.registry().order(id).await?;
        let mut db = self.registry().begin().await?;
        if !registry::end_order(&mut db, from, id, &end).await? {
            return Ok(Vec::new());
        }
        let secret = order.filter(|_| fault.is_none());
        if let Some(secret) = secret.and_then(|order| noted(&order, now_ms)) {
            registry::note_secret(&mut db, &secret).await?;
        }
        let actor = from.to_string();
        let entry = Entry {
            actor: &actor,
            action: "satellite.result",
            decision: if fault.is_none() {
                Decision::Allowed
            } else {
                Decision::Denied
            },
            reason: fault.map_or("done", CommandFault::as_str),
            subject: &format!("{from} command {id}"),
        };
        registry::append(&mut db, &entry, now_ms).await?;
        db.commit().await?;
        Ok(Vec::new())
    }

    /// Ends the orders whose time is over.
    ///
    /// # Errors
    /// When the registry cannot be written.
    pub(crate) async fn expire_orders(&self, now_ms: u64) -> Result<u64, OfficeError> {
        let mut db = self.registry().begin().await?;
        let expired =
            registry::expire_orders(&mut db, now_ms, now_ms.saturating_sub(KEPT_MS)).await?;
        db.commit().await?;
        Ok(expired)
    }

    /// Copies a file to where parcels lie, under its SHA-256. Blocks.
    ///
    /// # Errors
    /// When it is empty, too long, or cannot be read or kept.
    pub fn keep_parcel(&self, source: &Path) -> Result<[u8; 32], OfficeError> {
        let unusable = |error: io::Error| OfficeError::Parcel {
            path: source.to_owned(),
            source: error,
        };
        let folder = self.directory.join(PARCELS);
        std::fs::create_dir_all(&folder).map_err(unusable)?;
        let mut draft = tempfile::NamedTempFile::new_in(&folder).map_err(unusable)?;
        let file = File::open(source).map_err(unusable)?;
        let mut limited = file.take(PARCEL_BYTES_MAX.saturating_add(1));
        let (digest, bytes) = copy(&mut limited, draft.as_file_mut()).map_err(unusable)?;
        if bytes == 0 || bytes > PARCEL_BYTES_MAX {
            return Err(OfficeError::ParcelLength(bytes));
        }
        draft.as_file().sync_all().map_err(unusable)?;
        draft
            .persist(self.parcel(&digest))
            .map_err(|error| unusable(error.error))?;
        Ok(digest)
    }

    /// One part of a parcel; none past its end. Blocks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn part(&self, part: &Part) -> Result<Option<Parcel>, OfficeError> {
        let path = self.parcel(&part.digest);
        let unusable = |source: io::Error| OfficeError::Parcel {
            path: path.clone(),
            source,
        };
        let mut file = File::open(&path).map_err(unusable)?;
        let start = u64::from(part.index).saturating_mul(PARCEL_PART_BYTES as u64);
        file.seek(SeekFrom::Start(start)).map_err(unusable)?;
        let mut body = Vec::new();
        file.take(PARCEL_PART_BYTES as u64)
            .read_to_end(&mut body)
            .map_err(unusable)?;
        Ok((!body.is_empty()).then(|| Parcel {
            body: body.into(),
            index: part.index,
            digest: part.digest,
        }))
    }

    pub(super) fn parcel(&self, digest: &[u8; 32]) -> PathBuf {
        self.directory.join(PARCELS).join(hex::encode(digest))
    }
}

/// Copies and hashes; the digest, and how many bytes there were.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<([u8; 32], u64)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
            return Ok((hash.finalize().into(), bytes));
        };
        hash.update(part);
        to.write_all(part)?;
        bytes = bytes.saturating_add(read as u64);
    }
}

#[cfg(test)]
mod tests;
