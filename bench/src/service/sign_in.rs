//! Sign-ins through the form, all at once, against what the directory itself takes for as many binds.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use ldap3::{LdapConnAsync, LdapConnSettings};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use spokegate_daemon::Secret;
use spokegate_demo::{Fabric, Options};

use super::Effort;
use super::directory::Directory;
use super::process::ServiceProcess;
use crate::figures::Samples;
use crate::rows::Row;

/// Against each directory: people who sign in at once, each of them a different one.
pub(super) async fn measure(repository: &Path, effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let mut options = Options::sample()?;
    options.tenants.truncate(1);
    options.push_every_s = 3_600;
    let fabric = Fabric::start(options).await.context("start Spokegate")?;
    fabric.reports().stop().await;
    let mut rows = Vec::new();
    for (name, script) in [("slapd", "start-slapd.sh"), ("Samba", "start-samba-ad.sh")] {
        let directory = Directory::start(repository, script, effort.people)?;
        rows.push(against(&fabric, &directory, name, effort).await?);
    }
    fabric.shutdown().await;
    Ok(rows)
}

async fn against(
    fabric: &Fabric,
    directory: &Directory,
    name: &str,
    effort: &Effort,
) -> anyhow::Result<Row> {
    let secret = fabric.folder().join(format!("{name}.secret"));
    private(&secret, directory.get("LDAP_BIND_PW")?)?;
    let settings = [
        format!("directory.urls=[\"{}\"]", directory.get("LDAPS_URL")?),
        format!("directory.ca={}", directory.get("LDAP_CA")?),
        format!("directory.base={}", directory.get("LDAP_BASE")?),
        format!("directory.bind_dn={}", directory.get("LDAP_BIND_DN")?),
        format!("directory.bind_password_file={}", secret.display()),
        "directory.timeout_ms=30000".to_owned(),
    ];
    let service = ServiceProcess::start(fabric, &settings).await?;
    let password = Secret::new(directory.get("LDAP_USER_PW")?);
    let documents = f64::from(u32::try_from(effort.people)?);
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    for _ in 0..effort.storms {
        let begin = Instant::now();
        let people = (1..=effort.people).map(|number| sign_in(&service, person(number), &password));
        futures_util::future::try_join_all(people).await?;
        ours.add_number(documents / begin.elapsed().as_secs_f64());
        let begin = Instant::now();
        let binds = (1..=effort.people).map(|number| bind(directory, person(number)));
        futures_util::future::try_join_all(binds).await?;
        bare.add_number(documents / begin.elapsed().as_secs_f64());
    }
    Ok(Row::pair(
        format!("{} people sign in at once, {name}", effort.people),
        (&ours, &bare),
        "bare binds",
        "per second, more is better",
    ))
}

/// As the scripts name the people of the crowd.
fn person(number: usize) -> String {
    format!("c{number:05}")
}

async fn sign_in(service: &ServiceProcess, name: String, password: &Secret) -> anyhow::Result<()> {
    let mut browser = service.browser()?;
    let page = browser.sign_in(&name, password).await?;
    ensure!(page.path() == "/", "{name} is not in: {}", page.text());
    Ok(())
}

/// What any program must do at least: a connection with TLS, and the person's own bind.
async fn bind(directory: &Directory, name: String) -> anyhow::Result<()> {
    let settings = LdapConnSettings::new().set_config(Arc::new(trust(directory)?));
    let (connection, mut ldap) =
        LdapConnAsync::with_settings(settings, directory.get("LDAPS_URL")?)
            .await
            .context("connect to the directory")?;
    let drive = async move {
        let _ = connection.drive().await;
        Ok(())
    };
    let work = async move {
        ldap.simple_bind(&directory.bind_name(&name)?, directory.get("LDAP_USER_PW")?)
            .await?
            .success()
            .with_context(|| format!("bind {name}"))?;
        ldap.unbind().await.context("unbind")
    };
    tokio::try_join!(drive, work)?;
    Ok(())
}

fn trust(directory: &Directory) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(directory.get("LDAP_CA")?)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("create {}", path.display()))?;
    file.write_all(text.as_bytes())
        .context("write the directory's secret")
}
