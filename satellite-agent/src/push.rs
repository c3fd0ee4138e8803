//! Pushes: taken in, kept, sent until the centre has stored them.

pub(crate) mod endpoint;
pub(crate) mod intake;
pub(crate) mod log;
pub(crate) mod schedule;
pub(crate) mod sender;
