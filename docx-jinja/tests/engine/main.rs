//! The engine from outside: packages in, packages out.

mod errors;
mod properties;
mod refusals;
mod render;
mod structure;
mod support;
