//! One attack: a process is started, confines itself, tries, and is looked at.

use super::Finding;
use super::attacker::BYSTANDER;
use super::scratch::Scratch;
use super::verdict::{Ending, held};
use crate::config::SanitizerConfig;
use crate::link::{FromWorker, ToEgress, ToIngest, ToWorker};
use crate::sandbox::{Attack, Ends, Layers, Scene, Stage, Users};
use crate::supervisor::own_program;
use crate::supervisor::process::{self, NARROW_BYTES, Process};
use anyhow::{Context as _, anyhow, bail};
use spokegate_daemon::Tasks;
use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

/// How long a process may take to confine itself.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How long an attack may take that ends by itself, on a host with much else to do.
const END_LIMIT: Duration = Duration::from_secs(60);
/// Memory beyond what a worker may have, in bytes.
const MEMORY_BEYOND: u64 = 128 * 1024 * 1024;

/// What all attacks have in common.
pub(super) struct Host {
    program: PathBuf,
    config: SanitizerConfig,
    users: Users,
    tasks: Tasks,
    scratch: Scratch,
    listener: TcpListener,
    bare: bool,
}

/// A process of a stage, and what else there is to attack from another of its kind.
pub(super) struct Place {
    stage: Stage,
    bystander: Process,
    layers: Layers,
    derive: Option<Layers>,
    scene: Scene,
}

/// A started process and its layers; a worker also has those of the process that gave it its key.
struct Started {
    process: Process,
    layers: Layers,
    derive: Option<Layers>,
}

impl Host {
    pub(super) fn new(config: SanitizerConfig, bare: bool) -> anyhow::Result<Host> {
        Ok(Host {
            program: own_program()?,
            users: Users::resolve(&config.users)?,
            tasks: Tasks::new(),
            scratch: Scratch::make()?,
            listener: TcpListener::bind("127.0.0.1:0")
                .context("listen, for an attack to connect")?,
            config,
            bare,
        })
    }

    /// Sets the scene for attacks from inside a stage.
    pub(super) async fn scene(&self, stage: Stage) -> anyhow::Result<Place> {
        let Started {
            process: bystander,
            layers,
            derive,
        } = self.start(stage, BYSTANDER).await?;
        let files = &self.config;
        let scene = Scene {
            parent: pid(std::process::id()),
            bystander: pid(bystander.child.id().unwrap_or_default()),
            readable: self.scratch.path().join("readable"),
            writable: self.scratch.path().join(stage.as_str()),
            foreign_key: match stage {
                Stage::Worker | Stage::Ingest => files.seal.key_file.clone(),
                Stage::Egress => files.broker.tls.key.clone(),
            },
            port: self.listener.local_addr()?.port(),
            free_port: TcpListener::bind("127.0.0.1:0")?.local_addr()?.port(),
            cpu_ms_max: files.worker.cpu_ms_max,
            memory_bytes: files.worker.memory_bytes_max.saturating_add(MEMORY_BEYOND),
        };
        bystander.pipe.send(&scene, b"").await;
        Ok(Place {
            stage,
            bystander,
            layers,
            derive,
            scene,
        })
    }

    async fn start(&self, stage: Stage, name: &str) -> anyhow::Result<Started> {
        let mut arguments = vec!["attack", stage.as_str(), name];
        if self.bare {
            arguments.push("--bare");
        }
        let (program, users, config) = (&self.program, self.users, &self.config);
        let started = |user, third| {
            Process::start(program, &arguments, user, third, NARROW_BYTES, &self.tasks)
        };
        let mut giver = None;
        let mut process = match stage {
            Stage::Worker => {
                let (reader, writer) = std::io::pipe()?;
                let process = started(users.worker, reader.into())?;
                let tenant = config.tenants.first().context("no tenant is configured")?;
                let from = (&*config.seal.key_file, config.worker.sandbox);
                giver = Some(process::derive(
                    program,
                    users.egress,
                    tenant,
                    from,
                    writer,
                )?);
                let setup = ToWorker::Setup(config.worker_setup(users));
                process.pipe.send(&setup, b"").await;
                process
            }
            Stage::Ingest => {
                let process = started(users.ingest, Stdio::null())?;
                let setup = ToIngest::Setup(Box::new(config.ingest_setup(users)));
                process.pipe.send(&setup, b"").await;
                process
            }
            Stage::Egress => {
                let process = started(users.egress, Stdio::null())?;
                let mut setup = config.egress_setup(users);
                // Several stand beside each other, and maybe beside the service itself.
                setup.listen.set_port(0);
                let setup = ToEgress::Setup(Box::new(setup));
                process.pipe.send(&setup, b"").await;
                process
            }
        };
        let derive = match giver {
            Some(giver) => Some(
                process::key_given(giver)
                    .await
                    .map_err(|error| anyhow!(error))?,
            ),
            None => None,
        };
        let layers = ready(&mut process)
            .await
            .with_context(|| format!("start a process as {} would be", stage.as_str()))?;
        Ok(Started {
            process,
            layers,
            derive,
        })
    }
}

