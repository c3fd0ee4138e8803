//! The broker over real TLS and real sockets, attacked and used by a client that writes any bytes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its tasks end with it"
)]

#[path = "broker/admin.rs"]
mod admin;
#[path = "broker/chaos.rs"]
mod chaos;
#[path = "broker/enrolment.rs"]
mod enrolment;
#[path = "broker/executable.rs"]
mod executable;
#[path = "broker/faults.rs"]
mod faults;
#[path = "broker/load.rs"]
mod load;
#[path = "broker/open.rs"]
mod open;
#[path = "broker/quotas.rs"]
mod quotas;
#[path = "broker/reload.rs"]
mod reload;
#[path = "broker/revocation.rs"]
mod revocation;
#[path = "broker/sessions.rs"]
mod sessions;
#[path = "broker/strands.rs"]
mod strands;
#[path = "support/harness.rs"]
mod support;
#[path = "broker/symptoms.rs"]
mod symptoms;
