//! The API's answers as people read them in a shell.

use std::fmt::Write as _;

use serde_json::Value;

/// True for a run that failed or was cancelled, for a batch with one that did, for a template with faults, for a document
/// that is not what it was made of, and for a service of which a part fails.
pub(super) fn has_failed(answer: &Value) -> bool {
    let is_listed = answer.get("runs").is_some() && answer.get("tally").is_none();
    let failed = |state: &str| matches!(state, "failed" | "cancelled");
    let tally = |name: &str| answer["tally"][name].as_u64().unwrap_or(0);
    let not = |name: &str| answer.get(name) == Some(&Value::Bool(false));
    let fails = answer["failing"].as_u64().unwrap_or(0) > 0;
    if not("fits") || not("holds") || fails {
        return true;
    }
    !is_listed && (failed(text(answer, "state")) || tally("failed") + tally("cancelled") > 0)
}

/// Whether a run or a batch has ended.
pub(super) fn is_over(answer: &Value) -> bool {
    match answer.get("tally") {
        Some(tally) => tally["queued"] == 0 && tally["running"] == 0,
        None => !matches!(text(answer, "state"), "queued" | "running"),
    }
}

/// Lists in answers: the member, what is told before it, and the columns of a line. The first column tells lists of one
/// name apart.
const LISTS: &[(&str, &[&str], &[&str])] = &[
    ("reports", &[], &["id", "title"]),
    ("parts", &[], &["tenant", "part", "rows", "captured_at"]),
    (
        "parts",
        &["failing"],
        &["name", "state", "finding", "advice"],
    ),
    (
        "satellites",
        &[],
        &[
            "address",
            "online",
            "seen_at",
            "agent_version",
            "node_red",
            "restart_due_since",
        ],
    ),
    (
        "entries",
        &[],
        &[
            "sequence", "at", "name", "action", "decision", "reason", "subject",
        ],
    ),
    (
        "entries",
        &[],
        &[
            "address", "at", "dataset", "reason", "rule", "pointer", "sha256",
        ],
    ),
    ("lines", &["missing"], &["at", "stream", "line"]),
    ("schedules", &[], &["id", "report", "next_at", "title"]),
    (
        "runs",
        &["id", "report", "tally"],
        &["id", "created_at", "state", "report", "tenants", "reason"],
    ),
    ("batches", &[], &["id", "created_at", "report", "tally"]),
    ("options", &["notes"], &["value", "title", "tenants"]),
    ("findings", &["holds"], &["holds", "what"]),
    (
        "data",
        &[
            "run",
            "template_version",
            "template_sha256",
            "data_sha256",
            "data_kept",
        ],
        &["tenant", "dataset", "rows", "captured_at", "sha256"],
    ),
    (
        "templates",
        &[],
        &["report", "active", "versions", "title", "problem"],
    ),
    (
        "versions",
        &["report", "active", "earlier", "problem"],
        &[
            "version",
            "uploaded_at",
            "uploaded_by",
            "file_name",
            "removed_at",
            "note",
        ],
    ),
    (
        "faults",
        &[
            "report",
            "version",
            "active",
            "fits",
            "file_name",
            "note",
            "sha256",
            "unusable",
        ],
        &["part", "paragraph", "tag", "what", "hint"],
    ),
];

/// An answer in lines: columns are apart by a tab.
pub(super) fn told(answer: &Value) -> String {
    let mut lines = String::new();
    for (name, head, columns) in LISTS {
        let list = answer.get(*name).and_then(Value::as_array);
        let is_it = |list: &&Vec<Value>| {
            let mut rows = list.iter();
            columns
                .first()
                .is_some_and(|first| rows.all(|row| row.get(*first).is_some()))
        };
        if let Some(list) = list.filter(is_it) {
            lines += &one(answer, head);
            for line in list {
                let cells: Vec<String> = columns.iter().map(|name| cell(&line[*name])).collect();
                let _ = writeln!(lines, "{}", cells.join("\t").trim_end());
            }
            return lines;
        }
    }
    if answer.get("needs").is_some() {
        return match answer.get("state") {
            Some(_) => run(answer),
            None => report(answer),
        };
    }
    match answer.as_object() {
        Some(members) => {
            let names: Vec<&str> = members.keys().map(String::as_str).collect();
            one(answer, &names)
        }
        None => lines,
    }
}

/// A run: what became of it, its files, its data.
fn run(answer: &Value) -> String {
    let names = ["id", "report", "tenants", "state", "reason", "review"];
    let mut lines = one(answer, &names);
    lines += &each("file", &answer["files"], &["format", "name", "bytes"]);
    let columns = ["tenant", "dataset", "state", "rows", "note"];
    lines + &each("need", &answer["needs"], &columns)
}

/// A report: for whom it may be ordered, what it takes, which data it needs.
fn report(answer: &Value) -> String {
    let names = ["id", "title", "description", "formats", "review"];
    let mut lines = one(answer, &names);
    lines += &each("tenant", &answer["tenants"], &["id", "title"]);
    let inputs = answer["parameters"]["properties"].as_object();
    for (name, input) in inputs.into_iter().flatten() {
        let kind = match &input["enum"] {
            Value::Null => cell(&input["type"]),
            values => cell(values),
        };
        let cells = [name.clone(), kind, cell(&input["default"])];
        let _ = writeln!(lines, "input\t{}", cells.join("\t").trim_end());
    }
    lines + &each("need", &answer["needs"], &["dataset", "required"])
}

