//! What hostile code in a process would try. Reached only by the verb that `self-test` starts, which closes the same
//! confinement as a worker, as ingest or as egress first; every try is harmless where it succeeds.

mod raw;
mod sockets;

use serde::{Deserialize, Serialize};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::str::FromStr;

/// The process in whose place an attack runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    Worker,
    Ingest,
    Egress,
}

impl Stage {
    pub(crate) const ALL: [Stage; 3] = [Stage::Worker, Stage::Ingest, Stage::Egress];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Stage::Worker => "worker",
            Stage::Ingest => "ingest",
            Stage::Egress => "egress",
        }
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Stage, String> {
        Stage::ALL
            .into_iter()
            .find(|stage| stage.as_str() == text)
            .ok_or_else(|| "is no process that is attacked from".to_owned())
    }
}

/// What there is to attack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Scene {
    /// The process that started this one.
    pub parent: i32,
    /// Another process of the same user.
    pub bystander: i32,
    /// A file that everybody may read.
    pub readable: PathBuf,
    /// A place in a folder that everybody may write.
    pub writable: PathBuf,
    /// The file of a key that is another process's.
    pub foreign_key: PathBuf,
    /// A port on this host where somebody listens.
    pub port: u16,
    /// A port on this host where nobody listens.
    pub free_port: u16,
    /// CPU time until the end, in milliseconds.
    pub cpu_ms_max: u64,
    /// More memory than the process may have, in bytes.
    pub memory_bytes: u64,
}

/// How a try went, when the process is still there to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tried {
    /// It was possible.
    Done(String),
    /// It was refused.
    Refused(String),
}

/// How an attack may end besides with a refusal or by the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Not otherwise.
    Refused,
    /// It fails by itself, and nothing but its process is lost.
    ByItself,
    /// It never ends, until whoever watches ends it.
    Watched,
    /// It writes what is no answer, and is ended for it.
    Garbled,
}

/// One attack.
pub(crate) struct Attack {
    /// Its name in the report.
    pub name: &'static str,
    /// From inside which processes.
    pub stages: &'static [Stage],
    /// How it may end.
    pub ends: Ends,
    /// The try.
    pub act: fn(&Scene) -> Tried,
}

const WORKER: &[Stage] = &[Stage::Worker];
const ALL: &[Stage] = &Stage::ALL;

const fn refused(name: &'static str, stages: &'static [Stage], act: fn(&Scene) -> Tried) -> Attack {
    Attack {
        name,
        stages,
        ends: Ends::Refused,
        act,
    }
}

const fn ending(name: &'static str, ends: Ends, act: fn(&Scene) -> Tried) -> Attack {
    Attack {
        name,
        stages: WORKER,
        ends,
        act,
    }
}

