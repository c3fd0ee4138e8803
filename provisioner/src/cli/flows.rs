//! `spokegate flows`: versions of flow sets, and which satellites run them.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use spokegate_contract::FlowSetId;
use spokegate_contract::limits::FLOW_SET_BYTES_MAX;

use super::waves::{Pace, Whom, told};
use super::{Directory, counted, git, moment, wait_for};
use crate::flow_set;
use crate::module::{self, Module};
use crate::office::Office;
use crate::registry::FlowSetRecord;

#[derive(Debug, Subcommand)]
pub(super) enum FlowsVerb {
    /// Takes a version of a flow set in: from a Git repository, or from a file that Node-RED exported
    Import(ImportArgs),
    /// Lists the flow sets with their versions, the newest of each first
    List {
        #[command(flatten)]
        directory: Directory,
        /// Only this one
        name: Option<FlowSetId>,
    },
    /// Prints what a version holds, as Node-RED imports it
    Show {
        #[command(flatten)]
        directory: Directory,
        /// The set
        name: FlowSetId,
        /// Which version [default: the newest]
        #[arg(long)]
        version: Option<u64>,
    },
    /// Puts a version in force on satellites, wave by wave; stops where one went back. An older version is the way back
    Deploy(DeployArgs),
    /// Asks satellites whether they run what was deployed
    Drift(DriftArgs),
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("from").required(true).args(["from_git", "from_file"])))]
pub(super) struct ImportArgs {
    #[command(flatten)]
    directory: Directory,
    /// The set: lower-case letters, digits and hyphens
    name: FlowSetId,
    /// A Git repository: a folder, or an address of https or ssh
    #[arg(long, value_name = "REPOSITORY")]
    from_git: Option<String>,
    /// Branch, tag or commit [default: the repository's own]
    #[arg(long = "ref", requires = "from_git", value_name = "REF")]
    reference: Option<String>,
    /// Where the flows are in the repository
    #[arg(
        long,
        requires = "from_git",
        default_value = "flows.json",
        value_name = "PATH"
    )]
    path: String,
    /// A file of flows; "-" reads standard input
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// A module of the palette that goes with them, as `npm pack` makes it with all that it needs inside (bundleDependencies);
    /// more than one may be named. Of a repository, those in the folder `modules` beside the flows go as well
    #[arg(long = "module", value_name = "FILE.tgz")]
    modules: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct DeployArgs {
    #[command(flatten)]
    directory: Directory,
    /// The set
    name: FlowSetId,
    /// Which version
    #[arg(long)]
    version: u64,
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    pace: Pace,
}

#[derive(Debug, clap::Args)]
pub(super) struct DriftArgs {
    #[command(flatten)]
    directory: Directory,
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    pace: Pace,
}

impl FlowsVerb {
    pub(super) fn run(self, now_ms: u64) -> anyhow::Result<String> {
        match self {
            Self::Import(args) => args.run(now_ms),
            Self::List { directory, name } => list(&directory, name.as_ref()),
            Self::Show {
                directory,
                name,
                version,
            } => show(&directory, &name, version),
            Self::Deploy(args) => args.run(now_ms),
            Self::Drift(args) => args.run(now_ms),
        }
    }
}

impl ImportArgs {
    fn run(self, now_ms: u64) -> anyhow::Result<String> {
        let mut modules = self.read_modules()?;
        let (text, source) = match (&self.from_git, &self.from_file) {
            (Some(repository), _) => {
                let found = git::show(repository, self.reference.as_deref(), &self.path)?;
                for (name, packed) in &found.packages {
                    modules.push(taken(name, packed.as_slice())?);
                }
                let place = format!("{repository} {} at {}", self.path, found.commit);
                (found.content, place)
            }
            (None, Some(file)) => (read(file)?, file.display().to_string()),
            (None, None) => bail!("give --from-git or --from-file"),
        };
        let content = flow_set::read(&text).with_context(|| format!("{source} is no flow set"))?;
        wait_for(async {
            let office = self.directory.open().await?;
            let imported = office
                .import_flows(self.name, (&content, &mut modules), source, now_ms)
                .await;
            let (record, is_new) = imported.context("take the flow set in")?;
            office.close().await;
            let set = format!("{}@{}", record.name, record.version);
            Ok(match is_new {
                true => format!(
                    "{set}: {}, {}{}; spokegate flows deploy {} --version {} --tenant …\n",
                    counted(record.nodes, "node"),
                    counted(record.tabs, "tab"),
                    with(&record),
                    record.name,
                    record.version
                ),
                false => format!("{set} holds the same already\n"),
            })
        })
    }
}

