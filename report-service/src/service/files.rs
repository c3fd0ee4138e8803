//! The files that a configuration names, besides reports, sources and contracts; read without a service running.

use std::path::Path;

use anyhow::Context as _;
use spokegate_daemon::{Clock, Tasks};

use super::server_tls;
use crate::auth::Site;
use crate::config::{ArtefactsPlace, Config, SanitizerConfig, SecretsBackend};
use crate::directory::Directory;
use crate::outbound::client_tls;
use crate::secrets;

/// What is wrong with them, in words.
pub(super) fn check(config: &Config) -> Vec<String> {
    let pages = [Site::Forms, Site::Admin].map(|site| {
        let tls = server_tls(&config.listener(site).tls);
        tls.map(drop)
            .with_context(|| format!("set up TLS for the {0} listener ({0}.tls)", site.as_str()))
    });
    let links = config.sanitizers.iter();
    let links = links.map(|sanitizer| SanitizerConfig::link(sanitizer).map(drop));
    let secrets = secrets::check_files(&config.secrets, &config.store.url);
    let checks = pages
        .into_iter()
        .chain(links)
        .chain([directory(config), secrets])
        .chain(roots(config));
    let told = |error: anyhow::Error| format!("{error:#}");
    checks.filter_map(Result::err).map(told).collect()
}

fn directory(config: &Config) -> anyhow::Result<()> {
    let settings = config.directory.settings(Vec::new())?;
    let password = settings.bind_password.resolve();
    password.context("read the service account's password (directory.bind_password_file)")?;
    Directory::new(settings, Clock::system(), Tasks::new())
        .map(drop)
        .context("set up the directory (directory.ca)")
}

/// Files of roots of whatever is used.
fn roots(config: &Config) -> Vec<anyhow::Result<()>> {
    let vault = config.secrets.backend == SecretsBackend::Vault;
    let s3 = config.artefacts.place == ArtefactsPlace::S3;
    let used: [(bool, &str, Option<&Path>); 3] = [
        (
            config.mail.is_offered(),
            "mail.ca",
            config.mail.ca.as_deref(),
        ),
        (
            vault,
            "secrets.vault.ca",
            config.secrets.vault.ca.as_deref(),
        ),
        (s3, "artefacts.s3.ca", config.artefacts.s3.ca.as_deref()),
    ];
    let named = used.into_iter().filter(|(used, ..)| *used);
    let check = |(_, key, ca): (bool, &'static str, Option<&Path>)| {
        let tls = ca.map(|ca| client_tls(Some(ca)).map(drop));
        tls.unwrap_or(Ok(())).with_context(|| format!("use {key}"))
    };
    named.map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::storage::config;

    #[test]
    fn every_file_that_cannot_be_read_is_told() {
        let lines = "[mail]\nserver = \"localhost\"\nallowed_domains = [\"a.test\"]\nfrom = \"a@a.test\"\n\
             ca = \"/nowhere/mail.pem\"\n[secrets]\nmaster_key_file = \"/nowhere/master.key\"\n\
             [[sanitizer]]\nurl = \"https://s.test\"\nseal_key_file = \"/nowhere/seal.key\"\n\
             tls = { certificate = \"/nowhere/inner.pem\", key = \"k\", ca = \"c\" }\n";
        let told = check(&config(lines).unwrap());
        for expected in [
            "(forms.tls)",
            "(admin.tls)",
            "(directory.bind_password_file)",
            "mail.ca",
            "/nowhere/master.key",
            "/nowhere/seal.key",
        ] {
            assert!(
                told.iter().any(|line| line.contains(expected)),
                "{expected}: {told:#?}"
            );
        }
        assert_eq!(told.len(), 6, "{told:#?}");
    }
}
