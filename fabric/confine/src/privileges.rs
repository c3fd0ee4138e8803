//! Users and capabilities: what a process is, and how it becomes less.
#![expect(
    unsafe_code,
    reason = "identity and capabilities of a process have no safe interface in use here"
)]

use std::ffi::CString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// `_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits in two halves.
const CAPABILITY_VERSION: u32 = 0x2008_0522;
/// Ends a process of another user.
pub const CAP_KILL: u64 = 1 << 5;
/// Changes groups.
pub const CAP_SETGID: u64 = 1 << 6;
/// Changes users.
pub const CAP_SETUID: u64 = 1 << 7;
/// Empties a bounding set.
pub const CAP_SETPCAP: u64 = 1 << 8;
/// Bits of a capability set.
const CAPABILITIES: u64 = 64;
/// Room for what the system's user database says of one user.
const LOOKUP_BYTES: usize = 16 * 1024;

/// User and group of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ids {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl std::str::FromStr for Ids {
    type Err = String;

    /// `UID:GID`
    fn from_str(text: &str) -> Result<Ids, String> {
        let both = text
            .split_once(':')
            .and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
        let (uid, gid) = both.ok_or("is not UID:GID")?;
        Ok(Ids { uid, gid })
    }
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// The capability sets of this thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What it may do now.
    pub effective: u64,
    /// What it may make effective.
    pub permitted: u64,
    /// What an exec may keep.
    pub inheritable: u64,
    /// What an exec keeps.
    pub ambient: u64,
    /// What an exec may gain.
    pub bounding: u64,
}

fn done(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn prctl(option: libc::c_int, value: libc::c_ulong, second: libc::c_ulong) -> libc::c_int {
    let unused: libc::c_ulong = 0;
    // SAFETY: the options used in this module take numbers and touch no memory.
    unsafe { libc::prctl(option, value, second, unused, unused) }
}

/// What this thread may do.
///
/// # Errors
/// The system's reason.
pub fn capabilities() -> io::Result<Capabilities> {
    let mut header = Header {
        version: CAPABILITY_VERSION,
        pid: 0,
    };
    let mut halves = [Half::default(); 2];
    // SAFETY: both pointers are to live values of the layout that this version of the call writes.
    done(unsafe {
        libc::syscall(
            libc::SYS_capget,
            &raw mut header,
            halves.as_mut_ptr().cast::<libc::c_void>(),
        )
    })?;
    let [low, high] = halves;
    let whole = |pick: fn(Half) -> u32| u64::from(pick(low)) | (u64::from(pick(high)) << 32);
    let collected = |is_in: &dyn Fn(libc::c_ulong) -> bool| {
        (0..CAPABILITIES)
            .filter(|bit| is_in(*bit))
            .fold(0, |set, bit| set | (1 << bit))
    };
    let ambient = libc::PR_CAP_AMBIENT_IS_SET as libc::c_ulong;
    Ok(Capabilities {
        effective: whole(|half| half.effective),
        permitted: whole(|half| half.permitted),
        inheritable: whole(|half| half.inheritable),
        ambient: collected(&|bit| prctl(libc::PR_CAP_AMBIENT, ambient, bit) == 1),
        bounding: collected(&|bit| prctl(libc::PR_CAPBSET_READ, bit, 0) == 1),
    })
}

/// Keeps these capabilities and no other; they are not passed on through exec.
///
/// # Errors
/// The system's reason.
pub fn keep_capabilities(kept: u64) -> io::Result<()> {
    let clear_all = libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong;
    done(prctl(libc::PR_CAP_AMBIENT, clear_all, 0).into())?;
    let mut header = Header {
        version: CAPABILITY_VERSION,
        pid: 0,
    };
    let half = |bits: u32| Half {
        effective: bits,
        permitted: bits,
        inheritable: 0,
    };
    let low = u32::try_from(kept & u64::from(u32::MAX)).unwrap_or(0);
    let high = u32::try_from(kept >> 32).unwrap_or(0);
    let halves = [half(low), half(high)];
    // SAFETY: both pointers are to live values of the layout that this version of the call reads.
    done(unsafe {
        libc::syscall(
            libc::SYS_capset,
            &raw mut header,
            halves.as_ptr().cast::<libc::c_void>(),
        )
    })
}

/// Takes all but these out of the bounding set: no exec gives them back.
///
/// # Errors
/// The system's reason.
pub fn bound_capabilities(kept: u64) -> io::Result<()> {
    for bit in 0..CAPABILITIES {
        let held = prctl(libc::PR_CAPBSET_READ, bit, 0);
        if held < 0 {
            // The system knows no further ones.
            return Ok(());
        }
        if held == 1 && kept & (1 << bit) == 0 {
            done(prctl(libc::PR_CAPBSET_DROP, bit, 0).into())?;
        }
    }
    Ok(())
}

/// What is permitted now stays so when the user changes from root to another.
///
/// # Errors
/// The system's reason.
pub fn carry_capabilities() -> io::Result<()> {
    done(prctl(libc::PR_SET_KEEPCAPS, 1, 0).into())
}

/// No program that is started from now on has more rights than this one.
///
/// # Errors
/// The system's reason.
pub fn forbid_new_privileges() -> io::Result<()> {
    done(prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0).into())
}

