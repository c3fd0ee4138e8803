//! The satellite's key, certificate and roots: how long they last, what may replace them, and how.

pub(crate) mod admit;
pub(crate) mod life;
pub(crate) mod store;

pub(crate) use admit::{Admitted, Expected, Issued};
pub(crate) use life::{Life, told};
pub(crate) use store::{Material, Store};
