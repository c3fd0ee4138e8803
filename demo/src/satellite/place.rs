//! Where a satellite stands: its folder, its tokens, its configuration.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use spokegate_contract::Address;
use spokegate_daemon::Context;

use super::Satellite;
use crate::authority::Authority;
use crate::node_red::{Installed, Setup};
use crate::services::{TRUST_DOMAIN, free_port, quoted};
use crate::state::{State, random_secret, write_secret};
use crate::{Options, Service, Tenant};

/// The datasets of the flows.
const DATASETS: [&str; 3] = ["devices", "patch-status", "backup-jobs"];

pub(super) struct Place<'a> {
    pub(super) options: &'a Options,
    pub(super) state: &'a State,
    pub(super) authority: &'a Authority,
    pub(super) broker: SocketAddr,
    pub(super) installed: Option<&'a Installed>,
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
        let text = self.config_text(tenant, &folder, &setup)?;
        std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        Ok(Satellite {
            tenant: tenant.clone(),
            config,
            settings: self
                .options
                .settings_of(Service::Agent)
                .map(str::to_owned)
                .collect(),
            setup,
            installed: self.installed.cloned(),
            context: context.clone(),
            agent: None,
            source: None,
        })
    }

    fn config_text(&self, tenant: &Tenant, folder: &Path, setup: &Setup) -> anyhow::Result<String> {
        let address = Address::new(tenant.id.clone(), tenant.satellite.clone());
        let tls = self.authority.satellite(&address)?;
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
        Ok(format!(
            r#"trust_domain = "{TRUST_DOMAIN}"

[broker]
address = "{broker}"
server_name = "localhost"

[tls]
certificate = {certificate}
key = {key}
ca = {ca}

[spool]
path = {spool}

[status]
every_s = 5

[push]
listen = "{push}"
token_file = {push_token}
{sources}"#,
            broker = self.broker,
            certificate = quoted(&tls.certificate),
            key = quoted(&tls.key),
            ca = quoted(&tls.ca),
            spool = quoted(&folder.join("spool.db")),
            push = free_port()?,
            push_token = quoted(&setup.push_token),
        ))
    }
}
