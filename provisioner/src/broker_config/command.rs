//! The command line: reads the list, writes the files, and says what the broker cannot enforce.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use spokegate_contract::Address;
use spokegate_daemon::cli;
use spokegate_identity::TrustDomain;

use super::{Cluster, Kind, Parties, Rendered, Site, parties, render};
use crate::files::{Access, write_new};

/// The arguments of `spokegate broker-config`.
#[derive(Debug, clap::Args)]
pub(crate) struct Command {
    /// Which broker
    #[arg(value_enum)]
    broker: Kind,
    /// The installation's name, for example msp.example
    #[arg(long)]
    trust_domain: TrustDomain,
    /// A satellite that may come, as TENANT/SATELLITE; may be repeated
    #[arg(long = "satellite", value_parser = address)]
    satellites: Vec<Address>,
    /// A file with one TENANT/SATELLITE a line
    #[arg(long)]
    list: Option<PathBuf>,
    /// Where clients connect
    #[arg(long, default_value = "0.0.0.0:8883")]
    listen: SocketAddr,
    /// The broker's certificate, on its machine
    #[arg(long)]
    certificate: PathBuf,
    /// The file of its private key, on its machine
    #[arg(long)]
    key_file: PathBuf,
    /// The fabric's authority, on its machine
    #[arg(long)]
    ca: PathBuf,
    /// The list of revoked certificates, on its machine; Mosquitto only
    #[arg(long)]
    crl: Option<PathBuf>,
    /// A node of a NATS cluster, as NAME=HOST:PORT for the other nodes; once for each
    #[arg(long = "node", value_parser = node, requires = "node_tls")]
    nodes: Vec<(String, String)>,
    /// The folder with certificate.pem, key.pem and ca.pem of the nodes among each other, on their machines
    #[arg(long, requires = "nodes")]
    node_tls: Option<PathBuf>,
    /// The folder for the files; nothing in it is replaced
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Where the files will stand on the broker's machine; by default where they are written
    #[arg(long)]
    folder: Option<PathBuf>,
}

impl Command {
    /// Writes the files and gives their names; what the broker cannot enforce goes to the error output.
    pub(crate) fn run(&self) -> anyhow::Result<String> {
        let rendered = render(self.broker, &self.site()?)?;
        let files: Vec<(&str, Access, &[u8])> = rendered
            .files
            .iter()
            .map(|file| (file.name.as_str(), Access::Everyone, file.text.as_bytes()))
            .collect();
        write_new(&self.output, &files).context("write the configuration")?;
        cli::tell(warning(self.broker, &rendered).trim_end());
        let names = rendered.files.iter();
        let names = names.map(|file| format!("{}\n", self.output.join(&file.name).display()));
        Ok(names.collect())
    }

    fn site(&self) -> anyhow::Result<Site> {
        let mut addresses = self.satellites.clone();
        if let Some(path) = &self.list {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("read {}", path.display()))?;
            let listed = Parties::read_list(&text);
            addresses.extend(listed.with_context(|| format!("read {}", path.display()))?);
        }
        if self.crl.is_some() && self.broker != Kind::Mosquitto {
            bail!(
                "{} is not told of a revocation list\n  hint: leave --crl out; what to do instead is said when it is rendered",
                self.broker
            );
        }
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => std::path::absolute(&self.output).context("find the folder")?,
        };
        Ok(Site {
            trust_domain: self.trust_domain.clone(),
            parties: Parties::new(addresses)?,
            listen: self.listen,
            certificate: self.certificate.clone(),
            key: self.key_file.clone(),
            ca: self.ca.clone(),
            crl: self.crl.clone(),
            folder,
            cluster: match &self.node_tls {
                Some(tls) if !self.nodes.is_empty() => Some(self.cluster(tls)),
                _ => None,
            },
        })
    }

    fn cluster(&self, tls: &Path) -> Cluster {
        Cluster {
            nodes: self.nodes.clone(),
            certificate: tls.join("certificate.pem"),
            key: tls.join("key.pem"),
            ca: tls.join("ca.pem"),
        }
    }
}

fn warning(kind: Kind, rendered: &Rendered) -> String {
    let mut text = format!("what {kind} cannot enforce, and Spokegate's own broker does:\n");
    for limit in &rendered.limits {
        text.push_str("- ");
        text.push_str(limit.sentence(kind).unwrap_or_default());
        text.push('\n');
    }
    text
}

fn address(text: &str) -> Result<Address, String> {
    parties::parse(text)
        .ok_or_else(|| "allowed is TENANT/SATELLITE, for example acme/hq".to_owned())
}

fn node(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, address)| (name.to_owned(), address.to_owned()))
        .ok_or_else(|| "allowed is NAME=HOST:PORT, for example n1=10.0.0.1:6222".to_owned())
}
