#![doc = include_str!("../README.md")]

pub mod calls;
mod layers;
pub mod privileges;
pub mod program;
pub mod reach;
pub mod sys;

pub use layers::{Layers, Missing, Reached, SECCOMP, SandboxMode};
