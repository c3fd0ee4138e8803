//! The command lines of `spokegate` and `spokegate-provisioner`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use spokegate_contract::{Address, SatelliteId, TenantId};
use spokegate_daemon::{Clock, EXIT_FAILURE, cli};
use spokegate_identity::{Principal, ServiceName, TrustDomain};

use crate::authority::{Authorities, Authority, Issued};
use crate::hop::Hop;
use crate::plan::{CertificatePlan, HostName, Validity};

/// Certificates of clients and listeners live this long unless told otherwise.
const LEAF_DAYS: u32 = 90;
/// Authorities live this long unless told otherwise.
const AUTHORITY_DAYS: u32 = 3_650;

#[derive(Debug, Parser)]
#[command(
    name = "spokegate",
    version,
    about = "The operator's command line of Spokegate"
)]
struct Operator {
    #[command(subcommand)]
    verb: OperatorVerb,
}

#[derive(Debug, Subcommand)]
enum OperatorVerb {
    /// The certificate authorities
    #[command(subcommand)]
    Ca(CaVerb),
    /// The customers
    #[command(subcommand)]
    Tenant(TenantVerb),
    /// The services as clients: the sanitizer at the broker, the report service at the sanitizer
    #[command(subcommand)]
    Service(ServiceVerb),
    /// The listeners of broker and sanitizer
    #[command(subcommand)]
    Server(ServerVerb),
}

#[derive(Debug, Parser)]
#[command(
    name = "spokegate-provisioner",
    version,
    about = "The certificate authorities of Spokegate"
)]
struct Provisioner {
    #[command(subcommand)]
    verb: ProvisionerVerb,
}

#[derive(Debug, Subcommand)]
enum ProvisionerVerb {
    /// The certificate authorities
    #[command(subcommand)]
    Ca(CaVerb),
}

#[derive(Debug, Subcommand)]
enum CaVerb {
    /// Makes the two authorities of a new installation
    Init {
        /// A folder that does not hold any yet
        #[arg(long)]
        dir: PathBuf,
        /// The installation's name, for example msp.example
        #[arg(long)]
        trust_domain: TrustDomain,
        /// How long they live
        #[arg(long, default_value_t = AUTHORITY_DAYS)]
        days: u32,
    },
    /// Shows the two authorities
    Show {
        /// Their folder
        #[arg(long)]
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum TenantVerb {
    /// Issues a certificate to a satellite
    Certificate {
        /// The tenant's id
        #[arg(long)]
        tenant: TenantId,
        /// The satellite's id
        #[arg(long)]
        satellite: SatelliteId,
        #[command(flatten)]
        order: Order,
    },
}

#[derive(Debug, Subcommand)]
enum ServiceVerb {
    /// Issues a certificate to a service
    Certificate {
        /// sanitizer or report-service
        #[arg(long)]
        service: ServiceName,
        #[command(flatten)]
        order: Order,
    },
}

#[derive(Debug, Subcommand)]
enum ServerVerb {
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
struct Order {
    /// The folder of the authorities
    #[arg(long)]
    dir: PathBuf,
    /// The folder for certificate.pem, key.pem and ca.pem
    #[arg(long)]
    out: PathBuf,
    /// How long it lives
    #[arg(long, default_value_t = LEAF_DAYS)]
    days: u32,
}

/// The `main` of `spokegate`.
pub fn operator() -> ExitCode {
    let now_ms = Clock::system().now_ms();
    conclude(match Operator::parse().verb {
        OperatorVerb::Ca(verb) => ca(verb, now_ms),
        OperatorVerb::Tenant(TenantVerb::Certificate {
            tenant,
            satellite,
            order,
        }) => {
            let principal = Principal::Satellite(Address::new(tenant, satellite));
            client_certificate(principal, &order, now_ms)
        }
        OperatorVerb::Service(ServiceVerb::Certificate { service, order }) => {
            client_certificate(Principal::Service(service), &order, now_ms)
        }
        OperatorVerb::Server(ServerVerb::Certificate {
            authority,
            names,
            order,
        }) => server_certificate(authority, &names, &order, now_ms),
    })
}

/// The `main` of `spokegate-provisioner`.
pub fn provisioner() -> ExitCode {
    let ProvisionerVerb::Ca(verb) = Provisioner::parse().verb;
    conclude(ca(verb, Clock::system().now_ms()))
}

fn conclude(result: anyhow::Result<String>) -> ExitCode {
    match result {
        Ok(text) => cli::print(&text),
        Err(error) => {
            cli::tell(&format!("{error:#}"));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

fn ca(verb: CaVerb, now_ms: u64) -> anyhow::Result<String> {
    match verb {
        CaVerb::Init {
            dir,
            trust_domain,
            days,
        } => Authorities::create(&dir, &trust_domain, Validity::days(now_ms, days))
            .map(|authorities| show(&authorities))
            .with_context(|| format!("make the authorities in {}", dir.display())),
        CaVerb::Show { dir } => open(&dir).map(|authorities| show(&authorities)),
    }
}

fn client_certificate(principal: Principal, order: &Order, now_ms: u64) -> anyhow::Result<String> {
    let authorities = open(&order.dir)?;
    let validity = Validity::days(now_ms, order.days);
    let (authority, plan) = match &principal {
        Principal::Satellite(address) => {
            let authority = &authorities.fabric;
            (
                authority,
                CertificatePlan::satellite(address, authority.trust_domain(), validity)?,
            )
        }
        Principal::Service(name) => {
            let authority = authorities.of(Hop::of(*name));
            (
                authority,
                CertificatePlan::service(*name, authority.trust_domain(), validity)?,
            )
        }
    };
    issue(authority, &plan, &order.out)
}

fn server_certificate(
    hop: Hop,
    names: &[HostName],
    order: &Order,
    now_ms: u64,
) -> anyhow::Result<String> {
    let authorities = open(&order.dir)?;
    let plan = CertificatePlan::server(names, Validity::days(now_ms, order.days))?;
    issue(authorities.of(hop), &plan, &order.out)
}

fn issue(authority: &Authority, plan: &CertificatePlan, out: &Path) -> anyhow::Result<String> {
    let issued: Issued = authority
        .issue(plan)
        .with_context(|| format!("issue a certificate for {plan}"))?;
    issued.write(out).context("keep the certificate")?;
    let out = out.display();
    Ok(format!(
        "{plan}\nvalid until {}\n{out}/certificate.pem\n{out}/key.pem (keep it secret)\n{out}/ca.pem\n",
        moment(plan.validity().not_after_ms)
    ))
}

fn open(dir: &Path) -> anyhow::Result<Authorities> {
    Authorities::open(dir).with_context(|| format!("open the authorities in {}", dir.display()))
}

fn show(authorities: &Authorities) -> String {
    [&authorities.fabric, &authorities.inner]
        .map(|authority| {
            format!(
                "{} authority of {}\n  sha256 {}\n  valid until {}\n",
                authority.hop(),
                authority.trust_domain(),
                authority.fingerprint(),
                moment(authority.not_after_ms())
            )
        })
        .concat()
}

fn moment(ms: u64) -> String {
    use time::format_description::well_known::Rfc3339;
    i64::try_from(ms / 1_000)
        .ok()
        .and_then(|seconds| time::OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| "the end of time".to_owned())
}
