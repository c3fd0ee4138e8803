//! The agent against the real broker, over mutual TLS: what the centre sees, and what it can rely on.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "fabric/cache.rs"]
mod cache;
#[path = "fabric/command.rs"]
mod command;
#[path = "fabric/contracts.rs"]
mod contracts;
#[path = "fabric/link.rs"]
mod link;
#[path = "fabric/process.rs"]
mod process;
#[path = "fabric/pull.rs"]
mod pull;
#[path = "fabric/push.rs"]
mod push;
#[path = "fabric/support.rs"]
mod support;
#[path = "fabric/update.rs"]
mod update;
