//! `[directory]`: where people come from.

use crate::directory::{DirectorySettings, KindSetting, ServerUrl};
use crate::store::tokens::TokenKind;
use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};
use spokegate_daemon::{Secret, SecretSource};
use std::path::PathBuf;
use std::time::Duration;

/// The directory and the account that reads it.
#[derive(Clone, Debug, Deserialize)]
pub struct DirectoryConfig {
    /// The directory's name in people's ids.
    pub id: String,
    /// Which kind it is.
    pub kind: KindSetting,
    /// Servers in order of preference.
    pub urls: Vec<String>,
    /// Whether `ldap://` servers are brought to TLS.
    pub starttls: bool,
    /// Roots trusted for the servers.
    pub ca: PathBuf,
    /// Where people and groups are searched.
    pub base: String,
    /// The service account.
    pub bind_dn: String,
    /// Its password; better in the file.
    pub bind_password: Option<Secret>,
    /// The file with its password.
    pub bind_password_file: Option<PathBuf>,
    /// What people sign in with, where the directory is not AD.
    pub user_attribute: String,
    /// Limit of one operation, milliseconds.
    pub timeout_ms: u64,
}

impl DirectoryConfig {
    /// The adapter's settings; `groups` are all groups that anything depends on. Call it on a checked configuration.
    ///
    /// # Errors
    /// When a server's address is none, which [`Section::validate`] would have told.
    pub fn settings(&self, groups: Vec<String>) -> anyhow::Result<DirectorySettings> {
        Ok(DirectorySettings {
            id: self.id.clone(),
            kind: self.kind,
            servers: self
                .urls
                .iter()
                .map(|url| Ok(ServerUrl::parse(url)?))
                .collect::<anyhow::Result<_>>()?,
            starttls: self.starttls,
            ca: self.ca.clone(),
            base: self.base.clone(),
            bind_dn: self.bind_dn.clone(),
            bind_password: self.bind_password_source(),
            user_attribute: self.user_attribute.clone(),
            groups,
            timeout: Duration::from_millis(self.timeout_ms),
        })
    }

    fn bind_password_source(&self) -> SecretSource {
        SecretSource::new(self.bind_password.clone(), self.bind_password_file.clone())
    }

    fn validate_urls(&self, faults: &mut Faults) {
        if self.urls.is_empty() {
            faults
                .add("urls", "is empty")
                .allowed("one or more ldaps:// addresses");
        }
        for (position, text) in self.urls.iter().enumerate() {
            let key = format!("urls[{position}]");
            match ServerUrl::parse(text) {
                Err(error) => {
                    faults
                        .add(&key, format!("{text:?} {error}"))
                        .allowed("ldaps://host[:port], or ldap://host[:port] with starttls = true")
                        .hint("use the name that stands in the server's certificate");
                }
                Ok(url) if !url.is_tls() && !self.starttls => {
                    faults
                        .add(&key, format!("{text:?} is without TLS"))
                        .allowed("ldaps://, or ldap:// with starttls = true")
                        .hint("write ldaps:// if the server has it");
                }
                Ok(url) if url.is_tls() && self.starttls => {
                    faults
                        .add(&key, format!("{text:?} is TLS from the start, and starttls = true asks for it again"))
                        .hint("set directory.starttls to false");
                }
                Ok(_) => {}
            }
        }
    }
}

impl Section for DirectoryConfig {
    fn validate(&self, faults: &mut Faults) {
        self.validate_urls(faults);
        let plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if self.id.is_empty() || self.id.len() > 40 || !plain(&self.id) {
            faults
                .add("id", format!("is {:?}", self.id))
                .allowed("1 to 40 letters, digits and hyphens");
        }
        if self.id == crate::auth::break_glass::DIRECTORY {
            faults
                .add("id", format!("is {:?}", self.id))
                .allowed("another name: that one is the local account's");
        }
        if self.id == TokenKind::Service.as_str() {
            faults
                .add("id", format!("is {:?}", self.id))
                .allowed("another name: that one stands before the names of programs");
        }
        if self.user_attribute.is_empty() || !plain(&self.user_attribute) {
            faults
                .add("user_attribute", format!("is {:?}", self.user_attribute))
                .allowed("an attribute name")
                .hint("write \"uid\"");
        }
        for (key, text) in [("base", &self.base), ("bind_dn", &self.bind_dn)] {
            if !text.contains('=') {
                faults
                    .add(key, format!("is {text:?}"))
                    .allowed("a DN such as dc=example,dc=net");
            }
        }
        match (&self.bind_password, &self.bind_password_file) {
            (Some(_), Some(_)) | (None, None) => {
                faults
                    .add(
                        "bind_password_file",
                        "exactly one of bind_password and bind_password_file must be set",
                    )
                    .hint("keep bind_password_file");
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
        faults.bounds("timeout_ms", self.timeout_ms, 100..=60_000);
    }
}
