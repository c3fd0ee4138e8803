//! The confinement of every process, layer by layer. Every layer only takes away.
//!
//! | layer | worker | ingest, egress, derive |
//! |---|---|---|
//! | `environment` | no variable | no variable |
//! | `user` | one of its own, no further group (with `users.separate`) | the same |
//! | `keys` | can open no key's file (with `users.separate`) | can open no other's key |
//! | `descriptors` | two pipes | |
//! | `namespaces` | user, network, IPC, host name, mount, control groups; else covered | |
//! | `bounding-set`, `capabilities` | both empty | both empty; the set else covered |
//! | `no-new-privileges`, `no-dumps` | neither set-user-id programs nor core dumps nor a debugger | the same |
//! | `dies-with-parent` | it ends when the supervisor ends | the same |
//! | `limits`, `no-files` | memory, CPU, processes, file size; no descriptor any more | |
//! | `landlock` | no file | its own files, for reading |
//! | `landlock-network` | no port; else covered | ingest its own port, the others none; else covered, but not at ingest |
//! | `landlock-scope` | no signal or abstract socket to others; else covered | the same |
//! | `seccomp` | 25 calls | never exec, debug, mount, become another; connections in one direction only, and over TCP only |
//!
//! Covered: the host does not offer it (landlock has network rules from Linux 6.7 and scopes from 6.12 on, namespaces may be
//! closed to ordinary users), and the filter of system calls refuses the same ground. A process that opens connections needs
//! landlock's network rules for its ports; no filter covers that, so ingest does not start without where confinement is
//! required.

mod attacks;
mod seccomp;
mod users;

use crate::setup::{StageSetup, TlsPaths, WorkerSetup};
use spokegate_confine::{Reached, SECCOMP, privileges, reach, sys};
use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

pub(crate) use attacks::{ATTACKS, Attack, Ends, Scene, Stage, Tried};
pub(crate) use seccomp::Direction;
pub(crate) use spokegate_confine::privileges::{Ids, start_as};
pub(crate) use spokegate_confine::reach::Reach;
pub(crate) use spokegate_confine::sys::{arm_cpu_timer, bound_heaps};
pub(crate) use spokegate_confine::{Layers, Missing};
pub(crate) use users::{Users, become_supervisor};

/// What to do where a layer is missing.
const HINT: &str = "`spokegate-sanitizer self-test` lists the layers of this host; worker.sandbox = \"best-effort\" starts without those that it does not offer";

/// The resolver's variable, which has it ask over TCP alone: there are no datagrams.
const RESOLVER_OPTIONS: [&CStr; 2] = [c"RES_OPTIONS", c"use-vc"];

/// Closes a worker's confinement for good and names the layers that hold.
///
/// # Errors
/// Where confinement is required, the first layer that is missing.
pub(crate) fn enter(setup: &WorkerSetup) -> Result<Layers, Missing> {
    let mut reached = Reached::new(setup.stage.sandbox, HINT);
    own_alone(&mut reached, &setup.stage)?;
    // Standard error too: what a worker says goes through its two pipes.
    reached.must("descriptors", sys::close_from(2))?;
    // A new user namespace has all capabilities in itself, so it comes before they are given up.
    reached.may("namespaces", sys::unshare_namespaces());
    reached.give_up_rights()?;
    reached.must("limits", sys::limit_resources(setup.memory_bytes_max))?;
    let closed = reach::close(&Reach::default());
    reached.must("landlock", closed.files)?;
    reached.may("landlock-network", closed.network);
    reached.may("landlock-scope", closed.scope);
    reached.must("no-files", sys::forbid_new_descriptors())?;
    reached.must(SECCOMP, seccomp::confine_worker())?;
    Ok(reached.all())
}

/// Closes what another process than a worker never needs. Before its first further thread.
///
/// # Errors
/// Where confinement is required, the first layer that is missing.
pub(crate) fn enter_stage(
    setup: &StageSetup,
    reach: &Reach,
    direction: Direction,
) -> Result<Layers, Missing> {
    let mut reached = Reached::new(setup.sandbox, HINT);
    own_alone(&mut reached, setup)?;
    if direction == Direction::Out {
        sys::ask_names_over_tcp(RESOLVER_OPTIONS);
    }
    reached.give_up_rights()?;
    let closed = reach::close(reach);
    reached.must("landlock", closed.files)?;
    if direction == Direction::Out {
        reached.must("landlock-network", closed.network)?;
    } else {
        reached.may("landlock-network", closed.network);
    }
    reached.may("landlock-scope", closed.scope);
    reached.must(SECCOMP, seccomp::confine_stage(direction))?;
    Ok(reached.all())
}

/// What the start gave the process: nothing of others.
fn own_alone(reached: &mut Reached, setup: &StageSetup) -> Result<(), Missing> {
    reached.must(
        "environment",
        if variables() == 0 {
            Ok(())
        } else {
            Err("variables are set".to_owned())
        },
    )?;
    if let Some(ids) = setup.user {
        reached.must("user", is_user(ids))?;
        reached.must("keys", opens_none_of(&setup.foreign_keys))?;
    }
    Ok(())
}

/// Environment variables, but for the one that a process which looks names up sets itself.
fn variables() -> usize {
    let own = RESOLVER_OPTIONS.map(CStr::to_bytes);
    std::env::vars_os()
        .filter(|(name, value)| [name.as_bytes(), value.as_bytes()] != own)
        .count()
}

fn opens_none_of(keys: &[PathBuf]) -> Result<(), String> {
    match keys.iter().find(|key| std::fs::File::open(key).is_ok()) {
        None => Ok(()),
        Some(key) => Err(format!(
            "this process can read {}, which is another's; chmod 0400 and the owner that the configuration names",
            key.display()
        )),
    }
}

fn is_user(ids: Ids) -> Result<(), String> {
    match privileges::is_only(ids) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("this process is not user {} alone", ids.uid)),
        Err(error) => Err(error.to_string()),
    }
}

/// The folders that TLS files stand in: the files are replaced by others of the same names.
pub(crate) fn folders_of(files: &TlsPaths) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for file in [&files.certificate, &files.key, &files.ca] {
        // A link's own folder, and the one that it leads to.
        for path in [Some(file.clone()), file.canonicalize().ok()] {
            let folder = path.as_deref().and_then(Path::parent).map(Path::to_owned);
            folders.extend(folder.filter(|folder| !folders.contains(folder)));
        }
    }
    folders
}
