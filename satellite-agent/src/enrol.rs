//! Getting a certificate: joining, and renewing what there is. The private key never leaves this machine.

pub(crate) mod door;
mod fresh;
mod join;
mod offline;
pub(crate) mod renewal;
pub(crate) mod verbs;

pub(crate) use fresh::Fresh;
