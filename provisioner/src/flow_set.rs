//! What may be a flow set: the JSON that Node-RED exports, without credentials; pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use spokegate_contract::limits::FLOW_SET_BYTES_MAX;

/// Bytes of a node's id, type and tab.
const ID_BYTES_MAX: usize = 128;
/// Nodes of one set.
const NODES_MAX: usize = 20_000;

/// A flow set that was read, in the form that goes to satellites: members sorted by name, nodes in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlowSetContent {
    pub(crate) json: Vec<u8>,
    pub(crate) nodes: u64,
    pub(crate) tabs: u64,
}

/// Why something is no flow set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FlowSetFault {
    #[error(
        "it has {0} bytes, allowed are {FLOW_SET_BYTES_MAX}, hint: split it into several sets for several satellites"
    )]
    Length(usize),
    #[error("it is no JSON: {0}")]
    Json(String),
    #[error("it is no array of nodes, hint: in Node-RED: menu, Export, all flows, JSON")]
    Form,
    #[error("it has no node")]
    Empty,
    #[error("it has {0} nodes, allowed are {NODES_MAX}")]
    Nodes(usize),
    #[error(
        "node {0} is no object with an id and a type, each a text of 1 to {ID_BYTES_MAX} bytes"
    )]
    Node(usize),
    #[error("two nodes have the id {0}")]
    Twice(String),
    #[error(
        "node {0} has credentials in the clear, hint: remove them, and let its fields say ${{NAME}}: `spokegate secret set` gives the value"
    )]
    Credentials(String),
    #[error("node {node} is on the tab {tab}, which is not in it, hint: export all flows")]
    Tab { node: String, tab: String },
}

/// Reads what was exported.
pub(crate) fn read(text: &[u8]) -> Result<FlowSetContent, FlowSetFault> {
    if text.len() as u64 > FLOW_SET_BYTES_MAX {
        return Err(FlowSetFault::Length(text.len()));
    }
    let value: Value =
        serde_json::from_slice(text).map_err(|error| FlowSetFault::Json(error.to_string()))?;
    // The admin API's form has them one level deeper.
    let nodes = match value {
        Value::Array(nodes) => nodes,
        Value::Object(mut whole) => match whole.remove("flows") {
            Some(Value::Array(nodes)) => nodes,
            _ => return Err(FlowSetFault::Form),
        },
        _ => return Err(FlowSetFault::Form),
    };
    let tabs = judge(&nodes)?;
    let count = nodes.len() as u64;
    let mut whole = Value::Array(nodes);
    whole.sort_all_objects();
    let json = whole.to_string().into_bytes();
    if json.len() as u64 > FLOW_SET_BYTES_MAX {
        return Err(FlowSetFault::Length(json.len()));
    }
    Ok(FlowSetContent {
        json,
        nodes: count,
        tabs,
    })
}

/// How many tabs there are.
fn judge(nodes: &[Value]) -> Result<u64, FlowSetFault> {
    match nodes.len() {
        0 => return Err(FlowSetFault::Empty),
        count if count > NODES_MAX => return Err(FlowSetFault::Nodes(count)),
        _ => {}
    }
    let (mut ids, mut tabs, mut holders) = (BTreeSet::new(), 0, BTreeSet::new());
    for (at, node) in nodes.iter().enumerate() {
        let node = node.as_object().ok_or(FlowSetFault::Node(at))?;
        let (id, kind) = (text(node, "id"), text(node, "type"));
        let (id, kind) = id.zip(kind).ok_or(FlowSetFault::Node(at))?;
        if node.contains_key("credentials") {
            return Err(FlowSetFault::Credentials(id.to_owned()));
        }
        let env = node.get("env").and_then(Value::as_array);
        let shown = |entry: &Value| {
            let value = entry.get("value").and_then(Value::as_str);
            entry.get("type").is_some_and(|kind| kind == "cred")
                && value.is_some_and(|value| !value.is_empty())
        };
        if env.is_some_and(|env| env.iter().any(shown)) {
            return Err(FlowSetFault::Credentials(id.to_owned()));
        }
        if !ids.insert(id) {
            return Err(FlowSetFault::Twice(id.to_owned()));
        }
        tabs += u64::from(kind == "tab");
        if kind == "tab" || kind == "subflow" {
            holders.insert(id);
        }
    }
    for node in nodes.iter().filter_map(Value::as_object) {
        let tab = text(node, "z").unwrap_or_default();
        if !tab.is_empty() && !holders.contains(tab) {
            return Err(FlowSetFault::Tab {
                node: text(node, "id").unwrap_or_default().to_owned(),
                tab: tab.to_owned(),
            });
        }
    }
    Ok(tabs)
}

