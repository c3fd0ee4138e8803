//! The command line's service.

use std::process::ExitCode;

use spokegate_daemon::Context;
use spokegate_daemon::cli::{ConfigArgs, Service};
use spokegate_daemon::logging::LogConfig;
use spokegate_daemon::ops::OpsConfig;

use crate::agent::check_files;
use crate::enrol::verbs::Verb;
use crate::{Agent, Config, DEFAULTS};

/// The whole `main` of an agent that is this version.
pub fn main(version: &'static str) -> ExitCode {
    crate::update::set_version(version);
    spokegate_daemon::cli::main::<AgentService>()
}

/// `spokegate-agent`.
#[derive(Debug)]
pub struct AgentService;

impl Service for AgentService {
    const NAME: &'static str = "agent";
    const ABOUT: &'static str =
        "Supplies the centre with data of this network segment, through the local Node-RED";
    const DEFAULTS: &'static str = DEFAULTS;
    type Config = Config;
    type Extra = Verb;

    fn version() -> &'static str {
        crate::update::version()
    }

    fn log(config: &Config) -> &LogConfig {
        &config.log
    }

    fn ops(config: &Config) -> &OpsConfig {
        &config.ops
    }

    async fn run(config: Config, context: Context) -> anyhow::Result<()> {
        let agent = Agent::bind(config, &context).await?;
        agent.join().await;
        Ok(())
    }

    fn check(config: &Config) -> Vec<String> {
        check_files(config)
    }

    fn extra(verb: Verb, files: &ConfigArgs) -> ExitCode {
        verb.run(files)
    }
}
