//! The daemon: answers requests for certificates and keeps the brokers' revocation list up to date.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use spokegate_contract::Address;
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;
use spokegate_daemon::{Context, cli};
use spokegate_relay::{Leases, Link, SanitizerConfig};

use crate::authority::Authorities;
use crate::cli::{CaVerb, conclude};
use crate::config::{Config, DEFAULTS};
use crate::office::Office;

mod intake;
mod lists;
mod orders;

use intake::EnrolIntake;
use lists::Lists;
use orders::{Orders, ResultIntake};

/// The daemon, running.
pub struct Provisioner {
    office: Arc<Office>,
}

impl Provisioner {
    /// Opens authorities and registry, makes the first revocation list, and starts to read from every sanitizer. None
    /// needs to be up yet.
    ///
    /// # Errors
    /// When authorities, registry, certificates or keys cannot be used.
    pub async fn start(config: &Config, context: &Context) -> anyhow::Result<Self> {
        let directory = &config.authorities.directory;
        let office = Office::open(directory).await.with_context(|| {
            format!(
                "open the authorities in {} (authorities.directory)",
                directory.display()
            )
        })?;
        let office = Arc::new(office);
        let links: Vec<Arc<Link>> = config
            .sanitizers
            .iter()
            .map(|sanitizer| SanitizerConfig::link(sanitizer).map(Arc::new))
            .collect::<Result<_, _>>()?;
        if links.is_empty() {
            tracing::warn!(
                "no sanitizer is configured: nobody can enrol, and no broker hears of revocations"
            );
        }
        // Whatever is lost with a sanitizer is asked for again by who wants a certificate.
        Leases::start(
            links.clone(),
            vec![Address::door().tenant],
            context.clock.clone(),
            &context.tasks,
            drop,
        );
        let lists = Lists::start(Arc::clone(&office), context).await?;
        let orders = Orders::new(Arc::clone(&office), links.clone(), context.clock.clone());
        context
            .tasks
            .spawn("commands", orders.run(context.tasks.clone()));
        for link in links {
            let results = ResultIntake::new(
                Arc::clone(&office),
                Arc::clone(&link),
                context.clock.clone(),
                context.tasks.clone(),
            );
            context.tasks.spawn(
                "results",
                Arc::clone(&link).drain(Arc::new(results), context.tasks.clone()),
            );
            let intake = EnrolIntake::new(
                Arc::clone(&office),
                Arc::clone(&link),
                config.enrolment.policy(),
                context.clock.clone(),
            );
            let (forgot, soft) = (intake.forgot(), context.tasks.soft());
            context.tasks.spawn(
                "enrolment",
                Arc::clone(&link).drain(Arc::new(intake), context.tasks.clone()),
            );
            context
                .tasks
                .spawn("revocation list", lists.send_to(link, forgot, soft));
        }
        tracing::info!(
            trust_domain = %office.authorities().fabric.trust_domain(),
            "the provisioner decides about certificates"
        );
        Ok(Self { office })
    }

    /// Closes the registry; for the end, when no task uses it any more.
    pub async fn close(&self) {
        self.office.close().await;
    }
}

/// The binary `spokegate-provisioner`.
pub struct Service;

/// Subcommands beside those that all services have.
#[derive(Debug, clap::Subcommand)]
pub enum Extra {
    /// The certificate authorities
    #[command(subcommand)]
    Ca(CaVerb),
}

impl cli::Service for Service {
    const NAME: &'static str = "provisioner";
    const ABOUT: &'static str =
        "Spokegate's provisioner: decides who gets a certificate and which are no longer good";
    const DEFAULTS: &'static str = DEFAULTS;
    type Config = Config;
    type Extra = Extra;

    fn log(config: &Config) -> &LogConfig {
        &config.log
    }

    fn ops(config: &Config) -> &OpsConfig {
        &config.ops
    }

    fn check(config: &Config) -> Vec<String> {
        let directory = &config.authorities.directory;
        let opened = Authorities::open(directory).with_context(|| {
            format!(
                "open the authorities in {} (authorities.directory)",
                directory.display()
            )
        });
        let links = config.sanitizers.iter().map(|it| it.link().map(drop));
        let checks = std::iter::once(opened.map(drop)).chain(links);
        let told = |error: anyhow::Error| format!("{error:#}");
        checks.filter_map(Result::err).map(told).collect()
    }

    async fn run(config: Config, context: Context) -> anyhow::Result<()> {
        let latch = context.readiness.latch("authorities");
        let _provisioner = Provisioner::start(&config, &context).await?;
        latch.set();
        context.tasks.soft().cancelled().await;
        Ok(())
    }

    fn extra(extra: Extra, _: &cli::ConfigArgs) -> ExitCode {
        let Extra::Ca(verb) = extra;
        conclude(verb.run(spokegate_daemon::Clock::system().now_ms()))
    }
}
