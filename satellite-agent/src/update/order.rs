//! What an update's command says, and whether this agent does it; pure.

use bytes::Bytes;
use spokegate_contract::cbor::{ReadError, Reader};
use spokegate_contract::envelope::{CommandFault, CommandOutcome};
use spokegate_contract::limits::PARCEL_BYTES_MAX;
use spokegate_identity::release::{
    Architecture, RELEASE_BYTES_MAX, Release, SignedRelease, Version,
};

/// Members of the arguments.
const MEMBERS: usize = 2;

/// The arguments of `update`.
#[derive(Debug)]
pub(super) struct Wanted {
    /// As the release key signed it.
    pub(super) signed: SignedRelease,
    /// An older version is meant.
    pub(super) downgrade: bool,
}

/// Reads the arguments: `{release: the JSON of a signed release, downgrade: bool or absent}`.
pub(super) fn read(args: &Bytes) -> Result<Wanted, String> {
    let (text, downgrade) =
        members(args).map_err(|error| format!("the arguments of the update: {error}"))?;
    let signed = SignedRelease::from_json(text.as_bytes());
    let signed = signed.map_err(|error| format!("the release is not believed: {error}"))?;
    Ok(Wanted { signed, downgrade })
}

fn members(args: &Bytes) -> Result<(String, bool), ReadError> {
    let mut reader = Reader::new(args.clone());
    let mut map = reader.map(MEMBERS)?;
    let release = map.required("release")?.text(RELEASE_BYTES_MAX)?;
    let downgrade = match map.optional("downgrade")? {
        Some(value) => value.bool()?,
        None => false,
    };
    map.finish()?;
    reader.finish()?;
    Ok((release, downgrade))
}

/// The last word at once; none when the release is to be fetched.
pub(super) fn judge(
    release: &Release,
    own_version: &str,
    own: Option<Architecture>,
    downgrade: bool,
) -> Option<CommandOutcome> {
    let failed = |fault, text: String| Some(CommandOutcome::failed(fault, &text));
    if own != Some(release.architecture) {
        let machine = own.map_or(std::env::consts::ARCH, Architecture::as_str);
        let text = format!(
            "the release is for {}, this machine is {machine}",
            release.architecture
        );
        return failed(CommandFault::Unsupported, text);
    }
    if !(1..=PARCEL_BYTES_MAX).contains(&release.bytes) {
        let text = format!(
            "the release has {} bytes, allowed are 1 to {PARCEL_BYTES_MAX}",
            release.bytes
        );
        return failed(CommandFault::Invalid, text);
    }
    let Ok(present) = own_version.parse::<Version>() else {
        return failed(
            CommandFault::Failed,
            format!("this agent's own version {own_version} has no place in the order of versions"),
        );
    };
    if release.version == present {
        return Some(CommandOutcome::done(&format!("{present} runs already")));
    }
    if release.version < present && !downgrade {
        let text = format!(
            "{} is older than {present}, which runs; an older one is taken with --downgrade alone",
            release.version
        );
        return failed(CommandFault::Invalid, text);
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use spokegate_contract::cbor;

    use super::*;

    fn release(version: &str, bytes: u64) -> Release {
        Release {
            version: version.parse().unwrap(),
            architecture: Architecture::Amd64,
            digest: [1; 32],
            bytes,
        }
    }

    #[track_caller]
    fn check(release: &Release, own: Architecture, downgrade: bool, expected: Option<&str>) {
        let word = judge(release, "1.4.0", Some(own), downgrade).map(|outcome| match outcome {
            CommandOutcome::Failed { fault, .. } => fault.as_str(),
            _ => "done",
        });
        assert_eq!(word, expected);
    }

    #[test]
    fn a_newer_build_for_this_machine_is_fetched_and_nothing_else() {
        use Architecture::{Amd64, Arm64};
        check(&release("1.5.0", 9), Amd64, false, None);
        check(&release("1.5.0", 9), Arm64, false, Some("unsupported"));
        check(&release("1.4.0", 9), Amd64, false, Some("done"));
        check(&release("1.3.9", 9), Amd64, false, Some("invalid"));
        check(&release("1.3.9", 9), Amd64, true, None);
        check(&release("1.5.0", 0), Amd64, false, Some("invalid"));
        check(&release("1.5.0", PARCEL_BYTES_MAX), Amd64, false, None);
        let longer = release("1.5.0", PARCEL_BYTES_MAX + 1);
        check(&longer, Amd64, false, Some("invalid"));
        let own = judge(&release("1.5.0", 9), "1.4.0-dirty", Some(Amd64), false);
        assert!(matches!(own, Some(CommandOutcome::Failed { .. })));
    }

    #[test]
    fn arguments_are_read_whole() {
        let text = "{\"version\":\"1.5.0\",\"architecture\":\"amd64\",\"sha256\":\"00\",\"bytes\":1,\"signature\":\"\"}";
        let read = |value: Value| {
            let mut args = Vec::new();
            cbor::from_json(&value, &mut args).unwrap();
            read(&args.into())
        };
        assert!(!read(json!({"release": text})).unwrap().downgrade);
        assert!(
            read(json!({"release": text, "downgrade": true}))
                .unwrap()
                .downgrade
        );
        for refused in [
            json!({}),
            json!({"release": 1}),
            json!({"release": "{}"}),
            json!({"release": text, "downgrade": 1}),
            json!({"release": text, "more": true}),
        ] {
            assert!(read(refused.clone()).is_err(), "{refused}");
        }
    }
}
