//! Contracts compiled for the tree of [`crate::body`], which they judge in place.

mod compile;
mod keyword;
mod library;
mod representation;

pub use compile::{Contract, ContractError};
pub use library::{Library, Shaped};
