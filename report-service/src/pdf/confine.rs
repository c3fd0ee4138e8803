//! What LibreOffice is left with: its own installation and fonts for reading, one folder for writing, no network.

use std::path::{Path, PathBuf};

use spokegate_confine::reach::{self, Reach};
use spokegate_confine::{Missing, Reached, SECCOMP, calls, sys};

use super::worker::Arguments;

/// What it reads besides its own folder: libraries, fonts, the names of users, the time zone. Not the rest of `/etc`, where
/// keys may stand.
const READ: [&str; 20] = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/share",
    "/usr/local/share/fonts",
    "/lib",
    "/lib64",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/libreoffice",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/papersize",
    "/etc/passwd",
    "/var/cache/fontconfig",
    "/var/spool/libreoffice",
    "/proc/self",
    "/sys/devices/system/cpu",
];
const DEVICES_READ: [&str; 2] = ["/dev/urandom", "/dev/random"];
const DEVICES_WRITTEN: [&str; 1] = ["/dev/null"];
/// What loads a program's libraries is started with it.
const LOADERS: [&str; 2] = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
/// Threads of LibreOffice; it takes some for each processor.
const THREADS_MAX: u64 = 1_024;
/// Calls that making a PDF has no need of.
const REFUSED: [i64; 45] = [
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_connect,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_personality,
    libc::SYS_socketpair,
    // Landlock lets through what changes a file without opening it.
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    SYS_SETXATTRAT,
    SYS_REMOVEXATTRAT,
    SYS_FILE_SETATTR,
];
/// Calls that the library does not name everywhere; they have one number on all machines.
const SYS_FCHMODAT2: i64 = 452;
const SYS_SETXATTRAT: i64 = 463;
const SYS_REMOVEXATTRAT: i64 = 466;
const SYS_FILE_SETATTR: i64 = 469;
/// The same under older names.
#[cfg(target_arch = "x86_64")]
const REFUSED_OLDER: [i64; 6] = [
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_OLDER: [i64; 0] = [];
const HINT: &str =
    "pdf.sandbox = \"best-effort\" starts without the layers that this host does not offer";

/// Closes the confinement for good; programs that are started next have it too.
///
/// # Errors
/// Where confinement is required, the first layer that is missing.
pub(super) fn enter(arguments: &Arguments) -> Result<(), Missing> {
    let mut reached = Reached::new(arguments.sandbox, HINT);
    reached.must("descriptors", sys::close_from(3))?;
    // Without a network of its own, sockets of the network are still refused.
    let namespaces = sys::unshare_namespaces();
    let counted_alone = namespaces.is_ok();
    reached.may("namespaces", namespaces);
    // What is started next can be read by its user's other processes again; of that layer the limit on core dumps lasts.
    reached.give_up_rights()?;
    reached.must("file-size", sys::limit_file_size(arguments.document_bytes))?;
    reached.must("memory", sys::limit_memory(arguments.memory_bytes))?;
    reached.must("cpu", sys::limit_cpu(arguments.seconds))?;
    if counted_alone {
        reached.must("threads", sys::limit_threads(THREADS_MAX))?;
    }
    let closed = reach::close(&reach(&arguments.office, &arguments.folder));
    reached.must("landlock", closed.files)?;
    reached.may("landlock-network", closed.network);
    reached.may("landlock-scope", closed.scope);
    reached.must("sockets", calls::refuse_sockets_but_local_streams())?;
    // It would put a socket into /tmp if it may write there; so it puts it into its folder.
    reached.must("own-sockets", calls::deny_asking_to_write())?;
    reached.must("processes", calls::refuse_processes())?;
    reached.must("others", calls::refuse_changing_others())?;
    reached.must(
        SECCOMP,
        calls::refuse(&[&REFUSED[..], &REFUSED_OLDER[..]].concat()),
    )
}

fn reach(office: &Path, folder: &Path) -> Reach {
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
    // As LibreOffice is laid out: what its programs need lies beside them.
    let own = office.parent().filter(|_| office.ends_with("program"));
    let own = own.map(Path::to_owned).into_iter().collect();
    Reach {
        read: [paths(&READ), paths(&DEVICES_READ), own].concat(),
        run: [paths(&LOADERS), vec![office.to_owned()]].concat(),
        write: [paths(&DEVICES_WRITTEN), vec![folder.to_owned()]].concat(),
        ..Reach::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{getpid, test_kill_process};
    use spokegate_confine::privileges::{self, told};

    #[test]
    fn no_process_is_sent_a_signal() {
        // A filter stays with the thread that takes it.
        let confined = std::thread::spawn(|| {
            test_kill_process(getpid()).unwrap();
            told(privileges::forbid_new_privileges()).unwrap();
            calls::refuse(&REFUSED).unwrap();
            test_kill_process(getpid())
        });
        assert_eq!(confined.join().unwrap(), Err(rustix::io::Errno::PERM));
        test_kill_process(getpid()).unwrap();
    }
}
