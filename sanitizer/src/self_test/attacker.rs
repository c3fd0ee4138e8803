//! The process that is attacked from: it becomes a worker, ingest or egress in all but its work, and then tries one attack.

use crate::link::{FromWorker, encode_into};
use crate::sandbox::{self, ATTACKS, Layers, Scene, Stage, Tried};
use crate::{egress, ingest, stdio, worker};
use anyhow::Context as _;
use bytes::BytesMut;
use std::io::Write as _;
use std::process::ExitCode;

/// Waits, confined, for the end of its input: somebody for others to attack.
pub(super) const BYSTANDER: &str = "bystander";

/// Which attack, and from where.
#[derive(Debug, clap::Args)]
pub struct AttackArgs {
    /// The process to be.
    stage: Stage,
    /// The attack.
    name: String,
    /// Without any confinement, to see that the attack is one.
    #[cfg(feature = "backdoor")]
    #[arg(long)]
    bare: bool,
}

/// Becomes the process, tells its layers, tries, and tells how that went, if it can.
pub(crate) fn main(args: &AttackArgs) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let told = match attack(args) {
        Ok(Some(tried)) => serde_json::to_string(&tried).unwrap_or_default(),
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => format!("{error:#}"),
    };
    // Nobody is left to tell when this fails.
    let _ = say(&FromWorker::Unfit(told));
    ExitCode::SUCCESS
}

fn attack(args: &AttackArgs) -> anyhow::Result<Option<Tried>> {
    let layers = confine(args)?;
    let Some(layers) = layers else {
        return Ok(None);
    };
    say(&FromWorker::Ready(layers))?;
    // A confined worker has no other way to its input than this.
    let Some(scene) = stdio::frame_from::<Scene>(std::io::stdin().lock())? else {
        return Ok(None);
    };
    if args.name == BYSTANDER {
        stdio::frame_from::<Scene>(std::io::stdin().lock())?;
        return Ok(None);
    }
    let attack = ATTACKS
        .iter()
        .find(|attack| attack.name == args.name && attack.stages.contains(&args.stage))
        .with_context(|| format!("no attack {} from {}", args.name, args.stage.as_str()))?;
    #[cfg(feature = "backdoor")]
    let bare = args.bare;
    #[cfg(not(feature = "backdoor"))]
    let bare = false;
    if args.stage == Stage::Worker && !bare {
        sandbox::arm_cpu_timer(scene.cpu_ms_max);
    }
    Ok(Some((attack.act)(&scene)))
}

fn confine(args: &AttackArgs) -> anyhow::Result<Option<Layers>> {
    #[cfg(feature = "backdoor")]
    if args.bare {
        stdio::first_frame::<serde_json::Value>()?;
        return Ok(Some(Layers::default()));
    }
    match args.stage {
        Stage::Worker => Ok(worker::confine()?.map(|confined| confined.layers)),
        Stage::Ingest => Ok(ingest::begin()?.map(|(_, layers)| layers)),
        Stage::Egress => Ok(egress::begin()?.map(|begun| begun.layers)),
    }
}

fn say(head: &FromWorker) -> anyhow::Result<()> {
    let mut frame = BytesMut::new();
    encode_into(head, b"", &mut frame);
    let mut pipe = std::io::stdout().lock();
    pipe.write_all(&frame)
        .and_then(|()| pipe.flush())
        .context("tell")
}
