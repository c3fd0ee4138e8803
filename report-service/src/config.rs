//! The configuration: one struct per section, checked as a whole before anything starts.

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use std::path::PathBuf;

mod api;
mod artefacts;
mod directory;
mod listener;
mod mail;
mod pdf;
mod people;
mod render;
mod rights;
mod runs;
mod satellite_log;
mod secrets;
mod store;
mod templates;

pub use api::ApiConfig;
pub use artefacts::{ArtefactsConfig, ArtefactsPlace, S3Config, S3Encryption};
pub use directory::DirectoryConfig;
pub use listener::{ListenerConfig, ListenerTls};
pub use mail::{MailConfig, MailTls};
pub use pdf::PdfConfig;
pub use people::{RolesConfig, SessionConfig, ThrottleConfig};
pub use render::RenderConfig;
pub use rights::{BreakGlassConfig, GrantConfig, SecondFactorConfig};
pub use runs::{RunsConfig, TenantConfig};
pub use satellite_log::SatelliteLogConfig;
pub use secrets::{SecretsBackend, SecretsConfig, VaultConfig};
pub use spokegate_relay::SanitizerConfig;
pub use store::StoreConfig;
pub use templates::TemplatesConfig;

use crate::auth::Site;

/// The documented defaults: what `example-config` prints, and the schema of known keys.
pub const DEFAULTS: &str = include_str!("../defaults.toml");

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// The folder of report folders.
    pub reports: PathBuf,
    /// The folder of dataset contracts.
    pub schemas: PathBuf,
    /// The folder of central sources.
    pub sources: PathBuf,
    /// The folder of files that central sources read.
    pub source_files: PathBuf,
    /// Where finished documents are kept, and everything on its way there.
    pub files: PathBuf,
    /// Documents in another place than that folder.
    pub artefacts: ArtefactsConfig,
    /// Where data comes from.
    #[serde(default, rename = "sanitizer")]
    pub sanitizers: Vec<SanitizerConfig>,
    /// The customers.
    #[serde(default, rename = "tenant")]
    pub tenants: Vec<TenantConfig>,
    /// How many runs, and how long they stay.
    pub runs: RunsConfig,
    /// How long lines of satellites' Node-RED stay.
    pub satellite_log: SatelliteLogConfig,
    /// What filling a template may take.
    pub render: RenderConfig,
    /// What people may upload as templates.
    pub templates: TemplatesConfig,
    /// PDF beside Word.
    pub pdf: PdfConfig,
    /// Documents by mail.
    pub mail: MailConfig,
    /// Where staff work.
    pub forms: ListenerConfig,
    /// Where administrators work.
    pub admin: ListenerConfig,
    /// Who people are.
    pub directory: DirectoryConfig,
    /// Which groups give which role.
    pub roles: RolesConfig,
    /// Which groups may run what for whom.
    #[serde(default, rename = "rights")]
    pub grants: Vec<GrantConfig>,
    /// The local administrator for when the directory is gone.
    pub break_glass: BreakGlassConfig,
    /// Where the password alone is not enough.
    pub second_factor: SecondFactorConfig,
    /// How long sessions last.
    pub session: SessionConfig,
    /// How often a sign-in may fail.
    pub throttle: ThrottleConfig,
    /// Limits of the API and of its tokens.
    pub api: ApiConfig,
    /// Passwords for sources, mail and storage.
    pub secrets: SecretsConfig,
    /// Where everything is kept.
    pub store: StoreConfig,
    /// Health and metrics.
    pub ops: OpsConfig,
    /// Logs.
    pub log: LogConfig,
}

impl Config {
    /// The listener of a site.
    #[must_use]
    pub fn listener(&self, site: Site) -> &ListenerConfig {
        match site {
            Site::Forms => &self.forms,
            Site::Admin => &self.admin,
        }
    }
}

impl Section for Config {
    fn validate(&self, faults: &mut Faults) {
        faults.within("artefacts", &self.artefacts);
        faults.within("forms", &self.forms);
        faults.within("admin", &self.admin);
        faults.within("directory", &self.directory);
        faults.within("roles", &self.roles);
        rights::validate(self, faults);
        faults.within("second_factor", &self.second_factor);
        faults.within("session", &self.session);
        faults.within("throttle", &self.throttle);
        faults.within("api", &self.api);
        faults.within("secrets", &self.secrets);
        faults.within("store", &self.store);
        faults.within("runs", &self.runs);
        faults.within("satellite_log", &self.satellite_log);
        faults.within("render", &self.render);
        faults.within("templates", &self.templates);
        faults.within("pdf", &self.pdf);
        faults.within("mail", &self.mail);
        runs::validate_lists(&self.sanitizers, &self.tenants, faults);
        faults.within("ops", &self.ops);
        faults.within("log", &self.log);
        let shared = self.forms.listen.port() != 0 && self.forms.listen == self.admin.listen;
        if shared {
            faults
                .add(
                    "admin.listen",
                    format!(
                        "is the same address as forms.listen ({})",
                        self.forms.listen
                    ),
                )
                .allowed("two different addresses")
                .hint("give the admin listener a port of its own");
        }
    }
}

#[cfg(test)]
mod tests;
