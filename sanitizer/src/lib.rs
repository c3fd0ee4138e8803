#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

#[cfg(all(feature = "backdoor", not(debug_assertions)))]
compile_error!("the feature `backdoor` is for a test, and never for a program that anybody runs");

pub mod body;
mod check;
mod config;
pub mod contracts;
pub mod csr;
mod derive;
mod egress;
mod ingest;
mod link;
#[doc(hidden)]
pub mod properties;
mod sandbox;
mod seal;
mod self_test;
mod service;
mod setup;
mod stdio;
mod supervisor;
mod worker;

pub use config::{
    BrokerConfig, BudgetConfig, DEFAULTS, InnerConfig, QuarantineConfig, SanitizerConfig,
    SealConfig, Separate, UsersConfig, WorkerConfig,
};
pub use derive::DeriveArgs;
pub use self_test::{AttackArgs, SelfTestArgs};
pub use service::{SanitizerService, Verb};
pub use setup::{PresenceMode, SandboxMode, SessionMode, TlsPaths};
pub use supervisor::Sanitizer;
pub use worker::Unconfined;

/// The whole `main` of every process of the sanitizer.
pub fn main() -> std::process::ExitCode {
    sandbox::bound_heaps();
    spokegate_daemon::cli::main::<SanitizerService>()
}
