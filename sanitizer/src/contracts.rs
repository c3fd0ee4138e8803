//! Contracts compiled for the tree of [`crate::body`], which they judge in place.

mod compile;
mod keyword;
mod library;
mod representation;
mod standard;

pub use compile::{Contract, ContractError};
pub use library::{Library, Shaped};
