//! Who may come: tenants and their satellites, from flags or from a list.

use std::collections::BTreeSet;
use std::str::FromStr;

use spokegate_contract::{Address, TenantId};

use super::is_reserved;

/// Tenants with their satellites, in order and without repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parties(BTreeSet<Address>);

/// Why a list is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartiesError {
    /// A line that is no address.
    #[error(
        "line {line}: {text:?} is no satellite, allowed is TENANT/SATELLITE, for example acme/hq"
    )]
    Line {
        /// Counted from 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A tenant that no customer may be.
    #[error(
        "the tenant id {0:?} is reserved\n  hint: leave it out; the rights of services are rendered anyway"
    )]
    Reserved(String),
    /// Nobody.
    #[error(
        "no satellite\n  hint: --satellite acme/hq, or --list FILE with one TENANT/SATELLITE a line"
    )]
    Nobody,
}

impl Parties {
    /// Of any addresses; refuses none at all and reserved tenants.
    pub fn new(addresses: impl IntoIterator<Item = Address>) -> Result<Self, PartiesError> {
        let addresses: BTreeSet<Address> = addresses.into_iter().collect();
        match addresses
            .iter()
            .find(|address| is_reserved(&address.tenant))
        {
            Some(address) => Err(PartiesError::Reserved(address.tenant.to_string())),
            None if addresses.is_empty() => Err(PartiesError::Nobody),
            None => Ok(Self(addresses)),
        }
    }

    /// Every satellite.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.0.iter().cloned()
    }

    /// Every tenant, once.
    pub fn tenants(&self) -> impl Iterator<Item = TenantId> {
        let tenants: BTreeSet<TenantId> = self.addresses().map(|address| address.tenant).collect();
        tenants.into_iter()
    }

    /// The addresses of a list: one `tenant/satellite` a line; empty lines and those with `#` in front are skipped.
    pub fn read_list(text: &str) -> Result<Vec<Address>, PartiesError> {
        text.lines()
            .enumerate()
            .map(|(index, line)| (index, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(index, line)| {
                parse(line).ok_or_else(|| PartiesError::Line {
                    line: index.saturating_add(1),
                    text: line.to_owned(),
                })
            })
            .collect()
    }
}

/// Reads `tenant/satellite`.
pub(crate) fn parse(text: &str) -> Option<Address> {
    let (tenant, satellite) = text.split_once('/')?;
    Some(Address::new(
        FromStr::from_str(tenant).ok()?,
        FromStr::from_str(satellite).ok()?,
    ))
}
