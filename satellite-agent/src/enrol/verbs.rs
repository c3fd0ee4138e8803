//! `spokegate-agent join` and `spokegate-agent renew`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args, Subcommand};
use spokegate_daemon::cli::{ConfigArgs, print, tell, wait_for};
use spokegate_daemon::{Clock, EXIT_FAILURE, Secret, SecretSource};
use spokegate_identity::{Door, JoinToken, Pin, Principal};

use super::Fresh;
use super::asking::{Outcome, Renewal, material};
use super::join::{Place, join};
use super::offline;
use crate::credentials::life::Stage;
use crate::credentials::{Admitted, Life, Store, told};
use crate::doctor::DoctorArgs;
use crate::keeper::{Entry, LogsArgs, NodeRedArgs};
use crate::local::ContractWorker;
use crate::proxy::{Proxy, ProxyAddress};
use crate::service::AgentService;
use crate::status_verb::StatusArgs;
use crate::update::launch::Launch;

/// A longer text is no join token.
const TOKEN_BYTES_MAX: u64 = 4_096;

/// Subcommands beyond those of every service.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Makes a key and gets this satellite's certificate for it, with a join token or by files that are carried
    Join(Join),
    /// Tells how long the certificate lasts; one that has expired is renewed through enrolment.door
    Renew,
    /// Tells how the running agent is: link, certificate, spool, datasets, last error; exit 1 while it is not connected
    Status(StatusArgs),
    /// Looks for what is wrong on this machine and on the way to the broker, and says what to do; exit 1 if there is a fault
    Doctor(DoctorArgs),
    /// Shows what the Node-RED that the agent keeps has written; of an agent that does not run, what is on disk
    Logs(LogsArgs),
    /// Starts, stops or restarts the Node-RED that the agent keeps, and waits until that is done
    NodeRed(NodeRedArgs),
    /// Starts the version of the agent that is to run: what the unit calls in the place of `run`
    Launch(Launch),
    /// Answers one question about the contracts; the agent starts it
    #[command(hide = true)]
    ContractWorker(ContractWorker),
    /// Becomes Node-RED; the agent starts it
    #[command(hide = true)]
    NodeRedEntry(Entry),
}

/// Arguments of `join`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("way").required(true).args(["token_file", "offline_request", "offline_import"])))]
pub struct Join {
    /// The file with the join token, for its owner only; "-" reads it from standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The enrolment door, where it is not the one in the token
    #[arg(long, value_name = "HOST:PORT", requires = "token_file")]
    door: Option<Door>,
    /// Minutes to wait for an approval or a busy centre
    #[arg(long, value_name = "N", default_value_t = 30, requires = "token_file")]
    wait_min: u64,
    /// The HTTP proxy that leads to the door: http://HOST:PORT. No variable of the environment is looked at
    #[arg(long, value_name = "URL", requires = "token_file", value_parser = proxy_address)]
    proxy: Option<ProxyAddress>,
    /// A file with USER:PASSWORD for the proxy, for its owner only
    #[arg(long, value_name = "FILE", requires = "proxy")]
    proxy_credentials_file: Option<PathBuf>,
    /// Writes a request for a segment that reaches no door; carry it to the MSP
    #[arg(long, value_name = "FILE")]
    offline_request: Option<PathBuf>,
    /// Takes the bundle that the MSP made of the request
    #[arg(long, value_name = "FILE", requires = "pin")]
    offline_import: Option<PathBuf>,
    /// SHA-256 of the fabric's root, as `spokegate ca show` prints it
    #[arg(long, value_name = "HEX", requires = "offline_import", value_parser = pin)]
    pin: Option<Pin>,
    /// Where certificate.pem, key.pem and ca.pem are put
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    /// Puts the new certificate in the place of one that is there
    #[arg(long)]
    replace: bool,
}

fn pin(text: &str) -> Result<Pin, String> {
    text.parse::<Pin>().map_err(|error| error.to_string())
}

pub(crate) fn proxy_address(text: &str) -> Result<ProxyAddress, &'static str> {
    text.parse()
}

impl Verb {
    /// Runs it to its exit code.
    pub(crate) fn run(self, files: &ConfigArgs) -> ExitCode {
        let done = match self {
            Self::Status(arguments) => return arguments.run(files),
            Self::Doctor(arguments) => return arguments.run(files),
            Self::Launch(arguments) => return arguments.run(files),
            Self::Logs(arguments) => return arguments.run(files),
            Self::NodeRed(arguments) => return arguments.run(files),
            Self::NodeRedEntry(entry) => entry.become_node_red().map(|()| String::new()),
            Self::Join(arguments) => wait_for(arguments.act(&Clock::system())),
            Self::Renew => wait_for(renew(files)),
            Self::ContractWorker(worker) => worker.act().map(|()| String::new()),
        };
        match done {
            Ok(text) => print(&text),
            Err(error) => {
                tell(&format!("{error:#}"));
                ExitCode::from(EXIT_FAILURE)
            }
        }
    }
}