/// All of them.
pub(crate) const ATTACKS: &[Attack] = &[
    refused("read-file", ALL, |scene| {
        told(std::fs::read(&scene.readable), "read")
    }),
    refused("read-foreign-key", ALL, |scene| {
        told(std::fs::read(&scene.foreign_key), "read")
    }),
    refused("write-file", ALL, |scene| {
        told(std::fs::write(&scene.writable, "x"), "written")
    }),
    refused("list-folder", ALL, |_| {
        told(std::fs::read_dir("/"), "listed")
    }),
    refused("file-in-memory", ALL, |_| raw::memory_file()),
    refused("connect", ALL, |scene| {
        told(
            TcpStream::connect((Ipv4Addr::LOCALHOST, scene.port)),
            "connected",
        )
    }),
    refused("listen", ALL, |scene| {
        told(
            TcpListener::bind((Ipv4Addr::LOCALHOST, scene.free_port)),
            "listening",
        )
    }),
    refused("listen-anywhere", ALL, |_| sockets::listen_anywhere()),
    refused("unix-socket", ALL, |_| {
        told(UnixDatagram::unbound(), "opened")
    }),
    refused("datagram-socket", ALL, |scene| {
        sockets::datagram(scene.port)
    }),
    refused("datagram-pair", ALL, |_| sockets::datagram_pair()),
    refused("raw-socket", ALL, |_| sockets::raw()),
    refused("multipath-socket", ALL, |_| sockets::multipath()),
    refused("kernel-socket", ALL, |_| sockets::kernel()),
    refused("fast-open", ALL, |scene| sockets::fast_open(scene.port)),
    refused("fast-open-message", ALL, |scene| {
        sockets::fast_open_message(scene.port)
    }),
    refused("fast-open-option", ALL, |_| sockets::fast_open_option()),
    refused("exec", ALL, |_| raw::exec()),
    refused("fork", ALL, |_| raw::fork()),
    refused("thread", WORKER, |_| {
        told(std::thread::Builder::new().spawn(|| ()), "started")
    }),
    refused("signal-parent", ALL, |scene| {
        raw::signal(scene.parent, libc::SIGCONT)
    }),
    refused("signal-other", ALL, |scene| {
        raw::signal(scene.bystander, libc::SIGTERM)
    }),
    refused("handle-on-other", ALL, |scene| raw::handle(scene.bystander)),
    refused("debug-other", ALL, |scene| raw::debug(scene.bystander)),
    refused("read-other-memory", ALL, |scene| {
        raw::read_memory(scene.bystander)
    }),
    refused("map-executable", ALL, |_| raw::map_executable()),
    refused("make-executable", ALL, |_| raw::make_executable()),
    refused("become-root", ALL, |_| raw::become_root()),
    refused("raise-capabilities", ALL, |_| raw::raise_capabilities()),
    refused("use-capability", ALL, |_| raw::change_root()),
    refused("new-namespaces", ALL, |_| raw::new_namespaces()),
    refused("io-uring", ALL, |_| raw::io_uring()),
    refused("kernel-keyring", ALL, |_| raw::keyring()),
    refused("lift-limits", WORKER, |_| raw::lift_limits()),
    refused("lift-filter", WORKER, |_| raw::lift_filter()),
    #[cfg(target_arch = "x86_64")]
    refused("32-bit-call", ALL, |_| raw::call_32_bit()),
    #[cfg(target_arch = "x86_64")]
    refused("x32-call", ALL, |_| raw::call_x32()),
    refused("inherited-descriptors", WORKER, |_| {
        raw::inherited_descriptors()
    }),
    refused("environment", ALL, |_| environment()),
    ending("null-write", Ends::ByItself, |_| raw::write_to_null()),
    ending("stack-overflow", Ends::ByItself, |_| {
        Tried::Done(format!("{} deep", deeper(1)))
    }),
    ending("panic", Ends::ByItself, |_| panic_on_purpose()),
    ending("memory", Ends::ByItself, memory),
    ending("endless-loop", Ends::ByItself, |_| endless()),
    ending("stubborn-loop", Ends::Watched, |_| {
        raw::ignore_timer();
        endless()
    }),
    ending("output-flood", Ends::Garbled, |_| flood()),
];

fn told<T>(result: io::Result<T>, done: &str) -> Tried {
    match result {
        Ok(_) => Tried::Done(done.to_owned()),
        Err(error) => Tried::Refused(error.to_string()),
    }
}

fn environment() -> Tried {
    match super::variables() {
        0 => Tried::Refused("no variable".to_owned()),
        count => Tried::Done(format!("{count} variables")),
    }
}

fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 512]);
    let below = if depth == u64::MAX {
        0
    } else {
        deeper(depth.saturating_add(1))
    };
    below.max(room.first().copied().unwrap_or_default())
}

#[expect(clippy::panic, reason = "what happens then is what is looked at")]
fn panic_on_purpose() -> Tried {
    panic!("on purpose")
}

/// Takes memory piece by piece, and uses it.
fn memory(scene: &Scene) -> Tried {
    const PIECE: usize = 4 * 1024 * 1024;
    let mut taken: Vec<Vec<u8>> = Vec::new();
    let pieces = scene.memory_bytes.div_euclid(PIECE as u64);
    for _ in 0..pieces {
        taken.push(std::hint::black_box(vec![1; PIECE]));
    }
    Tried::Done(format!("{} bytes taken", scene.memory_bytes))
}

fn endless() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// Writes what is no frame until the reader goes away.
fn flood() -> Tried {
    use io::Write as _;
    let noise = [0xff; 64 * 1024];
    let mut pipe = io::stdout().lock();
    loop {
        if let Err(error) = pipe.write_all(&noise) {
            return Tried::Refused(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attacks_have_names_of_their_own_and_every_stage_has_some() {
        let mut names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ATTACKS.len());
        for stage in Stage::ALL {
            let count = ATTACKS
                .iter()
                .filter(|attack| attack.stages.contains(&stage))
                .count();
            assert!(count >= 18, "{stage:?}: {count}");
            assert_eq!(stage.as_str().parse::<Stage>(), Ok(stage));
        }
        assert!("supervisor".parse::<Stage>().is_err());
    }
}
