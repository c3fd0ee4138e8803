//! Names of tenants, satellites, datasets and reports.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{ID_BYTES_MAX, ID_BYTES_MIN};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Shorter than 2 or longer than 40 bytes.
    #[error("an id has {ID_BYTES_MIN} to {ID_BYTES_MAX} characters, this one has {0}")]
    Length(usize),
    /// A character outside `[a-z0-9-]`.
    #[error("an id holds a-z, 0-9 and '-' only, not {0:?}")]
    Character(char),
    /// A hyphen at either end.
    #[error("an id starts and ends with a letter or a digit")]
    Hyphen,
}

/// Checks `[a-z0-9][a-z0-9-]{0,38}[a-z0-9]`.
fn check(text: &str) -> Result<(), IdError> {
    if !(ID_BYTES_MIN..=ID_BYTES_MAX).contains(&text.len()) {
        return Err(IdError::Length(text.len()));
    }
    if let Some(other) = text
        .chars()
        .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-'))
    {
        return Err(IdError::Character(other));
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(IdError::Hyphen);
    }
    Ok(())
}

/// Reads an id where it stands, without a copy before the check.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = IdError>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

id! {
    /// A customer.
    TenantId
}
id! {
    /// One agent in one of a tenant's segments; unique within the tenant.
    SatelliteId
}
id! {
    /// A named contract for data that a segment can supply.
    DatasetId
}
id! {
    /// A report definition.
    ReportId
}
id! {
    /// A set of flows for Node-RED, with versions.
    FlowSetId
}

/// The tenant id under which the enrolment door stands; no certificate may carry it.
pub const ENROLMENT_TENANT: &str = "enrolment";
/// The tenant id under which the sanitizer speaks for itself; no certificate may carry it.
pub const SANITIZER_TENANT: &str = "sanitizer";
/// The satellite id of its egress.
const EGRESS_SATELLITE: &str = "egress";
/// The satellite id of the enrolment door.
const DOOR_SATELLITE: &str = "door";

/// A satellite of a tenant: the identity that a certificate gives an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The customer.
    pub tenant: TenantId,
    /// The agent.
    pub satellite: SatelliteId,
}

impl Address {
    /// An address of its two ids.
    pub fn new(tenant: TenantId, satellite: SatelliteId) -> Self {
        Self { tenant, satellite }
    }

    /// The broker's enrolment door, which speaks for who has no certificate yet.
    pub fn door() -> Self {
        let id = "an id of the grammar, as a test shows";
        Self::new(
            ENROLMENT_TENANT.parse().expect(id),
            DOOR_SATELLITE.parse().expect(id),
        )
    }

    /// The sanitizer's egress, which speaks for the sanitizer itself. No certificate bears the name.
    pub fn egress() -> Self {
        let id = "an id of the grammar, as a test shows";
        Self::new(
            SANITIZER_TENANT.parse().expect(id),
            EGRESS_SATELLITE.parse().expect(id),
        )
    }

    /// Whether this is the enrolment door.
    pub fn is_door(&self) -> bool {
        self.tenant.as_str() == ENROLMENT_TENANT && self.satellite.as_str() == DOOR_SATELLITE
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.satellite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(text: &str, expected: IdError) {
        assert_eq!(text.parse::<TenantId>(), Err(expected), "{text:?}");
    }

    #[test]
    fn allowed_and_refused() {
        for text in ["ab", "a1", "11", "a-b", "acme-north-2", &"a".repeat(40)] {
            assert_eq!(text.parse::<TenantId>().map(String::from), Ok(text.into()));
        }
        refused("", IdError::Length(0));
        refused("a", IdError::Length(1));
        refused(&"a".repeat(41), IdError::Length(41));
        refused("Acme", IdError::Character('A'));
        refused("ac/me", IdError::Character('/'));
        refused("ac+e", IdError::Character('+'));
        refused("ac#e", IdError::Character('#'));
        refused("ac.e", IdError::Character('.'));
        refused("ac_e", IdError::Character('_'));
        refused("acmé", IdError::Character('é'));
        refused("ac\n", IdError::Character('\n'));
        refused("-ab", IdError::Hyphen);
        refused("ab-", IdError::Hyphen);
    }

    #[test]
    fn there_is_one_door() {
        let door = Address::door();
        assert_eq!(door.to_string(), "enrolment/door");
        assert_eq!(Address::egress().to_string(), "sanitizer/egress");
        assert!(door.is_door());
        for other in ["enrolment/hq", "acme/door"] {
            let (tenant, satellite) = other.split_once('/').unwrap();
            let address = Address::new(tenant.parse().unwrap(), satellite.parse().unwrap());
            assert!(!address.is_door(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_the_grammar(text in "\\PC{0,45}") {
            let accepted = text.parse::<DatasetId>().is_ok();
            let bytes = text.as_bytes();
            let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let expected = (2..=40).contains(&bytes.len())
                && edge(bytes.first())
                && edge(bytes.last())
                && bytes.iter().all(|b| edge(Some(b)) || *b == b'-');
            prop_assert_eq!(accepted, expected);
        }

        #[test]
        fn text_and_json_round_trip(text in "[a-z0-9][a-z0-9-]{0,38}[a-z0-9]") {
            let id: SatelliteId = text.parse().unwrap();
            prop_assert_eq!(id.to_string(), text.clone());
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<SatelliteId>(&json).unwrap(), id);
        }
    }
}
