//! What a command about a secret says, and what comes of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use spokegate_contract::cbor::{ReadError, Reader};
use spokegate_contract::envelope::{CommandFault, CommandOutcome};
use spokegate_contract::limits::SECRET_NAME_BYTES_MAX;
use spokegate_identity::secret::{self, SEALED_SECRET_BYTES_MAX};

use crate::keeper::Hand;

use super::{Address, SecretName, Secrets, Store, Zeroizing};

/// Members of the arguments.
const MEMBERS: usize = 2;
/// Base64 has four characters for three bytes.
const SEALED_TEXT_BYTES_MAX: usize = SEALED_SECRET_BYTES_MAX.div_ceil(3) * 4;

/// What a command is to do.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    name: SecretName,
    /// Base64 of what is sealed; none to remove the name.
    sealed: Option<Vec<u8>>,
}

/// What the command needs beside its arguments.
pub(crate) struct Kept<'a> {
    pub(crate) address: &'a Address,
    pub(crate) store: &'a Store,
    pub(crate) secrets: &'a Secrets,
    /// The Node-RED that is kept here, if one is.
    pub(crate) node_red: Option<&'a Hand>,
}

/// Keeps or removes a secret: `{name: text, sealed: base64, or absent to remove it}`. Blocks.
pub(crate) fn obey(kept: &Kept<'_>, args: &Bytes) -> CommandOutcome {
    let Wanted { name, sealed } = match read(args) {
        Ok(wanted) => wanted,
        Err(error) => return CommandOutcome::failed(CommandFault::Invalid, &error),
    };
    let failed = |error: String| CommandOutcome::failed(CommandFault::Failed, &error);
    let done = match sealed {
        Some(_) => format!("{name} is kept, for what begins from now on"),
        None => format!("{name} is removed"),
    };
    let value = match sealed
        .map(|sealed| opened(kept, &name, &sealed))
        .transpose()
    {
        Ok(value) => value,
        Err(error) => return failed(error),
    };
    if let (Some(node_red), Some(value)) = (kept.node_red, &value) {
        // Before a flow can have it.
        node_red.learn(value);
    }
    match kept.secrets.keep(&name, value) {
        Ok(is_news) => {
            let due = kept.node_red.filter(|_| is_news).map(Hand::secrets_changed);
            let due = due.map(|due| format!("; Node-RED runs with what it had: {}", due.text()));
            CommandOutcome::done(&(done + &due.unwrap_or_default()))
        }
        Err(error) => failed(error.to_string()),
    }
}

fn read(args: &Bytes) -> Result<Wanted, String> {
    let (name, sealed) =
        members(args).map_err(|error| format!("the arguments of the secret: {error}"))?;
    let name = name
        .parse::<SecretName>()
        .map_err(|error| error.to_string())?;
    let sealed = sealed.map(|text| STANDARD.decode(text)).transpose();
    let sealed = sealed.map_err(|_| format!("{name}: what is sealed is no base64"))?;
    Ok(Wanted { name, sealed })
}

fn members(args: &Bytes) -> Result<(String, Option<String>), ReadError> {
    let mut reader = Reader::new(args.clone());
    let mut map = reader.map(MEMBERS)?;
    let name = map.required("name")?.text(SECRET_NAME_BYTES_MAX)?;
    let sealed = match map.optional("sealed")? {
        Some(value) => Some(value.text(SEALED_TEXT_BYTES_MAX)?),
        None => None,
    };
    map.finish()?;
    reader.finish()?;
    Ok((name, sealed))
}

fn opened(kept: &Kept<'_>, name: &SecretName, sealed: &[u8]) -> Result<Zeroizing<String>, String> {
    let pem = kept.store.key_pem().map_err(|error| error.to_string())?;
    let plain = secret::open(&pem, kept.address, name, sealed).map_err(|error| {
        format!("{name}: {error}, hint: set it again; the certificate was renewed meanwhile")
    })?;
    let text = std::str::from_utf8(&plain).map_err(|_| format!("{name} is no text in UTF-8"))?;
    if text.is_empty() || text.contains('\0') {
        return Err(format!("{name} is empty or holds a zero character"));
    }
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use spokegate_contract::cbor;

    use super::*;

    #[track_caller]
    fn check(args: &Value, expected: Result<(&str, Option<&[u8]>), &str>) {
        let mut bytes = Vec::new();
        cbor::from_json(args, &mut bytes).unwrap();
        match (read(&bytes.into()), expected) {
            (Ok(wanted), Ok((name, sealed))) => {
                assert_eq!(
                    (wanted.name.as_str(), wanted.sealed.as_deref()),
                    (name, sealed)
                );
            }
            (Err(told), Err(part)) => assert!(told.contains(part), "{told}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn arguments_are_a_name_and_what_is_sealed() {
        check(
            &json!({"name": "X", "sealed": "AQI="}),
            Ok(("X", Some(&[1, 2]))),
        );
        check(&json!({"name": "X"}), Ok(("X", None)));
        check(&json!({}), Err("the arguments"));
        check(&json!({"name": "X", "sealed": "AQI"}), Err("no base64"));
        check(&json!({"name": "X", "sealed": 1}), Err("the arguments"));
        check(&json!({"name": "PATH"}), Err("read by programs"));
        check(&json!({"name": "a b"}), Err("a secret's name has"));
        check(&json!({"name": "X", "other": 1}), Err("the arguments"));
        let long = "A".repeat(SEALED_TEXT_BYTES_MAX + 4);
        check(&json!({"name": "X", "sealed": long}), Err("the arguments"));
        assert!(read(&Bytes::from_static(b"\xff")).is_err());
    }
}
