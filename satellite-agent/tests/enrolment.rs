//! How a satellite comes to its certificate and keeps it: the built agent and the real broker with its enrolment door,
//! over TLS sockets; a centre that speaks through the sanitizer's sessions.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its tasks end with it"
)]

#[path = "enrolment/carried.rs"]
mod carried;
#[path = "enrolment/impostor.rs"]
mod impostor;
#[path = "enrolment/joining.rs"]
mod joining;
#[path = "enrolment/renewing.rs"]
mod renewing;
#[path = "enrolment/world.rs"]
mod world;
