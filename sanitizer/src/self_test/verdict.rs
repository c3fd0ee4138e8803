//! Whether a confinement held, by how an attack ended.

use crate::sandbox::{Ends, Tried};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How an attack ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The process was still there to tell.
    Told(Tried),
    /// The process ended.
    Ended(ExitStatus),
    /// It went on until it was ended from outside.
    Watched,
    /// It wrote what is no frame, and was ended.
    Garbled,
}

/// Whether that is how it should end.
pub(super) fn held(ends: Ends, ending: &Ending) -> bool {
    match (ends, ending) {
        (_, Ending::Told(Tried::Done(_))) => false,
        (Ends::Refused | Ends::ByItself, Ending::Told(Tried::Refused(_))) => true,
        // The filter's signal; and where the kernel has no 32-bit calls at all, that of any bad instruction.
        (Ends::Refused, Ending::Ended(status)) => {
            matches!(status.signal(), Some(libc::SIGSYS | libc::SIGSEGV))
        }
        (Ends::ByItself, Ending::Ended(status)) => !status.success(),
        (Ends::Watched, Ending::Watched) | (Ends::Garbled, Ending::Garbled) => true,
        _ => false,
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ending::Told(Tried::Done(what)) => write!(f, "it could ({what})"),
            Ending::Told(Tried::Refused(why)) => write!(f, "refused ({why})"),
            Ending::Ended(status) => write!(f, "the process ended ({status})"),
            Ending::Watched => f.write_str("ended by its watch"),
            Ending::Garbled => f.write_str("ended over what it wrote"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_end_counts() {
        let told = |tried: fn(String) -> Tried| Ending::Told(tried("x".to_owned()));
        let signal = |number| Ending::Ended(ExitStatus::from_raw(number));
        let exit = |code: i32| Ending::Ended(ExitStatus::from_raw(code << 8));
        for (ends, ending, expected) in [
            (Ends::Refused, told(Tried::Refused), true),
            (Ends::Refused, told(Tried::Done), false),
            (Ends::Refused, signal(libc::SIGSYS), true),
            (Ends::Refused, signal(libc::SIGKILL), false),
            (Ends::Refused, exit(0), false),
            (Ends::Refused, exit(1), false),
            (Ends::Refused, Ending::Watched, false),
            (Ends::ByItself, exit(101), true),
            (Ends::ByItself, exit(0), false),
            (Ends::ByItself, signal(libc::SIGPROF), true),
            (Ends::ByItself, told(Tried::Done), false),
            (Ends::ByItself, Ending::Watched, false),
            (Ends::Watched, Ending::Watched, true),
            (Ends::Watched, exit(0), false),
            (Ends::Garbled, Ending::Garbled, true),
            (Ends::Garbled, told(Tried::Refused), false),
        ] {
            assert_eq!(held(ends, &ending), expected, "{ends:?} {ending:?}");
        }
    }
}