impl ImportArgs {
    fn read_modules(&self) -> anyhow::Result<Vec<Module>> {
        let open = |path: &PathBuf| {
            let file = File::open(path).with_context(|| format!("read {}", path.display()))?;
            taken(&path.display().to_string(), file)
        };
        self.modules.iter().map(open).collect()
    }
}

fn taken(name: &str, packed: impl std::io::Read) -> anyhow::Result<Module> {
    module::read(packed).with_context(|| format!("{name} cannot go with the flows"))
}

/// The modules of a version, in words.
fn with(set: &FlowSetRecord) -> String {
    let names = set.modules.iter();
    let names = names.map(|module| format!(", {}@{}", module.name, module.version));
    names.collect()
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let what = || format!("read {}", file.display());
    let mut bytes = Vec::new();
    let most = FLOW_SET_BYTES_MAX + 1;
    match file == Path::new("-") {
        true => std::io::stdin().take(most).read_to_end(&mut bytes),
        false => File::open(file)
            .with_context(what)?
            .take(most)
            .read_to_end(&mut bytes),
    }
    .with_context(what)?;
    Ok(bytes)
}

fn list(directory: &Directory, name: Option<&FlowSetId>) -> anyhow::Result<String> {
    wait_for(async {
        let sets = directory.open().await?.registry().flow_sets(name).await?;
        let mut text = String::new();
        for set in &sets {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{}@{}  {}, {}{}  imported {} from {}",
                set.name,
                set.version,
                counted(set.nodes, "node"),
                counted(set.tabs, "tab"),
                with(set),
                moment(set.imported_at_ms),
                set.source
            );
        }
        Ok(text)
    })
}

fn show(directory: &Directory, name: &FlowSetId, version: Option<u64>) -> anyhow::Result<String> {
    wait_for(async {
        let office = directory.open().await?;
        let set = found(&office, name, version).await?;
        let flows = office.flows(&set)?;
        Ok(String::from_utf8(flows)? + "\n")
    })
}

/// One version, or the newest.
async fn found(
    office: &Office,
    name: &FlowSetId,
    version: Option<u64>,
) -> anyhow::Result<FlowSetRecord> {
    let sets = office.registry().flow_sets(Some(name)).await?;
    let mut sets = sets.into_iter();
    let set = sets.find(|set| version.is_none_or(|version| set.version == version));
    let wanted = version.map_or_else(String::new, |version| format!("@{version}"));
    set.with_context(|| {
        format!("there is no flow set {name}{wanted}, hint: `spokegate flows list` shows all")
    })
}

impl DeployArgs {
    fn run(self, now_ms: u64) -> anyhow::Result<String> {
        wait_for(async {
            let office = self.directory.open().await?;
            let set = found(&office, &self.name, Some(self.version)).await?;
            let all = self.whom.satellites(&office, now_ms).await?;
            let mut asked = 0;
            for wave in all.chunks(usize::from(self.pace.wave)) {
                asked += wave.len();
                let mut orders = Vec::new();
                for address in wave {
                    let life_ms = self.pace.life_ms();
                    let order = office.order_deploy(address, &set, life_ms, now_ms).await;
                    orders.push((address, order.with_context(|| format!("deploy {address}"))?));
                }
                let results = self.pace.results(&office, &orders).await?;
                let done = wave
                    .iter()
                    .zip(results)
                    .filter(|(address, result)| told("deploy", address, result.as_ref()));
                let behind = wave.len() - done.count();
                if behind > 0 {
                    bail!(
                        "{} of this wave without it, {} not asked, hint: mend the flows and import them anew; the same command goes on where this one ended",
                        counted(behind as u64, "satellite"),
                        counted((all.len() - asked) as u64, "satellite")
                    );
                }
            }
            office.close().await;
            Ok(format!(
                "{} with {}@{}\n",
                counted(all.len() as u64, "satellite"),
                set.name,
                set.version
            ))
        })
    }
}

impl DriftArgs {
    fn run(self, now_ms: u64) -> anyhow::Result<String> {
        wait_for(async {
            let office = self.directory.open().await?;
            let all = self.whom.satellites(&office, now_ms).await?;
            let mut silent = 0;
            for wave in all.chunks(usize::from(self.pace.wave)) {
                let mut orders = Vec::new();
                for address in wave {
                    let life_ms = self.pace.life_ms();
                    let order = office.order_look(address, life_ms, now_ms).await;
                    orders.push((address, order.with_context(|| format!("ask {address}"))?));
                }
                let results = self.pace.results(&office, &orders).await?;
                for (address, result) in wave.iter().zip(results) {
                    silent += u64::from(!told("drift", address, result.as_ref()));
                }
            }
            office.close().await;
            if silent > 0 {
                bail!(
                    "{} did not say, hint: `spokegate satellite commands` shows why",
                    counted(silent, "satellite")
                );
            }
            Ok(String::new())
        })
    }
}
