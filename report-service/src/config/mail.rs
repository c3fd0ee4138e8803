//! `[mail]`: whether and how documents go out by mail.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};

use crate::mail::MailAddress;
use crate::secrets::SecretRef;

/// The server that takes our letters, and to whom they may go.
#[derive(Clone, Debug, Deserialize)]
pub struct MailConfig {
    /// The server's name, as in its certificate; without one, mail is not offered.
    #[serde(default)]
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub tls: MailTls,
    /// The only roots trusted for it, PEM.
    pub ca: Option<PathBuf>,
    /// Whom it knows us as; empty where it asks nobody.
    #[serde(default)]
    pub user: String,
    /// The password, in the secret store.
    pub password: Option<SecretRef>,
    /// Who writes.
    pub from: Option<MailAddress>,
    /// Domains that letters may go to.
    #[serde(default)]
    pub allowed_domains: Vec<String>,
    /// Largest attachment; a larger document goes out as a link.
    pub attachment_mb: u32,
}

/// How the connection to the server is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// In the clear first, and not a word more before TLS.
    Starttls,
    /// From the first byte.
    Tls,
    /// Not at all: for a server on this machine alone.
    None,
}

impl MailConfig {
    /// Whether mail is offered.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        !self.server.is_empty() && !self.allowed_domains.is_empty()
    }
}

impl Section for MailConfig {
    fn validate(&self, faults: &mut Faults) {
        for (index, domain) in self.allowed_domains.iter().enumerate() {
            if format!("a@{domain}").parse::<MailAddress>().is_err() {
                faults
                    .add(
                        &format!("allowed_domains[{index}]"),
                        format!("is \"{domain}\""),
                    )
                    .allowed("a domain such as example.net");
            }
        }
        if !self.is_offered() {
            return;
        }
        if self.from.is_none() {
            faults
                .add("from", "is not set")
                .allowed("the address that letters come from");
        }
        let here = self.server == "localhost"
            || self
                .server
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if self.tls == MailTls::None && !here {
            faults
                .add("tls", "is \"none\" for a server on another machine")
                .allowed("\"starttls\" or \"tls\"");
        }
        if self.tls != MailTls::None && self.ca.is_none() {
            faults
                .add("ca", "is not set")
                .allowed("a PEM file with the roots of the server's certificate");
        }
        if self.user.is_empty() != self.password.is_none() {
            faults
                .add("user", "and password go together")
                .allowed("both or neither");
        }
        if self.tls == MailTls::None && !self.user.is_empty() {
            faults
                .add("user", "would be sent in the clear")
                .allowed("no user where tls is \"none\"");
        }
        if !(1..=100).contains(&self.attachment_mb) {
            faults
                .add("attachment_mb", format!("is {}", self.attachment_mb))
                .allowed("1 to 100");
        }
    }
}