/// The first frame of a process.
async fn ready(process: &mut Process) -> anyhow::Result<Layers> {
    let frame = tokio::time::timeout(START_LIMIT, process.frames.next::<FromWorker>());
    match frame.await.context("it took too long")?? {
        Some(frame) => match frame.head {
            FromWorker::Ready(layers) => Ok(layers),
            FromWorker::Unfit(reason) => bail!("{reason}"),
            FromWorker::Answer(_) => bail!("it answers before it is asked"),
        },
        None => bail!("it ended; hint: can its user execute this program?"),
    }
}

impl Place {
    /// The layers by process.
    pub(super) fn layers(&self) -> BTreeMap<&'static str, Layers> {
        let derive = self.derive.clone().map(|layers| ("derive", layers));
        let own = (self.stage.as_str(), self.layers.clone());
        derive.into_iter().chain([own]).collect()
    }

    /// What the system itself says of a confined process.
    pub(super) fn seen_by_the_system(&self) -> Finding {
        let path = format!("/proc/{}/status", self.scene.bystander);
        let status = fs::read_to_string(path).unwrap_or_default();
        let value = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or("unknown")
                .trim_start_matches(':')
                .trim()
                .to_owned()
        };
        let mut wrong = Vec::new();
        let mut expect = |key: &str, good: &dyn Fn(&str) -> bool| {
            let seen = value(key);
            if !good(&seen) {
                wrong.push(format!("{key} {seen}"));
            }
        };
        let none = |set: &str| u64::from_str_radix(set, 16) == Ok(0);
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            expect(set, &none);
        }
        if !self
            .layers
            .covered
            .iter()
            .any(|layer| layer == "bounding-set")
        {
            expect("CapBnd", &none);
        }
        expect("NoNewPrivs", &|value| value == "1");
        expect("Seccomp", &|value| value == "2");
        Finding {
            stage: self.stage,
            attack: "capabilities-and-filter-as-the-system-sees-them",
            held: wrong.is_empty(),
            how: if wrong.is_empty() {
                "no capability in any set, no new privileges, a filter".to_owned()
            } else {
                wrong.join(", ")
            },
        }
    }

    /// Makes one attack.
    pub(super) async fn suffer(&mut self, host: &Host, attack: &Attack) -> anyhow::Result<Finding> {
        let mut process = host.start(self.stage, attack.name).await?.process;
        let began = tokio::time::Instant::now();
        process.pipe.send(&self.scene, b"").await;
        let watch = match attack.ends {
            Ends::Refused | Ends::ByItself | Ends::Garbled if !host.bare => END_LIMIT,
            _ => Duration::from_millis(host.config.worker.stall_ms_max),
        };
        let ending = match tokio::time::timeout(watch, ending(&mut process)).await {
            Ok(ending) => ending?,
            Err(_) => Ending::Watched,
        };
        process.child.kill().await.context("end an attack")?;
        let mut finding = Finding {
            stage: self.stage,
            attack: attack.name,
            held: held(attack.ends, &ending),
            how: format!("{ending} after {} ms", began.elapsed().as_millis()),
        };
        if let Some(damage) = self.damage(host).await? {
            finding.held = false;
            finding.how = format!("{}; {damage}", finding.how);
        }
        Ok(finding)
    }

    /// What is no longer as it was, put right again.
    async fn damage(&mut self, host: &Host) -> anyhow::Result<Option<String>> {
        let mut damage = None;
        if self.scene.writable.exists() {
            damage = Some("a file was written".to_owned());
            // The next look must not see this one's.
            self.scene.writable.set_extension("again");
        }
        // A signal takes a moment to arrive.
        tokio::time::sleep(Duration::from_millis(2)).await;
        if let Some(status) = self.bystander.child.try_wait()? {
            damage = Some(format!("another process was lost ({status})"));
            let scene = host.scene(self.stage).await?;
            self.scene.bystander = scene.scene.bystander;
            self.bystander = scene.bystander;
        }
        Ok(damage)
    }
}

async fn ending(process: &mut Process) -> anyhow::Result<Ending> {
    match process.frames.next::<FromWorker>().await {
        Ok(Some(frame)) => match frame.head {
            FromWorker::Unfit(text) => Ok(Ending::Told(
                serde_json::from_str(&text)
                    .map_err(|_| anyhow!("an attack was not made: {text}"))?,
            )),
            _ => Ok(Ending::Garbled),
        },
        Ok(None) => Ok(Ending::Ended(process.child.wait().await?)),
        Err(_) => Ok(Ending::Garbled),
    }
}

fn pid(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
