//! Certificates with keys made here, for services, listeners, and satellites that do not enrol.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use spokegate_identity::{Principal, ServiceName, TrustDomain};

use super::{Directory, moment, wait_for};
use crate::hop::Hop;
use crate::plan::{CertificatePlan, HostName, PlanError, Validity};

/// Certificates of clients and listeners live this long unless told otherwise.
const LEAF_DAYS: u32 = 90;

#[derive(Debug, Subcommand)]
pub(super) enum ServiceVerb {
    /// Issues a certificate to a service
    Certificate {
        /// sanitizer, report-service or provisioner
        #[arg(long)]
        service: ServiceName,
        #[command(flatten)]
        order: Order,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ServerVerb {
    /// Issues a certificate to a listener
    Certificate {
        /// fabric for the broker, inner for the sanitizer
        #[arg(long)]
        authority: Hop,
        /// A host name or address under which it is dialled; may be repeated
        #[arg(long = "name", required = true)]
        names: Vec<HostName>,
        #[command(flatten)]
        order: Order,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Order {
    #[command(flatten)]
    directory: Directory,
    /// The folder for certificate.pem, key.pem and ca.pem
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// How long it lives
    #[arg(long, default_value_t = LEAF_DAYS)]
    days: u32,
}

impl ServiceVerb {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        let Self::Certificate { service, order } = self;
        order.client(&Principal::Service(service), now_ms)
    }
}

impl ServerVerb {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        let Self::Certificate {
            authority,
            names,
            order,
        } = self;
        order.issue(authority, now_ms, |_, validity| {
            CertificatePlan::server(&names, validity)
        })
    }
}

impl Order {
    /// Issues to a client, by the authority of its hop.
    pub(super) fn client(&self, principal: &Principal, now_ms: u64) -> anyhow::Result<String> {
        match principal {
            Principal::Satellite(address) => self.issue(Hop::Fabric, now_ms, |domain, validity| {
                CertificatePlan::satellite(address, domain, validity)
            }),
            Principal::Service(name) => self.issue(Hop::of(*name), now_ms, |domain, validity| {
                CertificatePlan::service(*name, domain, validity)
            }),
        }
    }

    fn issue(
        &self,
        hop: Hop,
        now_ms: u64,
        plan: impl FnOnce(&TrustDomain, Validity) -> Result<CertificatePlan, PlanError>,
    ) -> anyhow::Result<String> {
        wait_for(async {
            let office = self.directory.open().await?;
            let domain = office.authorities().of(hop).trust_domain();
            let plan = plan(domain, Validity::days(now_ms, self.days))?;
            let issued = office
                .issue(hop, &plan, now_ms)
                .await
                .with_context(|| format!("issue a certificate for {plan}"))?;
            office.close().await;
            issued.write(&self.output).context("keep the certificate")?;
            let output = self.output.display();
            Ok(format!(
                "{plan}\nvalid until {}\n{output}/certificate.pem\n{output}/key.pem (keep it secret)\n{output}/ca.pem\n",
                moment(plan.validity().not_after_ms)
            ))
        })
    }
}
