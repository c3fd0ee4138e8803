#![doc = include_str!("../README.md")]

pub mod api;
pub mod artefacts;
pub mod auth;
pub mod branding;
mod certificate;
pub mod config;
pub mod directory;
pub mod flows;
pub mod forms;
pub mod library;
pub mod mail;
pub mod pdf;
pub mod relay;
pub mod render;
pub mod reports;
pub mod runs;
pub mod satellite_log;
pub mod schedule;
pub mod secrets;
pub mod sources;
pub mod state;
pub mod store;
pub mod templates;
pub mod text;
pub mod web;

mod backup;
mod break_glass;
mod contracts_folder;
mod csv;
mod explain_sign_in;
pub mod health;
mod import_template;
mod outbound;
mod service;
mod starter_template;
mod supplied;
#[cfg(test)]
mod testing;
mod verify;

pub use config::Config;
pub use service::{ReportService, Service};
pub use state::AppState;
