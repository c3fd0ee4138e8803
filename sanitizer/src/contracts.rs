//! Contracts compiled for the tree of [`crate::body`], which they judge in place.

mod compile;
mod keyword;
mod library;
mod place;
mod quick;
mod representation;
mod standard;

pub use compile::{Contract, ContractError};
pub(crate) use library::check_folder;
pub use library::{Library, Shaped};
