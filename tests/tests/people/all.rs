//! A directory, the service and a browser, for whoever signs in.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod browser;
pub(crate) mod service;
pub(crate) mod testbed;
