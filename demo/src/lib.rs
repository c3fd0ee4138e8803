#![doc = include_str!("../README.md")]

pub mod cli;
pub mod client;
pub mod directory;
pub mod http;
pub mod node_red;
pub mod services;

mod authority;
mod banner;
mod built_in;
mod child;
mod fabric;
mod once;
mod options;
mod satellite;
mod state;

pub use child::Child;
pub use fabric::Fabric;
pub use options::{BrokerChoice, BrokerNeeds, Options, OtherBroker, Service, SourceChoice, Tenant};
pub use satellite::Satellite;
