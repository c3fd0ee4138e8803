//! The one-shot process that gives a worker its key: it reads the installation's seal key as the egress user, writes what
//! one tenant's key is derived to into the pipe that is the worker's already, and ends. The supervisor sees neither.

use crate::sandbox::{self, Direction, Ids, Layers, Reach};
use crate::seal::MasterKey;
use crate::setup::{SandboxMode, StageSetup};
use anyhow::Context as _;
use spokegate_contract::TenantId;
use spokegate_daemon::cli::tell;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// What to derive and from what.
#[derive(Debug, clap::Args)]
pub struct DeriveArgs {
    /// Whose key.
    #[arg(long)]
    tenant: TenantId,
    /// The file of the installation's key.
    #[arg(long)]
    key_file: PathBuf,
    /// Whether every layer of the confinement must hold.
    #[arg(long, default_value = "require")]
    sandbox: SandboxMode,
    /// As whom this must run, as UID:GID; as anybody when it is not given.
    #[arg(long)]
    user: Option<Ids>,
}

/// Writes the key to standard output.
pub(crate) fn main(args: &DeriveArgs) -> ExitCode {
    match derive(args) {
        Ok(layers) => {
            tell(&serde_json::to_string(&layers).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn derive(args: &DeriveArgs) -> anyhow::Result<Layers> {
    let stage = StageSetup {
        sandbox: args.sandbox,
        user: args.user,
        foreign_keys: Vec::new(),
    };
    let reach = Reach {
        read: vec![args.key_file.clone()],
        ..Reach::default()
    };
    let layers = sandbox::enter_stage(&stage, &reach, Direction::None)?;
    let file = File::open(&args.key_file)
        .with_context(|| format!("open the seal key {}", args.key_file.display()))?;
    let text = MasterKey::read(file)?.tenant_text(&args.tenant);
    let mut pipe = std::io::stdout().lock();
    pipe.write_all(text.as_bytes())
        .and_then(|()| pipe.flush())
        .context("write the key into the worker's pipe")?;
    Ok(layers)
}
