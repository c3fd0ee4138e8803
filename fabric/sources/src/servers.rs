//! Database servers of a test process's own: the system's packages in new folders.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

pub mod mariadb;
pub mod postgres;
