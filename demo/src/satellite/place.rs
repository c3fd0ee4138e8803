//! Where a satellite stands: its folder, its tokens, its configuration.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use spokegate_contract::Address;
use spokegate_daemon::Context;
use spokegate_identity::TlsFiles;

use super::Satellite;
use crate::authority::Authority;
use crate::node_red::{Installed, Setup};
use crate::services::{TRUST_DOMAIN, free_port, quoted};
use crate::state::{State, random_secret, write_secret};
use crate::{BrokerChoice, Options, Service, Tenant};

/// The datasets of the flows.
const DATASETS: [&str; 3] = ["devices", "patch-status", "backup-jobs"];

/// A join that takes longer has failed.
const JOIN: Duration = Duration::from_secs(20);

pub(crate) struct Place<'a> {
    pub(crate) options: &'a Options,
    pub(crate) state: &'a State,
    pub(crate) authority: &'a Authority,
    pub(crate) broker: SocketAddr,
    pub(crate) door: SocketAddr,
    pub(crate) installed: Option<&'a Installed>,
}

impl Place<'_> {
    pub(super) fn prepare(&self, tenant: &Tenant, context: &Context) -> anyhow::Result<Satellite> {
        let folder = self.state.sub(&format!("satellites/{}", tenant.id))?;
        let setup = Setup {
            tenant: tenant.id.to_string(),
            addr: free_port()?,
            data: folder.join("node-red"),
            agent_token: folder.join("agent.token"),
            // Known once the agent listens.
            push_url: String::new(),
            push_token: folder.join("push.token"),
            push_every_s: self.options.push_every_s,
        };
        write_secret(&setup.agent_token, random_secret(32)?.expose())?;
        write_secret(&setup.push_token, random_secret(32)?.expose())?;
        let config = folder.join("agent.toml");
        let identity = folder.join("identity");
        let text = self.config_text(&folder, &identity, &setup)?;
        std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        Ok(Satellite {
            tenant: tenant.clone(),
            config,
            settings: self
                .options
                .settings_of(Service::Agent)
                .map(str::to_owned)
                .collect(),
            identity,
            setup,
            installed: self.installed.cloned(),
            context: context.clone(),
            agent: None,
            source: None,
        })
    }

    /// Gets the satellite its certificate as an engineer would: a join token at the centre, `join` in the segment. At
    /// another broker there is no door, and the certificate is carried over.
    pub(super) async fn enrol(&self, satellite: &Satellite) -> anyhow::Result<()> {
        let tenant = &satellite.tenant;
        let address = Address::new(tenant.id.clone(), tenant.satellite.clone());
        if satellite.identity.exists() {
            std::fs::remove_dir_all(&satellite.identity)
                .with_context(|| format!("remove {}", satellite.identity.display()))?;
        }
        if let BrokerChoice::External(_) = self.options.broker {
            let issued = self.authority.satellite(&address).await?;
            return Ok(issued.write(&satellite.identity)?);
        }
        let token = self.authority.join_token(&address, self.door).await?;
        spokegate_agent::join(&satellite.identity, &token, &satellite.context.clock, JOIN).await
    }

    fn config_text(&self, folder: &Path, identity: &Path, setup: &Setup) -> anyhow::Result<String> {
        let tls = TlsFiles::in_directory(identity);
        let sources: String = DATASETS
            .iter()
            .map(|dataset| {
                format!(
                    "\n[[source]]\ndataset = \"{dataset}\"\nkind = \"http\"\nurl = \"http://{}/spokegate/{dataset}\"\ntoken_file = {}\n",
                    setup.addr,
                    quoted(&setup.agent_token),
                )
            })
            .collect();
        // Node-RED's storage comes by itself: flows and library, for the centre to keep.
        let sources =
            format!("{sources}\n[[source]]\ndataset = \"node-red-storage\"\nkind = \"push\"\n");
        Ok(format!(
            r#"trust_domain = "{TRUST_DOMAIN}"
schemas = {schemas}

[broker]
address = "{broker}"
server_name = "localhost"

[tls]
certificate = {certificate}
key = {key}
ca = {ca}

[enrolment]
door = "localhost:{door}"

[spool]
path = {spool}

[status]
every_s = 5

[push]
listen = "{push}"
token_file = {push_token}
{sources}"#,
            schemas = quoted(&self.options.repository.join("schemas")),
            broker = self.broker,
            door = self.door.port(),
            certificate = quoted(&tls.certificate),
            key = quoted(&tls.key),
            ca = quoted(&tls.ca),
            spool = quoted(&folder.join("spool")),
            push = free_port()?,
            push_token = quoted(&setup.push_token),
        ))
    }
}
