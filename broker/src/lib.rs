#![doc = include_str!("../README.md")]

mod admin;
mod cell;
mod config;
mod enrol;
mod explain;
mod front;
mod meters;
pub mod packet;
pub mod policy;
mod rate;
pub mod revocation;
mod roster;
mod service;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use config::{
    AdminConfig, BrokerConfig, BrokerLimits, BrokerTls, DEFAULTS, EnrolmentConfig, Listener,
    ListenerKind, RevocationConfig,
};
pub use explain::{Action, Verdict, explain};
pub use front::Broker;
pub use service::BrokerService;

/// Locks, also when a task panicked while it held the lock: what the crate's locks guard is valid between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