impl Join {
    async fn act(self, clock: &Clock) -> anyhow::Result<String> {
        let place = Place::prepare(&self.directory, self.replace)?;
        if let Some(out) = &self.offline_request {
            offline::request(&place, out)?;
            return Ok(format!(
                "wrote {0} for the key {2}\ncarry it to the MSP: spokegate satellite bundle --tenant T --satellite S --request {0} --output bundle\nthen here: spokegate-agent join --offline-import bundle --pin HEX --directory {1}\n",
                out.display(),
                self.directory.display(),
                place.key()?.public_key().fingerprint()
            ));
        }
        if let (Some(bundle), Some(pin)) = (&self.offline_import, &self.pin) {
            let (admitted, broker) = offline::import(&place, bundle, pin, clock)?;
            return Ok(joined(&place, &admitted, broker.as_deref(), None));
        }
        let Some(token_file) = &self.token_file else {
            bail!("neither --token-file nor an offline file was given");
        };
        let mut token = token(token_file)?;
        if let Some(door) = self.door {
            token.door = door;
        }
        let credentials = SecretSource::new(None, self.proxy_credentials_file);
        let proxy = self
            .proxy
            .map(|at| Proxy::new(at, &credentials))
            .transpose()?;
        let patience = Duration::from_secs(self.wait_min.saturating_mul(60));
        let admitted = join(&place, &token, clock, (proxy, patience), tell).await?;
        Ok(joined(&place, &admitted, None, Some(&token.door)))
    }
}

pub(crate) fn token(path: &Path) -> anyhow::Result<JoinToken> {
    let secret = if path == Path::new("-") {
        let mut text = String::new();
        let stdin = std::io::stdin().lock().take(TOKEN_BYTES_MAX);
        let mut stdin = stdin;
        stdin
            .read_to_string(&mut text)
            .context("read the join token from standard input")?;
        Secret::new(text)
    } else {
        Secret::read_file(path).context("read the join token (--token-file)")?
    };
    Ok(secret.expose().trim_end().parse()?)
}

/// What was got, and the part of the configuration that it makes.
fn joined(place: &Place, admitted: &Admitted, broker: Option<&str>, door: Option<&Door>) -> String {
    let door = door.map_or_else(String::new, |door| {
        format!("[enrolment]\ndoor = \"{door}\"\n")
    });
    let files = place.store.files();
    let broker = broker.map_or_else(
        || "broker.example.net:8883\"  # as the MSP told you".to_owned(),
        |broker| format!("{broker}\""),
    );
    format!(
        "joined {} as {}, valid until {}\nthe agent's configuration:\n\
         trust_domain = \"{}\"\n\
         [broker]\naddress = \"{broker}\n\
         [tls]\ncertificate = \"{}\"\nkey = \"{}\"\nca = \"{}\"\n{door}",
        admitted.trust_domain,
        admitted.address,
        told(admitted.life.not_after_ms),
        admitted.trust_domain,
        files.certificate.display(),
        files.key.display(),
        files.ca.display(),
    )
}

/// Tells the certificate's state, and renews one that has expired.
async fn renew(files: &ConfigArgs) -> anyhow::Result<String> {
    let config = files
        .load::<AgentService>()
        .map_err(|faults| anyhow::anyhow!("{faults}"))?;
    let clock = Clock::system();
    let store = Arc::new(Store::new(config.tls.clone()));
    store.recover()?;
    let certificate = store.certificate()?;
    let address = match Principal::from_certificate(&certificate, &config.trust_domain)? {
        Principal::Satellite(address) => address,
        Principal::Service(name) => bail!("the certificate is that of the service {name}"),
    };
    let life = Life::of(&certificate)?;
    let now_ms = clock.now_ms();
    let head = format!(
        "{address}: serial {}, valid from {} until {}; this machine's clock says {}\n",
        life.serial,
        told(life.not_before_ms),
        told(life.not_after_ms),
        told(now_ms)
    );
    match life.stage(now_ms) {
        Stage::Fresh | Stage::Due => {
            let at = told(life.renew_at_ms());
            return Ok(format!("{head}a running agent renews it after {at}\n"));
        }
        Stage::Early => {
            bail!("{head}the certificate is not valid yet, hint: set this machine's clock")
        }
        Stage::Expired => tell(head.trim_end()),
    }
    let Some(door) = config.enrolment.door else {
        bail!("it has expired, hint: set enrolment.door, or join again with a new token");
    };
    let renewal = Renewal {
        store: Arc::clone(&store),
        trust_domain: config.trust_domain,
        address,
        door: None,
        proxy: config.broker.proxy()?,
        clock,
    };
    let fresh = Fresh::generate()?;
    match renewal.through_door(&life, &fresh, door).await? {
        Outcome::Admitted(admitted) => {
            store.replace(&material(&fresh, &admitted))?;
            let until = told(admitted.life.not_after_ms);
            Ok(format!("renewed, valid until {until}\n"))
        }
        Outcome::Later(retry_s) => bail!("the centre cannot answer now, try again in {retry_s} s"),
        Outcome::Refused => bail!(
            "certificate refused: the centre does not renew it, hint: it may be revoked or expired for too long; ask the MSP for a new join token"
        ),
    }
}
