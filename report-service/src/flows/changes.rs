//! What a version changes against the one before it, counted.

use std::collections::BTreeMap;

use serde_json::Value;

/// How many were added, removed and changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Those that the version before does not have.
    pub added: u64,
    /// Those that only the version before has.
    pub removed: u64,
    /// Those that both have, and not alike.
    pub changed: u64,
}

/// What a version changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Of tabs and subflows.
    pub tabs: Count,
    /// Of all other nodes.
    pub nodes: Count,
}

impl Changes {
    /// What has changed between two arrays of nodes.
    #[must_use]
    pub fn between(before: &[Value], after: &[Value]) -> Self {
        let count = |tabs: bool| {
            let (before, after) = (by_id(before, tabs), by_id(after, tabs));
            let missing = |here: &BTreeMap<&str, &Value>, there: &BTreeMap<&str, &Value>| {
                here.keys().filter(|id| !there.contains_key(*id)).count() as u64
            };
            let differs = |(id, node): &(&&str, &&Value)| {
                before.get(**id).is_some_and(|known| known != *node)
            };
            Count {
                added: missing(&after, &before),
                removed: missing(&before, &after),
                changed: after.iter().filter(differs).count() as u64,
            }
        };
        Self {
            tabs: count(true),
            nodes: count(false),
        }
    }
}

/// How many tabs and subflows, and how many other nodes there are.
#[must_use]
pub fn tally(flows: &[Value]) -> (u64, u64) {
    (
        by_id(flows, true).len() as u64,
        by_id(flows, false).len() as u64,
    )
}

fn by_id(flows: &[Value], tabs: bool) -> BTreeMap<&str, &Value> {
    let entry = |node| Some((Value::get(node, "id")?.as_str()?, node));
    let of_kind = |(_, node): &(&str, &Value)| is_tab(node) == tabs;
    flows.iter().filter_map(entry).filter(of_kind).collect()
}

fn is_tab(node: &Value) -> bool {
    matches!(node["type"].as_str(), Some("tab" | "subflow"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tabs_and_nodes_are_counted_apart() {
        let before = json!([
            { "id": "t1", "type": "tab" }, { "id": "s", "type": "subflow", "name": "a" },
            { "id": "a", "type": "inject" }, { "id": "b", "type": "debug", "x": 1 }, { "id": "c", "type": "debug" },
        ]);
        let after = json!([
            { "id": "s", "type": "subflow", "name": "b" }, { "id": "t2", "type": "tab" }, { "id": "t3", "type": "tab" },
            { "type": "debug", "x": 2, "id": "b" }, { "id": "a", "type": "inject" }, "no node", { "id": 5 },
        ]);
        let (before, after) = (before.as_array().unwrap(), after.as_array().unwrap());
        let count = |added, removed, changed| Count {
            added,
            removed,
            changed,
        };
        let expected = Changes {
            tabs: count(2, 1, 1),
            nodes: count(0, 1, 1),
        };
        assert_eq!(Changes::between(before, after), expected);
        assert_eq!(Changes::between(before, before), Changes::default());
        assert_eq!((tally(before), tally(after)), ((2, 3), (3, 2)));
    }
}
