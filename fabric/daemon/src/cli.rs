//! The command line that all services share.

use std::ffi::OsString;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::config::{ConfigFaults, Layered, Section};
use crate::lifecycle::{EXIT_CONFIG, EXIT_FAILURE};
use crate::logging::{self, LogConfig};
use crate::ops::{self, OpsConfig};
use crate::{Context, run_until_signal};

/// No rights for group and others on any file that a service makes.
const PRIVATE: rustix::fs::Mode = rustix::fs::Mode::RWXG.union(rustix::fs::Mode::RWXO);
/// How long `healthcheck` waits for the answer.
const HEALTHCHECK_LIMIT: Duration = Duration::from_secs(5);

/// One service: a binary `spokegate-<NAME>`.
pub trait Service {
    /// The name after `spokegate-`: `broker`, `sanitizer`, `agent`, `reports`.
    const NAME: &'static str;
    /// One line for `--help`.
    const ABOUT: &'static str;
    /// The documented defaults, which `example-config` prints and which are the schema of known keys.
    const DEFAULTS: &'static str;
    /// The configuration.
    type Config: Section;
    /// Further subcommands; [`NoExtra`] when there are none.
    type Extra: Subcommand;

    /// What `--version` says.
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
    /// Its `[log]` section.
    fn log(config: &Self::Config) -> &LogConfig;
    /// Its `[ops]` section.
    fn ops(config: &Self::Config) -> &OpsConfig;
    /// Runs before the first further thread, the last moment to become another user or give up rights: they are a
    /// thread's own.
    fn before_threads(_config: &Self::Config) -> anyhow::Result<()> {
        Ok(())
    }
    /// Runs until the context's soft token is cancelled. The operator's listener is already up.
    fn run(
        config: Self::Config,
        context: Context,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
    /// What is wrong with the files that a good configuration names, one text for each; `check-config` tells them.
    fn check(_config: &Self::Config) -> Vec<String> {
        Vec::new()
    }
    /// Runs one of the further subcommands.
    fn extra(extra: Self::Extra, files: &ConfigArgs) -> ExitCode;
}

/// For a service without further subcommands.
#[derive(Debug, Subcommand)]
pub enum NoExtra {}

/// Where the configuration comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigArgs {
    /// The TOML file
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Sets one key, above the file and the environment: --set section.key=value
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Loads the configuration of a service from all layers.
    pub fn load<S: Service>(&self) -> Result<S::Config, ConfigFaults> {
        let usual = usual_file::<S>();
        let file = self
            .config
            .clone()
            .or_else(|| usual.exists().then_some(usual));
        let mut layered = Layered::<S::Config>::new(S::NAME, S::DEFAULTS);
        if let Some(file) = file {
            layered = layered.file(file);
        }
        self.set.iter().fold(layered, Layered::flag).load()
    }

    /// Like [`Self::load`]; prints the faults and gives the exit code 78 when there are any.
    pub fn load_or_tell<S: Service>(&self) -> Result<S::Config, ExitCode> {
        self.load::<S>().map_err(|faults| {
            tell(&faults.to_string());
            ExitCode::from(EXIT_CONFIG)
        })
    }
}

/// Where a service's configuration lies unless told otherwise.
fn usual_file<S: Service>() -> PathBuf {
    PathBuf::from(format!("/etc/spokegate/{}.toml", S::NAME))
}

#[derive(Debug, Parser)]
struct Arguments<E: Subcommand> {
    #[command(flatten)]
    files: ConfigArgs,
    #[command(subcommand)]
    verb: Option<Verb<E>>,
}

#[derive(Debug, Subcommand)]
enum Verb<E: Subcommand> {
    /// Runs the service (the default)
    Run,
    /// Checks a configuration and tells all its faults; exit 0 or 78
    CheckConfig {
        /// The TOML file
        file: Option<PathBuf>,
    },
    /// Prints the documented defaults
    ExampleConfig,
    /// Asks the running service whether it is ready; exit 0 or 1
    Healthcheck,
    #[command(flatten)]
    Extra(E),
}

/// The whole `main` of a service.
pub fn main<S: Service>() -> ExitCode {
    main_from::<S>(std::env::args_os())
}

fn main_from<S: Service>(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = <Arguments<S::Extra> as clap::CommandFactory>::command()
        .display_name(binary(S::NAME))
        .bin_name(binary(S::NAME))
        .version(S::version())
        .about(S::ABOUT)
        .mut_arg("config", |config| {
            let usual = usual_file::<S>();
            config.help(format!(
                "The TOML file [default: {} where that exists]",
                usual.display()
            ))
        });
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| {
        <Arguments<S::Extra> as clap::FromArgMatches>::from_arg_matches(&matches)
    });
    let Arguments { files, verb } = match parsed {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    match verb.unwrap_or(Verb::Run) {
        Verb::Run => run::<S>(&files),
        Verb::CheckConfig { file } => check_config::<S>(&files, file.as_deref()),
        Verb::ExampleConfig => print(S::DEFAULTS),
        Verb::Healthcheck => healthcheck::<S>(&files),
        Verb::Extra(extra) => S::extra(extra, &files),
    }
}

/// Prints text on standard output; a reader that went away is no fault.
pub fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(EXIT_FAILURE),
    }
}

/// Runs what a verb has to wait for, in a runtime of its own.
///
/// # Errors
/// Those of the work; or there is no runtime to be had.
pub fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(work)
}

/// Prints one text for a person on standard error.
pub fn tell(text: &str) {
    // Nobody is left to be told of a failure here.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn binary(name: &str) -> String {
    format!("spokegate-{name}")
}

fn run<S: Service>(files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<S>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    // Before the first thread and the first file: what a service writes is for its own user.
    rustix::process::umask(PRIVATE);
    logging::init(S::log(&config));
    if let Err(error) = S::before_threads(&config) {
        tell(&format!("{error:#}"));
        return ExitCode::from(EXIT_CONFIG);
    }
    run_until_signal(S::NAME, |context| async move {
        ops::bind(S::ops(&config), &context).await?;
        S::run(config, context).await
    })
}

fn check_config<S: Service>(files: &ConfigArgs, file: Option<&Path>) -> ExitCode {
    let mut files = files.clone();
    files.config = file.map(Path::to_owned).or(files.config);
    match files.load_or_tell::<S>() {
        Ok(config) => match S::check(&config).as_slice() {
            [] => print("the configuration is good\n"),
            problems => {
                tell(&problems.join("\n"));
                ExitCode::from(EXIT_CONFIG)
            }
        },
        Err(code) => code,
    }
}

fn healthcheck<S: Service>(files: &ConfigArgs) -> ExitCode {
    let config = match files.load_or_tell::<S>() {
        Ok(config) => config,
        Err(code) => return code,
    };
    let addr = S::ops(&config).local_addr();
    match ask_ready(addr) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => print("ready\n"),
        Ok(answer) => {
            tell(
                answer
                    .split_once("\r\n\r\n")
                    .map_or("the answer was cut short", |(_, body)| body.trim_end()),
            );
            ExitCode::from(EXIT_FAILURE)
        }
        Err(error) => {
            tell(&format!(
                "spokegate-{} does not answer at {addr} (ops.listen): {error}\n  hint: is it running, with this configuration?",
                S::NAME
            ));
            ExitCode::from(EXIT_FAILURE)
        }
    }
}

fn ask_ready(addr: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, HEALTHCHECK_LIMIT)?;
    stream.set_read_timeout(Some(HEALTHCHECK_LIMIT))?;
    stream.set_write_timeout(Some(HEALTHCHECK_LIMIT))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer)?;
    Ok(answer)
}
