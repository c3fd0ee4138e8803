//! Flow sets: taken in, and ordered of satellites.

use std::io::Write as _;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use spokegate_contract::{Address, FlowSetId, RequestId, Verb, hex};
use spokegate_daemon::audit::Decision;

use super::{OPERATOR, Office, OfficeError, Order};
use crate::flow_set::FlowSetContent;
use crate::module::{self, Module};
use crate::registry::{self, Entry, FlowSetRecord};

impl Office {
    /// Takes a version in, unless the newest of its set holds the same; the newest then, and whether it is new. Blocks while it
    /// writes the parcel.
    ///
    /// # Errors
    /// When it cannot be kept or recorded.
    pub(crate) async fn import_flows(
        &self,
        name: FlowSetId,
        (content, modules): (&FlowSetContent, &mut [Module]),
        source: String,
        now_ms: u64,
    ) -> Result<(FlowSetRecord, bool), OfficeError> {
        let unusable = |source| OfficeError::Parcel {
            path: self.directory.clone(),
            source,
        };
        let mut draft = tempfile::NamedTempFile::new_in(&self.directory).map_err(unusable)?;
        let parcel = module::parcel(&content.json, modules)
            .map_err(|fault| unusable(std::io::Error::other(fault)))?;
        draft.write_all(&parcel).map_err(unusable)?;
        let digest = self.keep_parcel(draft.path())?;
        let record = FlowSetRecord {
            name,
            version: 0,
            digest,
            bytes: parcel.len() as u64,
            nodes: content.nodes,
            tabs: content.tabs,
            modules: modules.iter().map(Module::note).collect(),
            source,
            imported_at_ms: now_ms,
        };
        let mut db = self.registry().begin().await?;
        let (record, is_new) = registry::add_flow_set(&mut db, record).await?;
        if is_new {
            let entry = Entry {
                actor: OPERATOR,
                action: "flows.import",
                decision: Decision::Allowed,
                reason: "operator",
                subject: &format!(
                    "{}@{} sha256 {}",
                    record.name,
                    record.version,
                    hex::encode(&record.digest)
                ),
            };
            registry::append(&mut db, &entry, now_ms).await?;
        }
        db.commit().await?;
        Ok((record, is_new))
    }

    /// The flows of a version. Blocks.
    ///
    /// # Errors
    /// When its parcel cannot be read, or is another.
    pub(crate) fn flows(&self, set: &FlowSetRecord) -> Result<Vec<u8>, OfficeError> {
        let path = self.parcel(&set.digest);
        let unusable = |source| OfficeError::Parcel {
            path: path.clone(),
            source,
        };
        let parcel = std::fs::read(&path).map_err(unusable)?;
        if <[u8; 32]>::from(Sha256::digest(&parcel)) != set.digest {
            let text =
                "it is not what was imported, hint: restore it from a copy, or import it again";
            return Err(unusable(std::io::Error::other(text)));
        }
        let flows = module::flows(&parcel);
        let flows = flows.map_err(|fault| unusable(std::io::Error::other(fault)))?;
        Ok(flows.to_vec())
    }

    /// Orders a satellite to put a version in force.
    ///
    /// # Errors
    /// As [`Office::order`].
    pub(crate) async fn order_deploy(
        &self,
        address: &Address,
        set: &FlowSetRecord,
        life_ms: u64,
        now_ms: u64,
    ) -> Result<RequestId, OfficeError> {
        let order = Order {
            address: address.clone(),
            verb: Verb::Deploy,
            args: json!({
                "name": set.name.as_str(),
                "version": set.version,
                "bytes": set.bytes,
                "sha256": hex::encode(&set.digest),
            }),
            parcel: Some(set.digest),
            life_ms,
        };
        self.order(&order, now_ms).await
    }

    /// Orders a satellite to say what runs there.
    ///
    /// # Errors
    /// As [`Office::order`].
    pub(crate) async fn order_look(
        &self,
        address: &Address,
        life_ms: u64,
        now_ms: u64,
    ) -> Result<RequestId, OfficeError> {
        let order = Order {
            address: address.clone(),
            verb: Verb::Deploy,
            args: json!({}),
            parcel: None,
            life_ms,
        };
        self.order(&order, now_ms).await
    }
}