/// Makes this thread another user's, without any further group. Only right in a process of one thread.
///
/// # Errors
/// The system's reason.
pub fn become_user(ids: Ids) -> io::Result<()> {
    let none: *const libc::gid_t = std::ptr::null();
    let (uid, gid) = (ids.uid, ids.gid);
    // SAFETY: no group is read through the pointer, for the count is 0; the other calls take numbers. The calls themselves
    // and not the library's functions, which would wait for threads that a forked child does not have.
    unsafe {
        done(libc::syscall(libc::SYS_setgroups, 0, none))?;
        done(libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        done(libc::syscall(libc::SYS_setresuid, uid, uid, uid))
    }
}

/// Whether this process is this user and nobody else: real, effective and saved, and without further groups.
///
/// # Errors
/// The system's reason.
pub fn is_only(ids: Ids) -> io::Result<bool> {
    let (mut users, mut groups) = ([0; 3], [0; 3]);
    let ([real_u, effective_u, saved_u], [real_g, effective_g, saved_g]) =
        (&mut users, &mut groups);
    // SAFETY: all pointers are to live values that the calls write; no group is written, for the room is 0.
    let further = unsafe {
        done(libc::getresuid(real_u, effective_u, saved_u).into())?;
        done(libc::getresgid(real_g, effective_g, saved_g).into())?;
        libc::getgroups(0, std::ptr::null_mut())
    };
    done(further.into())?;
    Ok(users == [ids.uid; 3] && groups == [ids.gid; 3] && further == 0)
}

/// The effective user of this process.
#[must_use]
pub fn effective_user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// A user of this host by name; nothing when there is none.
///
/// # Errors
/// The system's reason.
pub fn lookup(name: &str) -> io::Result<Option<Ids>> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    let mut room = vec![0; LOOKUP_BYTES];
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::zeroed();
    let mut found = std::ptr::null_mut();
    // SAFETY: name, entry and room are live for the call, and the room's length is its own.
    let code = unsafe {
        libc::getpwnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            room.as_mut_ptr(),
            room.len(),
            &raw mut found,
        )
    };
    if found.is_null() {
        return match code {
            0 | libc::ENOENT | libc::ESRCH => Ok(None),
            code => Err(io::Error::from_raw_os_error(code)),
        };
    }
    // SAFETY: the call found an entry and has written it.
    let entry = unsafe { entry.assume_init() };
    Ok(Some(Ids {
        uid: entry.pw_uid,
        gid: entry.pw_gid,
    }))
}

/// Has a command start as this user (or as ours), without capabilities and without a way to new ones.
pub fn start_as(command: &mut Command, user: Option<Ids>) {
    let last_steps = move || -> io::Result<()> {
        // Who may not empty the bounding set has nothing that another program could draw from it.
        if user.is_some() || capabilities()?.effective & CAP_SETPCAP != 0 {
            bound_capabilities(0)?;
        }
        if let Some(ids) = user {
            become_user(ids)?;
        }
        keep_capabilities(0)?;
        forbid_new_privileges()
    };
    // SAFETY: between fork and exec only system calls are made; nothing allocates or takes a lock.
    unsafe {
        command.pre_exec(last_steps);
    }
}

/// An outcome in words.
///
/// # Errors
/// The same, as text.
pub fn told(result: io::Result<()>) -> Result<(), String> {
    result.map_err(|error| error.to_string())
}

/// No exec gives a capability back.
///
/// # Errors
/// When the set could not be emptied.
pub fn empty_bounding_set() -> Result<(), String> {
    told(bound_capabilities(0))?;
    match capabilities() {
        Ok(held) if held.bounding == 0 => Ok(()),
        Ok(held) => Err(format!("the set is {:x}", held.bounding)),
        Err(error) => Err(error.to_string()),
    }
}

/// Gives up every capability.
///
/// # Errors
/// When one is still held.
pub fn no_capabilities() -> Result<(), String> {
    told(keep_capabilities(0))?;
    match capabilities() {
        Ok(held) => match held.effective | held.permitted | held.inheritable | held.ambient {
            0 => Ok(()),
            some => Err(format!("{some:x} are held")),
        },
        Err(error) => Err(error.to_string()),
    }
}
