use super::*;
use serde_json::json;

/// The rows of a snapshot, with texts cut at so many characters.
pub(crate) fn rows(items: &[(&str, &str, String)], cut: usize) -> (String, Vec<Row>) {
    let whole: Vec<Item<'_>> = items
        .iter()
        .map(|(name, path, text)| Item {
            name,
            path,
            text: text.clone(),
        })
        .collect();
    let snapshot = digest(&whole);
    let mut rows = Vec::new();
    for (item, path, text) in items {
        let parts: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
        for (part, bytes) in parts.iter().enumerate() {
            rows.push(Row {
                snapshot: snapshot.clone(),
                row: u32::try_from(rows.len()).unwrap(),
                rows: 0,
                item: (*item).to_owned(),
                path: (*path).to_owned(),
                part: u32::try_from(part).unwrap(),
                parts: u32::try_from(parts.len()).unwrap(),
                text: String::from_utf8(bytes.to_vec()).unwrap(),
            });
        }
    }
    let count = u32::try_from(rows.len()).unwrap();
    for row in &mut rows {
        row.rows = count;
    }
    (snapshot, rows)
}

/// Flows with a label, and an entry of the library.
pub(crate) fn labelled(label: &str, cut: usize) -> (String, Vec<Row>) {
    let flows =
        json!([{ "id": "tab", "type": "tab", "label": label }, { "id": "n", "type": "debug" }]);
    let items = [
        ("flows", "", flows.to_string()),
        ("credentials", "", json!({ "nodes": ["n"] }).to_string()),
        (
            "settings",
            "",
            json!({ "modules": { "node-red": "4.1.15" }, "disabled": [] }).to_string(),
        ),
        (
            "library",
            "functions/a.js",
            json!("return msg;").to_string(),
        ),
    ];
    rows(&items, cut)
}

#[test]
fn rows_become_a_snapshot_however_they_are_cut() {
    for cut in [1, 7, 10_000] {
        let (id, rows) = labelled("one", cut);
        let found = Snapshot::of(&id, &rows).unwrap();
        assert_eq!(found.flows[0]["label"], "one");
        assert_eq!(found.credentialed, ["n"]);
        assert_eq!(found.modules["node-red"], "4.1.15");
        assert_eq!(found.library["functions/a.js"], "return msg;");
        assert_eq!(found.to_json()["flows"], json!(found.flows));
    }
}

#[test]
fn what_is_no_snapshot_is_refused() {
    let (id, good) = labelled("one", 7);
    let check = |change: &dyn Fn(&mut Vec<Row>), expected| {
        let mut rows = good.clone();
        change(&mut rows);
        assert_eq!(Snapshot::of(&id, &rows), Err(expected));
    };
    check(&|rows| rows[2].text.push('x'), SnapshotFault::Digest);
    check(&|rows| rows.swap(1, 2), SnapshotFault::Parts);
    check(&|rows| drop(rows.pop()), SnapshotFault::Parts);
    check(&|rows| rows.clear(), SnapshotFault::Digest);
    check(&|rows| rows[1].path = "x".into(), SnapshotFault::Parts);
    check(&|rows| rows[1].parts = 99, SnapshotFault::Parts);
    let refused = |items: &[(&str, &str, String)]| {
        let (id, rows) = rows(items, 100);
        assert_eq!(Snapshot::of(&id, &rows), Err(SnapshotFault::Content));
    };
    refused(&[("flows", "", "{}".into())]);
    refused(&[("flows", "", "[".into())]);
    refused(&[("settings", "", "{\"modules\":{}}".into())]);
    refused(&[("flows", "", "[".repeat(200))]);
}

/// What the module of Node-RED makes is what is read here: its own test has the same text under the same SHA-256.
#[test]
fn the_example_of_the_contract_is_a_snapshot() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../schemas/node-red-storage/v1/examples/ok-flows.json");
    let row: Row = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let found = Snapshot::of(&row.snapshot.clone(), &[row]).unwrap();
    assert_eq!(found.flows[0]["label"], "Grüße");
}
