//! Directions between crates, licences and bans, as `deny.toml` has them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{metadata, read, report};

/// What each of our crates may use of ours, outside its tests.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("docx-build", &["docx-jinja"]),
    ("docx-jinja", &[]),
    ("spokegate-confine", &[]),
    ("spokegate-contract", &[]),
    ("spokegate-daemon", &[]),
    ("spokegate-identity", &["spokegate-contract"]),
    (
        "spokegate-relay",
        &[
            "spokegate-contract",
            "spokegate-daemon",
            "spokegate-identity",
        ],
    ),
    (
        "spokegate-sources",
        &["spokegate-contract", "spokegate-daemon"],
    ),
    (
        "spokegate-agent",
        &[
            "spokegate-confine",
            "spokegate-contract",
            "spokegate-daemon",
            "spokegate-identity",
            "spokegate-sources",
        ],
    ),
    (
        "spokegate-broker",
        &[
            "spokegate-contract",
            "spokegate-daemon",
            "spokegate-identity",
        ],
    ),
    (
        "spokegate-provisioner",
        &[
            "spokegate-contract",
            "spokegate-daemon",
            "spokegate-identity",
            "spokegate-relay",
        ],
    ),
    (
        "spokegate-sanitizer",
        &[
            "spokegate-confine",
            "spokegate-contract",
            "spokegate-daemon",
            "spokegate-identity",
        ],
    ),
    (
        "spokegate-reports",
        &[
            "docx-build",
            "docx-jinja",
            "spokegate-confine",
            "spokegate-contract",
            "spokegate-daemon",
            "spokegate-identity",
            "spokegate-relay",
            "spokegate-sources",
        ],
    ),
    (
        "spokegate-demo",
        &[
            "spokegate-agent",
            "spokegate-broker",
            "spokegate-contract",
            "spokegate-daemon",
            "spokegate-identity",
            "spokegate-provisioner",
            "spokegate-reports",
            "spokegate-sanitizer",
        ],
    ),
];

/// Libraries that a crate must do without: its place is the pure middle, or their work is done elsewhere.
const WITHOUT: &[(&str, &[&str])] = &[
    (
        "spokegate-contract",
        &["tokio", "hyper", "rumqttc", "rumqttd", "axum", "sqlx"],
    ),
    ("docx-build", &["tokio", "hyper", "axum", "sqlx"]),
    ("docx-jinja", &["tokio", "hyper", "axum", "sqlx"]),
    ("spokegate-identity", &["tokio", "rcgen"]),
    // Certificates are issued in the provisioner alone.
    ("spokegate-broker", &["rcgen"]),
    ("spokegate-daemon", &["rcgen"]),
    ("spokegate-relay", &["rcgen", "sqlx"]),
    ("spokegate-reports", &["rcgen"]),
    ("spokegate-sanitizer", &["rcgen"]),
];

fn dependencies(package: &Value) -> impl Iterator<Item = &str> {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| dependency["name"].as_str().unwrap())
}

#[test]
fn crates_point_one_way() {
    let workspace = metadata(&["--no-deps"]);
    let allowed: BTreeMap<_, _> = DIRECTIONS.iter().copied().collect();
    let mut problems = Vec::new();
    for package in workspace["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if ["spokegate-tests", "spokegate-bench"].contains(&name) {
            continue;
        }
        let Some(allowed) = allowed.get(name) else {
            problems.push(format!("{name}: a new crate, give it a row in DIRECTIONS"));
            continue;
        };
        for used in dependencies(package).filter(|used| is_ours(used)) {
            if !allowed.contains(&used) {
                problems.push(format!(
                    "{name}: depends on {used}, which the directions in ARCHITECTURE.md forbid; take it out, or change DIRECTIONS and that page"
                ));
            }
        }
        let without = WITHOUT
            .iter()
            .filter(|(without, _)| *without == name)
            .flat_map(|(_, banned)| *banned);
        for banned in without {
            if dependencies(package).any(|used| used == *banned) {
                problems.push(format!(
                    "{name}: depends on {banned}, move that use to the rim"
                ));
            }
        }
    }
    report(problems);
}

fn deny() -> toml::Table {
    read("deny.toml").parse().unwrap()
}

fn texts(value: &toml::Value) -> BTreeSet<String> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

/// Whether an SPDX expression can be met with the allowed licences. AND binds tighter than OR; `/` is an old OR.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let flat = expression.replace('/', " OR ").replace(['(', ')'], "");
    let one_of = flat
        .split(" OR ")
        .any(|all| all.split(" AND ").all(|one| allowed.contains(one.trim())));
    let every = |text: &str| {
        text.split(" AND ").all(|group| {
            group
                .replace(['(', ')'], "")
                .split(" OR ")
                .any(|one| allowed.contains(one.trim()))
        })
    };
    one_of || every(&expression.replace('/', " OR "))
}

#[test]
fn licences_are_on_the_list() {
    let deny = deny();
    let allowed = texts(&deny["licenses"]["allow"]);
    let exceptions = deny["licenses"]["exceptions"].as_array().unwrap();
    let mut problems = Vec::new();
    for package in metadata(&[])["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or("none");
        let mut allowed = allowed.clone();
        for exception in exceptions
            .iter()
            .filter(|exception| exception["crate"].as_str() == Some(name))
        {
            allowed.extend(texts(&exception["allow"]));
        }
        if !is_allowed(licence, &allowed) {
            problems.push(format!(
                "{name}: licence {licence}, replace the crate or argue for it in deny.toml"
            ));
        }
    }
    report(problems);
}

#[test]
fn banned_crates_stay_out_and_wrapped_ones_in_their_place() {
    let metadata = metadata(&[]);
    let deny = deny();
    let mut problems = Vec::new();
    for ban in deny["bans"]["deny"].as_array().unwrap() {
        let banned = ban["crate"].as_str().unwrap();
        let wrappers = ban.get("wrappers").map(texts);
        for package in metadata["packages"].as_array().unwrap() {
            let name = package["name"].as_str().unwrap();
            let uses = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .any(|used| used["name"] == *banned);
            match &wrappers {
                None if name == banned => {
                    problems.push(format!("{banned}: banned, {}", ban["reason"]))
                }
                Some(wrappers)
                    if uses
                        && is_ours(name)
                        && !wrappers.contains(name)
                        && !only_in_tests(package, banned) =>
                {
                    problems.push(format!("{name}: uses {banned}, only {wrappers:?} may"));
                }
                _ => {}
            }
        }
    }
    report(problems);
}

fn is_ours(name: &str) -> bool {
    name.starts_with("spokegate-") || matches!(name, "docx-build" | "docx-jinja")
}

fn only_in_tests(package: &Value, name: &str) -> bool {
    dependencies(package).all(|used| used != name)
}

#[test]
fn versions_stand_in_the_workspace() {
    let mut problems = Vec::new();
    let metadata = metadata(&["--no-deps"]);
    for (package, _) in DIRECTIONS {
        let found = metadata["packages"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["name"] == *package);
        let Some(found) = found else {
            problems.push(format!(
                "{package}: in DIRECTIONS but not in the workspace, drop the row"
            ));
            continue;
        };
        let manifest: toml::Table = read(found["manifest_path"].as_str().unwrap())
            .parse()
            .unwrap();
        for table in ["dependencies", "dev-dependencies"] {
            for (name, entry) in manifest
                .get(table)
                .and_then(|t| t.as_table())
                .into_iter()
                .flatten()
            {
                if entry.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    problems.push(format!(
                        "{package}: {name} has a version of its own, move it to the workspace"
                    ));
                }
            }
        }
    }
    report(problems);
}
