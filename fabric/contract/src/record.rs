//! The second hop: what the sanitizer hands inwards, and what the centre asks of it.
//!
//! Records are canonical JSON: no white space, member names in ascending byte order, `\"`, `\\`, `\n` and `\t` the only
//! escapes, numbers as [`write_number`] prints them. For the ASCII names of contracts that is the order of RFC 8785.

mod audit;
mod canonical;
mod command;
mod content;
mod enrolment;
mod flat;
mod messages;

pub use audit::{AuditEntry, AuditRoot};
pub use canonical::{NotCanonical, check_canonical, write_integer, write_number, write_string};
pub use command::{Came, CommandBody, CommandsBody, ParcelBody};
pub use content::{BudgetState, Content, Data, Record, RecordError, Refusal};
pub use enrolment::{AdmissionBody, AdmissionsBody, BodyError, Claim, CrlBody, Enrolment};
pub use flat::{Flat, Served};
pub use messages::{
    AckBody, BOOT_HEADER, Cancel, ErrorBody, ErrorDetail, GrantCredit, Lane, LeasesAnswer,
    LeasesBody, Line, NO_SESSION_STATUS, PullBody, RequestBody, VERSION_HEADER, Watermark,
};

use crate::TenantId;

/// What a tenant's seal key is derived from: the key is HMAC-SHA256 over this with the installation's seal key. A worker
/// only has the key of its tenant, so what it seals holds for no other.
#[must_use]
pub fn seal_label(tenant: &TenantId) -> Vec<u8> {
    [b"spokegate seal v1\0", tenant.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests;