fn text<'a>(node: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    let text = node.get(name)?.as_str()?;
    (1..=ID_BYTES_MAX).contains(&text.len()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: &Value, expected: Result<(u64, u64), &str>) {
        let read = read(value.to_string().as_bytes());
        match (read, expected) {
            (Ok(content), Ok(expected)) => assert_eq!((content.nodes, content.tabs), expected),
            (Err(fault), Err(words)) => assert!(fault.to_string().contains(words), "{fault}"),
            (read, expected) => panic!("{read:?} is not {expected:?}"),
        }
    }

    #[test]
    fn what_node_red_exports_is_taken_and_the_rest_says_why_not() {
        let tab = json!({ "id": "t", "type": "tab", "label": "office" });
        let node = json!({ "id": "n", "type": "inject", "z": "t", "wires": [[]] });
        check(&json!([tab, node]), Ok((2, 1)));
        check(&json!({ "flows": [tab, node], "rev": "1" }), Ok((2, 1)));
        check(
            &json!([{ "id": "s", "type": "subflow" }, { "id": "n", "type": "x", "z": "s" }]),
            Ok((2, 0)),
        );
        check(&json!({ "flows": 1 }), Err("no array of nodes"));
        check(&json!("x"), Err("no array of nodes"));
        check(&json!([]), Err("no node"));
        check(&json!([1]), Err("node 0 is no object"));
        check(&json!([{ "id": "a" }]), Err("node 0 is no object"));
        check(&json!([tab, tab]), Err("two nodes have the id t"));
        check(&json!([node]), Err("on the tab t, which is not in it"));
        let mut secret = tab.clone();
        secret["credentials"] = json!({ "password": "x" });
        check(&json!([secret]), Err("spokegate secret set"));
        let env = |value: &str| json!([{ "id": "t", "type": "tab", "env": [{ "name": "P", "type": "cred", "value": value }] }]);
        check(&env("x"), Err("spokegate secret set"));
        check(&env(""), Ok((1, 1)));
        let stored =
            json!([{ "id": "t", "type": "tab", "env": [{ "name": "P", "type": "cred" }] }]);
        check(&stored, Ok((1, 1)));
        let long = json!([{ "id": "i".repeat(ID_BYTES_MAX), "type": "x" }]);
        check(&long, Ok((1, 0)));
        let longer = json!([{ "id": "i".repeat(ID_BYTES_MAX + 1), "type": "x" }]);
        check(&longer, Err("1 to 128 bytes"));
        let many = |count: usize| {
            let nodes = (0..count).map(|at| json!({ "id": at.to_string(), "type": "x" }));
            Value::Array(nodes.collect())
        };
        check(&many(NODES_MAX), Ok((NODES_MAX as u64, 0)));
        check(&many(NODES_MAX + 1), Err("allowed are 20000"));
        assert!(matches!(read(b"["), Err(FlowSetFault::Json(_))));
        let text = |bytes: usize| {
            format!(
                "[{{\"id\":\"a\",\"type\":\"x\",\"more\":\"{}\"}}]",
                "m".repeat(bytes)
            )
        };
        let room = FLOW_SET_BYTES_MAX as usize - text(0).len();
        assert!(read(text(room).as_bytes()).is_ok());
        assert!(matches!(
            read(text(room + 1).as_bytes()),
            Err(FlowSetFault::Length(_))
        ));
    }

    #[test]
    fn the_same_flows_are_the_same_bytes() {
        let one = read(br#"[ {"type": "tab", "id": "t"} ]"#).unwrap();
        let other = read(br#"[{"id":"t","type":"tab"}]"#).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.json, br#"[{"id":"t","type":"tab"}]"#);
    }
}
