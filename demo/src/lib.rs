#![doc = include_str!("../README.md")]

pub mod client;
pub mod directory;
pub mod http;
pub mod node_red;

mod built_in;
mod child;
mod options;

pub use child::Child;
pub use options::{Options, Service, SourceChoice, Tenant};
