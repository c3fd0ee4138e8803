#![doc = include_str!("../README.md")]

pub mod figures;
pub mod memory;
pub mod ours;
pub mod peer;
pub mod results;
pub mod run;
