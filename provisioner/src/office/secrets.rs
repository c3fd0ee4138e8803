//! Tenants' secrets: sealed to a satellite's key before anything is recorded, so that no value is kept here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use spokegate_contract::cbor::{ReadError, Reader};
use spokegate_contract::limits::{COMMAND_ARGS_BYTES_MAX, SECRET_NAME_BYTES_MAX};
use spokegate_contract::{Address, RequestId, SecretName, Verb};
use spokegate_identity::secret;

use super::{Office, OfficeError, Order};
use crate::registry::{self, OrderRecord, SecretRecord};

/// What is to become of a secret.
#[derive(Clone, Copy)]
pub(crate) struct SecretOrder<'a> {
    /// Its name.
    pub(crate) name: &'a SecretName,
    /// Its value; none to remove it.
    pub(crate) value: Option<&'a str>,
    /// For how long it is worth beginning.
    pub(crate) life_ms: u64,
}

impl Office {
    /// Orders of a satellite that it keeps a secret or removes it. The order's id.
    ///
    /// # Errors
    /// When the satellite has no good certificate to seal to, or as for every order.
    pub(crate) async fn order_secret(
        &self,
        address: &Address,
        wanted: SecretOrder<'_>,
        now_ms: u64,
    ) -> Result<RequestId, OfficeError> {
        let SecretOrder {
            name,
            value,
            life_ms,
        } = wanted;
        let mut args = json!({ "name": name });
        if let Some(value) = value {
            let mut db = self.registry().begin().await?;
            let key = registry::key_of(&mut db, address, now_ms).await?;
            drop(db);
            let key = key.ok_or_else(|| OfficeError::NoKey(address.clone()))?;
            let sealed = secret::seal(&key, address, name, value.as_bytes())?;
            args["sealed"] = STANDARD.encode(sealed).into();
        }
        let order = Order {
            address: address.clone(),
            verb: Verb::Secret,
            args,
            parcel: None,
            life_ms,
        };
        self.order(&order, now_ms).await
    }
}

/// What a satellite keeps or removed by its word that this order is done; none for orders of another kind.
pub(super) fn noted(order: &OrderRecord, now_ms: u64) -> Option<SecretRecord> {
    if order.verb != Verb::Secret {
        return None;
    }
    let (name, removed) = told(&order.args).ok()?;
    Some(SecretRecord {
        address: order.address.clone(),
        name: name.parse().ok()?,
        removed,
        number: order.number,
        at_ms: now_ms,
    })
}

fn told(args: &[u8]) -> Result<(String, bool), ReadError> {
    let mut reader = Reader::new(bytes::Bytes::copy_from_slice(args));
    let mut map = reader.map(2)?;
    let name = map.required("name")?.text(SECRET_NAME_BYTES_MAX)?;
    let removed = match map.optional("sealed")? {
        Some(value) => value.text(COMMAND_ARGS_BYTES_MAX).map(|_| false)?,
        None => true,
    };
    map.finish()?;
    Ok((name, removed))
}

#[cfg(test)]
mod tests;
