//! Versions of the agent: taken in with their signature, and ordered of satellites.

use std::path::Path;

use serde_json::json;
use spokegate_contract::{Address, RequestId, Verb};
use spokegate_daemon::audit::Decision;
use spokegate_identity::release::{ReleaseKeys, SignedRelease};

use super::{OPERATOR, Office, OfficeError, Order};
use crate::registry::{self, Entry, ReleaseRecord};

impl Office {
    /// Takes a signed build in. Blocks while it copies the file.
    ///
    /// # Errors
    /// When no key signed it, the file is another, or the version has another build for these machines.
    pub(crate) async fn add_release(
        &self,
        (signed, keys): (&SignedRelease, &ReleaseKeys),
        file: &Path,
        now_ms: u64,
    ) -> Result<(), OfficeError> {
        let release = signed.verify(keys).map_err(OfficeError::Release)?;
        if self.keep_parcel(file)? != release.digest {
            return Err(OfficeError::ReleaseContent(file.to_owned()));
        }
        let (version, architecture) = (release.version, release.architecture);
        let mut db = self.registry().begin().await?;
        if !registry::add_release(&mut db, &release, signed, now_ms).await? {
            return Err(OfficeError::ReleaseKnown(format!(
                "{version} for {architecture}"
            )));
        }
        let entry = Entry {
            actor: OPERATOR,
            action: "release.add",
            decision: Decision::Allowed,
            reason: "operator",
            subject: &format!("{version} {architecture}"),
        };
        registry::append(&mut db, &entry, now_ms).await?;
        db.commit().await?;
        Ok(())
    }

    /// Orders a satellite to take a build.
    ///
    /// # Errors
    /// As [`Office::order`].
    pub(crate) async fn order_update(
        &self,
        address: &Address,
        build: &ReleaseRecord,
        (downgrade, life_ms): (bool, u64),
        now_ms: u64,
    ) -> Result<RequestId, OfficeError> {
        let mut args = json!({ "release": build.signed.to_json() });
        if downgrade {
            args["downgrade"] = true.into();
        }
        let order = Order {
            address: address.clone(),
            verb: Verb::Update,
            args,
            parcel: Some(build.digest),
            life_ms,
        };
        self.order(&order, now_ms).await
    }
}
