//! `spokegate audit`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use spokegate_identity::PublicKey;

use super::{Directory, counted, moment, wait_for};
use crate::AuditKey;
use crate::audit_export::{Whole, verify};
use crate::files;
use crate::registry::ChainState;

/// What was decided, when and why.
#[derive(Debug, Subcommand)]
pub(super) enum AuditVerb {
    /// Shows the last decisions about certificates, and whether the chain of all is whole; exit 1 when it is not
    Show {
        #[command(flatten)]
        directory: Directory,
        /// How many
        #[arg(long, default_value_t = 50)]
        last: u32,
    },
    /// Makes the key with which a sanitizer signs its audit: the file for the sanitizer, and the public half for the centre
    Keygen {
        /// The private key's file, for `audit.key_file` of the sanitizer
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Checks what `spokegate-reports export-audit` wrote: every hash, and every signature; exit 1 when one does not hold
    Verify {
        /// The export
        file: PathBuf,
        /// The sanitizer's public key: 130 hexadecimal digits, as `keygen` printed them
        #[arg(long, value_name = "DIGITS")]
        public_key: Option<PublicKey>,
    },
}

impl AuditVerb {
    pub(super) fn run(self) -> anyhow::Result<String> {
        match self {
            Self::Show { directory, last } => wait_for(show(&directory, last)),
            Self::Keygen { output } => {
                let key = AuditKey::generate().context("make the audit key")?;
                files::write_private(&output, key.pem().as_bytes())
                    .context("keep the audit key")?;
                Ok(format!(
                    "audit key in {}\nfor the centre, at the sanitizer's entry of the report service:\naudit_key = \"{}\"\n",
                    output.display(),
                    key.public_key()
                ))
            }
            Self::Verify { file, public_key } => {
                let export = File::open(&file)
                    .with_context(|| format!("open the export {}", file.display()))?;
                let whole = verify(BufReader::new(export), public_key.as_ref())
                    .with_context(|| format!("the audit in {} does not hold", file.display()))?;
                Ok(told(&whole, public_key.is_some()))
            }
        }
    }
}

fn told(whole: &Whole, with_key: bool) -> String {
    let mut text = format!(
        "{} of {} hold",
        counted(whole.entries, "record"),
        counted(whole.chains, "chain")
    );
    let signatures = counted(whole.signatures, "signature");
    // Writing to a String cannot fail.
    let _ = match (with_key, whole.signatures) {
        (true, 1..) => write!(text, ", and {signatures}"),
        (true, 0) => write!(text, "; nobody signed them"),
        (false, _) => write!(text, "; {signatures} unchecked, hint: give --public-key"),
    };
    let _ = write!(
        text,
        "; {} after the last signature",
        counted(whole.unsigned, "record")
    );
    if whole.cut > 0 {
        let _ = write!(
            text,
            "; the first records of {} are not in the export",
            counted(whole.cut, "chain")
        );
    }
    text + "\n"
}

async fn show(directory: &Directory, last: u32) -> anyhow::Result<String> {
    let office = directory.open().await?;
    let mut text = String::new();
    for record in office.registry().audit_last(last).await? {
        let at = moment(record.at_ms);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} {at} {} {} {} by {}: {}",
            record.sequence,
            record.decision,
            record.action,
            record.reason,
            record.actor,
            record.subject
        );
    }
    match office.registry().verify_audit().await? {
        ChainState::Intact { records } => {
            let records = counted(records, "record");
            Ok(format!("{text}the chain of {records} is whole\n"))
        }
        ChainState::BrokenAt { sequence } => anyhow::bail!(
            "{text}the chain of the audit is broken at record {sequence}: it was changed, or one before it was removed"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_command_says() {
        let whole = Whole {
            chains: 1,
            entries: 3,
            signatures: 2,
            unsigned: 1,
            cut: 0,
        };
        let check = |whole: Whole, with_key, expected: &str| {
            assert_eq!(told(&whole, with_key), format!("{expected}\n"));
        };
        check(
            whole,
            true,
            "3 records of 1 chain hold, and 2 signatures; 1 record after the last signature",
        );
        check(
            whole,
            false,
            "3 records of 1 chain hold; 2 signatures unchecked, hint: give --public-key; 1 record after the last signature",
        );
        let bare = Whole {
            signatures: 0,
            unsigned: 3,
            cut: 1,
            ..whole
        };
        check(
            bare,
            true,
            "3 records of 1 chain hold; nobody signed them; 3 records after the last signature; \
             the first records of 1 chain are not in the export",
        );
    }
}
