//! `[mail]`: whether and how documents go out by mail.

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};

/// The server that takes our letters, and to whom they may go.
#[derive(Clone, Debug, Deserialize)]
pub struct MailConfig {
    /// Domains that letters may go to; without any, mail is not offered.
    #[serde(default)]
    pub allowed_domains: Vec<String>,
}

impl MailConfig {
    /// Whether mail is offered.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        !self.allowed_domains.is_empty()
    }
}

impl Section for MailConfig {
    fn validate(&self, faults: &mut Faults) {
        for (index, domain) in self.allowed_domains.iter().enumerate() {
            let address = format!("a@{domain}").parse::<crate::mail::MailAddress>();
            if address.is_err() {
                faults
                    .add(
                        &format!("allowed_domains[{index}]"),
                        format!("is \"{domain}\""),
                    )
                    .allowed("a domain such as example.net");
            }
        }
    }
}