/// A line for each of a list, with its label first.
fn each(label: &str, list: &Value, columns: &[&str]) -> String {
    let mut lines = String::new();
    for item in list.as_array().into_iter().flatten() {
        let cells: Vec<String> = columns.iter().map(|name| cell(&item[*name])).collect();
        let _ = writeln!(lines, "{label}\t{}", cells.join("\t").trim_end());
    }
    lines
}

/// A line for each member that is there.
fn one(answer: &Value, names: &[&str]) -> String {
    let mut lines = String::new();
    for name in names {
        let value = cell(&answer[*name]);
        if !value.is_empty() {
            let _ = writeln!(lines, "{name}\t{value}");
        }
    }
    lines
}

/// What comes from a service is shown on a terminal: nothing in it steers one.
fn cell(value: &Value) -> String {
    let shown = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            items.join(" ")
        }
        other => other.to_string(),
    };
    shown
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn runs_and_batches_fail_and_end() {
        let check = |answer: Value, failed: bool, over: bool| {
            assert_eq!(
                (has_failed(&answer), is_over(&answer)),
                (failed, over),
                "{answer}"
            );
        };
        check(json!({ "state": "queued" }), false, false);
        check(json!({ "state": "running" }), false, false);
        check(json!({ "state": "done" }), false, true);
        check(json!({ "state": "failed" }), true, true);
        check(json!({ "state": "cancelled" }), true, true);
        let batch = |queued: u64, failed: u64| json!({ "tally": { "queued": queued, "running": 0, "failed": failed, "cancelled": 0 }, "runs": [] });
        check(batch(0, 0), false, true);
        check(batch(1, 0), false, false);
        check(batch(0, 1), true, true);
        check(json!({ "fits": true, "faults": [] }), false, true);
        check(json!({ "fits": false, "faults": [] }), true, true);
        check(json!({ "holds": true, "findings": [] }), false, true);
        check(json!({ "holds": false, "findings": [] }), true, true);
        check(json!({ "failing": 0, "parts": [] }), false, true);
        check(json!({ "failing": 2, "parts": [] }), true, true);
        // A list of runs is an answer, whatever became of them.
        check(json!({ "runs": [{ "state": "failed" }] }), false, true);
    }

    #[test]
    fn lists_are_lines_and_nothing_steers_the_terminal() {
        let list = json!({ "reports": [{ "id": "weekly", "title": "A\u{1b}[2Jb" }] });
        assert_eq!(told(&list), "weekly\tA [2Jb\n");
        let run = json!({
            "id": "1", "state": "failed", "reason": "why", "report": "weekly", "tenants": ["acme", "globex"],
            "needs": [{ "tenant": "Acme", "dataset": "Devices", "state": "missing", "rows": 0, "note": "x\ny" }],
        });
        assert_eq!(
            told(&run),
            "id\t1\nreport\tweekly\ntenants\tacme globex\nstate\tfailed\nreason\twhy\nneed\tAcme\tDevices\tmissing\t0\tx y\n"
        );
        let version = json!({
            "report": "weekly", "version": 2, "active": false, "fits": false, "unusable": "", "values": ["x"],
            "faults": [{ "part": "document", "paragraph": 4, "tag": "{{ x", "what": "no end", "hint": "", "text": "" }],
        });
        assert_eq!(
            told(&version),
            "report\tweekly\nversion\t2\nactive\tfalse\nfits\tfalse\ndocument\t4\t{{ x\tno end\n"
        );
        let health = json!({
            "failing": 1,
            "parts": [{ "name": "store", "state": "fails", "finding": "full", "advice": "" }],
        });
        assert_eq!(told(&health), "failing\t1\nstore\tfails\tfull\n");
        let data =
            json!({ "kept": true, "parts": [{ "tenant": "acme", "part": "devices", "rows": 3 }] });
        assert_eq!(told(&data), "acme\tdevices\t3\n");
        let refused =
            json!({ "entries": [{ "address": "acme/hq", "at": "now", "reason": "schema" }] });
        assert_eq!(told(&refused), "acme/hq\tnow\t\tschema\n");
        let trail =
            json!({ "entries": [{ "sequence": 4, "address": "::1", "action": "run.start" }] });
        assert_eq!(told(&trail), "4\t\t\trun.start\n");
        let batch = json!({ "id": "7", "report": "weekly", "tally": { "total": 0 }, "runs": [] });
        assert_eq!(
            told(&batch),
            "id\t7\nreport\tweekly\ntally\t{\"total\":0}\n"
        );
        assert_eq!(told(&Value::Null), "");
    }

    #[test]
    fn a_report_tells_what_it_takes() {
        let report = json!({
            "id": "weekly", "title": "Weekly", "tenants": [{ "id": "acme", "title": "Acme" }], "formats": ["docx", "pdf"],
            "parameters": { "properties": {
                "kind": { "type": "string", "enum": ["a", "b"], "default": "b" },
                "note": { "type": "string" },
            } },
            "review": false, "needs": [{ "dataset": "devices", "required": true }],
        });
        assert_eq!(
            told(&report),
            "id\tweekly\ntitle\tWeekly\nformats\tdocx pdf\nreview\tfalse\ntenant\tacme\tAcme\n\
             input\tkind\ta b\tb\ninput\tnote\tstring\nneed\tdevices\ttrue\n"
        );
    }
}
