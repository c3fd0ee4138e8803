//! An installation as an operator runs it: each service is the built binary with its configuration file, in a process of
//! its own that can be killed and started again at the same addresses and with the same folders.

mod authority;
mod config;
mod installation;
mod process;
mod segment;
mod users;

pub(crate) use installation::{Installation, Plan};
pub(crate) use process::kill_nine;
pub(crate) use segment::Source;
