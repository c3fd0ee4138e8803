//! The command that restarts Node-RED: at once, or in the window.

use bytes::Bytes;
use spokegate_contract::cbor::{ReadError, Reader};
use spokegate_contract::envelope::{CommandFault, CommandOutcome};

use crate::keeper::Hand;

/// Members of the arguments.
const MEMBERS: usize = 1;

/// Restarts: `{now: true}`, or `{}` for the window. A restart at once is over when Node-RED has been up for a moment.
pub(super) async fn obey(node_red: Option<&Hand>, args: &Bytes) -> CommandOutcome {
    let is_now = match read(args) {
        Ok(is_now) => is_now,
        Err(error) => {
            let text = format!("the arguments of the restart: {error}");
            return CommandOutcome::failed(CommandFault::Invalid, &text);
        }
    };
    let Some(node_red) = node_red else {
        let text = "this agent keeps no Node-RED, hint: restart it on its machine, or give the agent a [node_red] section";
        return CommandOutcome::failed(CommandFault::Unsupported, text);
    };
    let told = match is_now {
        true => node_red.restart().await,
        false => node_red.restart_in_window(),
    };
    match told {
        Ok(detail) => CommandOutcome::done(&detail),
        Err(detail) => CommandOutcome::failed(CommandFault::Failed, &detail),
    }
}

fn read(args: &Bytes) -> Result<bool, ReadError> {
    let mut reader = Reader::new(args.clone());
    let mut map = reader.map(MEMBERS)?;
    let is_now = match map.optional("now")? {
        Some(value) => value.bool()?,
        None => false,
    };
    map.finish()?;
    reader.finish()?;
    Ok(is_now)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use spokegate_contract::cbor;

    use super::*;

    #[track_caller]
    fn check(args: &Value, expected: Option<bool>) {
        let mut bytes = Vec::new();
        cbor::from_json(args, &mut bytes).unwrap();
        assert_eq!(read(&bytes.into()).ok(), expected, "{args}");
    }

    #[test]
    fn arguments_say_whether_it_is_to_be_now() {
        check(&json!({}), Some(false));
        check(&json!({ "now": true }), Some(true));
        check(&json!({ "now": false }), Some(false));
        check(&json!({ "now": "yes" }), None);
        check(&json!({ "at": 1 }), None);
        check(&json!({ "now": true, "at": 1 }), None);
        check(&json!([]), None);
    }
}
