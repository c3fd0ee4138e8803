#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

pub mod cbor;
#[cfg(feature = "validate")]
pub mod compat;
pub mod dataset;
pub mod envelope;
#[cfg(feature = "examples")]
pub mod examples;
pub mod filter;
pub mod folder;
mod grants;
pub mod hex;
mod ids;
#[cfg(feature = "validate")]
pub mod judge;
pub mod limits;
#[cfg(feature = "validate")]
pub mod lint;
pub mod parcel_index;
mod quarantine_id;
pub mod record;
mod request_id;
mod secret_name;
pub mod text;
mod topic;
#[cfg(feature = "validate")]
mod validate;

pub use dataset::{Dataset, Kind, Registry, Shape};
pub use envelope::{Envelope, EnvelopeError, Failure, FailureClass};
pub use grants::Grants;
pub use ids::{
    Address, DatasetId, ENROLMENT_TENANT, FlowSetId, IdError, ReportId, SANITIZER_TENANT,
    SatelliteId, TenantId,
};
pub use quarantine_id::{QuarantineId, QuarantineIdError};
pub use request_id::RequestId;
pub use secret_name::{SecretName, SecretNameError};
pub use topic::{Channel, Direction, Topic, TopicError, Verb};
#[cfg(feature = "validate")]
pub use validate::{Validator, Violation};
