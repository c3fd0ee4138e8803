//! The suite `documents`: Word templates filled by docx-jinja and by four other engines, each document in a process of its
//! own, from the same data.

pub mod ours;
mod plain;
mod text;
mod values;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::figures::Samples;
use crate::rows::Row;

/// What a document cost, as the process that made it says.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Spent {
    /// Processor time of the whole process; of one letter for the task `letters`.
    pub cpu_ms: f64,
    /// Highest resident memory.
    pub peak_mib: f64,
}

/// Another engine.
struct Peer {
    name: &'static str,
    program: &'static str,
    script: &'static str,
    /// Pictures are part of its paid edition.
    has_pictures: bool,
}

const PEERS: &[Peer] = &[
    Peer {
        name: "docxtpl",
        program: "python3",
        script: "fill.py",
        has_pictures: true,
    },
    Peer {
        name: "docxtemplater",
        program: "node",
        script: "fill.js",
        has_pictures: true,
    },
    Peer {
        name: "docx-templates",
        program: "node",
        script: "fill.js",
        has_pictures: true,
    },
    Peer {
        name: "carbone",
        program: "node",
        script: "fill.js",
        has_pictures: false,
    },
];

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Effort {
    /// Sizes of the tables, and how often each is filled.
    pub tables: Vec<(u32, usize)>,
    /// How often everything else is done.
    pub runs: usize,
}

impl Effort {
    /// What the results in the repository come from.
    pub fn full() -> Self {
        Self {
            // The slowest peer takes minutes for the last.
            tables: vec![(1_000, 5), (10_000, 3), (100_000, 1)],
            runs: 5,
        }
    }

    /// A quick look.
    pub fn quick() -> Self {
        Self {
            tables: vec![(1_000, 1), (10_000, 1)],
            runs: 1,
        }
    }
}

/// Measures everything and returns the rows.
pub fn run(repository: &Path, effort: &Effort) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir().context("make a folder for the documents")?;
    let bench = Bench::new(repository, folder.path(), effort)?;
    let mut rows = Vec::new();
    for peer in PEERS {
        rows.extend(bench.pair(peer, "letter", "one-page letter, one process", effort.runs)?);
        let warm = bench.pair(peer, "letters", "one-page letter, engine warm", effort.runs)?;
        // Memory of many letters says nothing of one.
        rows.extend(warm.into_iter().take(1));
        for (size, runs) in &effort.tables {
            let name = format!("table of {size} rows of 8");
            rows.extend(bench.pair(peer, &format!("rows-{size}"), &name, *runs)?);
        }
        if peer.has_pictures {
            rows.extend(bench.pair(peer, "pictures", "200 pictures of 48 KB", effort.runs)?);
        }
    }
    let largest = effort.tables.iter().map(|(size, _)| *size).max();
    rows.extend(bench.alone(largest.context("no table to fill")?, effort.runs)?);
    Ok(rows)
}

struct Bench<'r> {
    scripts: PathBuf,
    folder: &'r Path,
    ours: PathBuf,
}

impl<'r> Bench<'r> {
    fn new(repository: &Path, folder: &'r Path, effort: &Effort) -> anyhow::Result<Self> {
        let scripts = repository.join("bench/documents-peer");
        let mut make = Command::new("node");
        make.arg(scripts.join("make.js")).arg(folder);
        make.args(effort.tables.iter().map(|(size, _)| size.to_string()));
        output(&mut make).context("make templates and data")?;
        let own = std::env::current_exe().context("find this program")?;
        Ok(Self {
            scripts,
            folder,
            ours: own.with_file_name("fill-document"),
        })
    }

    /// One task by both in turn: processor time and memory. The documents must show the same text.
    fn pair(&self, peer: &Peer, task: &str, name: &str, runs: usize) -> anyhow::Result<Vec<Row>> {
        let (mut ours, mut theirs) = (Pair::default(), Pair::default());
        let outs = [
            self.folder.join("ours.docx"),
            self.folder.join("theirs.docx"),
        ];
        for _ in 0..runs {
            ours.add(self.fill(Command::new(&self.ours).arg(task), &outs[0])?);
            let mut command = Command::new(peer.program);
            command
                .arg(self.scripts.join(peer.script))
                .args([peer.name, task]);
            let spent = self.fill(&mut command, &outs[1]);
            theirs.add(spent.with_context(|| format!("{} does {task}", peer.name))?);
        }
        let texts = [text::of(&outs[0])?, text::of(&outs[1])?];
        ensure!(
            texts[0] == texts[1],
            "{} and ours show different texts for {task}",
            peer.name
        );
        let cpu = (&ours.cpu, &theirs.cpu);
        let memory = (&ours.memory, &theirs.memory);
        let unit = "ms of processor, less is better";
        Ok(vec![
            Row::pair(name, cpu, peer.name, unit),
            Row::pair(
                format!("{name}, peak memory"),
                memory,
                peer.name,
                "MiB, less is better",
            ),
        ])
    }

    /// What only ours does, and what bounds it.
    fn alone(&self, size: u32, runs: usize) -> anyhow::Result<Vec<Row>> {
        let out = self.folder.join("ours.docx");
        let mut rows = Vec::new();
        for (task, name) in [
            ("held", "rows at hand"),
            ("unchecked", "rows at hand, without a look at the output"),
            ("deflate", "compression of its XML alone"),
            ("stream", "rows read one by one"),
            ("plain", "plain report, one process"),
        ] {
            let mut pair = Pair::default();
            for _ in 0..runs {
                let mut command = Command::new(&self.ours);
                pair.add(self.fill(command.arg(format!("{task}-{size}")), &out)?);
            }
            let name = format!("table of {size} rows of 8, {name}");
            rows.push(Row::alone(
                &name,
                &pair.cpu,
                "ms of processor, less is better",
            ));
            let memory = match task {
                "stream" => "memory over that before",
                "plain" => "peak memory",
                _ => continue,
            };
            let name = format!("{name}, {memory}");
            rows.push(Row::alone(name, &pair.memory, "MiB, less is better"));
        }
        Ok(rows)
    }

    fn fill(&self, command: &mut Command, out: &Path) -> anyhow::Result<Spent> {
        let printed = output(command.arg(self.folder).arg(out))?;
        serde_json::from_slice(&printed).context("what it spent")
    }
}

#[derive(Default)]
struct Pair {
    cpu: Samples,
    memory: Samples,
}

impl Pair {
    fn add(&mut self, spent: Spent) {
        self.cpu.add_number(spent.cpu_ms);
        self.memory.add_number(spent.peak_mib);
    }
}

fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let output = command
        .output()
        .with_context(|| format!("start {}", command.get_program().display()))?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{}: {problem}", output.status);
    }
    Ok(output.stdout)
}
