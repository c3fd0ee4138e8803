//! What the documents say against what is there.

use spokegate_contract::{Address, Channel, Topic};

use super::{files, metadata, read, report, root};

#[test]
fn the_map_lists_every_crate_and_none_that_is_gone() {
    let architecture = read("ARCHITECTURE.md");
    let mut problems = Vec::new();
    let metadata = metadata(&["--no-deps"]);
    let mut folders = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let manifest = package["manifest_path"].as_str().unwrap();
        let folder = manifest
            .strip_prefix(root().to_str().unwrap())
            .unwrap()
            .trim_matches('/');
        let folder = folder.trim_end_matches("/Cargo.toml").to_owned();
        if !architecture.contains(&format!("| `{folder}` |")) {
            problems.push(format!(
                "ARCHITECTURE.md: no row for `{folder}`, add it to the map"
            ));
        }
        folders.push(folder);
    }
    let rows = architecture
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    for (folder, _) in rows.filter(|(folder, _)| {
        !folder.contains('<') && !folder.starts_with("up/") && !folder.starts_with("down/")
    }) {
        if !root().join(folder).is_dir() {
            problems.push(format!(
                "ARCHITECTURE.md: a row for `{folder}`, which is gone"
            ));
        }
    }
    report(problems);
}

#[test]
fn every_crate_has_a_readme_as_its_doc() {
    let mut problems = Vec::new();
    for package in metadata(&["--no-deps"])["packages"].as_array().unwrap() {
        let manifest = package["manifest_path"].as_str().unwrap();
        let folder = manifest.trim_end_matches("Cargo.toml");
        let library = read(format!("{folder}src/lib.rs"));
        if !library.contains("include_str!(\"../README.md\")") {
            problems.push(format!(
                "{folder}src/lib.rs: no crate doc, include the README"
            ));
        }
        if package["description"]
            .as_str()
            .is_none_or(|text| text.len() < 20)
        {
            problems.push(format!(
                "{manifest}: no description, say in a line what the crate does"
            ));
        }
    }
    report(problems);
}

/// Where metrics are counted, and the prefix that they carry.
const METRICS: &[(&str, &str)] = &[
    ("broker", "spokegate_broker_"),
    ("fabric/relay", "spokegate_relay_"),
    ("provisioner", "spokegate_provisioner_"),
    ("report-service", "spokegate_reports_"),
    ("sanitizer", "spokegate_sanitizer_"),
    ("satellite-agent", "spokegate_agent_"),
];

#[test]
fn metrics_are_named_for_their_service_and_explained() {
    let mut problems = Vec::new();
    let mut seen = 0;
    for path in files().iter().filter(|path| path.ends_with(".rs")) {
        let Some((folder, prefix)) = METRICS
            .iter()
            .find(|(folder, _)| path.starts_with(&format!("{folder}/src/")))
        else {
            continue;
        };
        let readme = read(format!("{folder}/README.md"));
        for name in metric_names(&read(path)) {
            seen += 1;
            if !name.starts_with(prefix) {
                problems.push(format!("{path}: the metric {name}, begin it with {prefix}"));
            }
            if !readme.contains(&format!("`{name}")) {
                problems.push(format!("{folder}/README.md: no word on {name}, add a row"));
            }
        }
    }
    assert!(seen > METRICS.len(), "only {seen} metrics found");
    report(problems);
}

/// The text literals of a source file that are a metric's name.
fn metric_names(source: &str) -> Vec<&str> {
    let literals = source.split('"').skip(1);
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    literals
        .filter(|text| text.starts_with("spokegate_") && !text.ends_with('_'))
        .filter(|text| text.bytes().all(is_part))
        .collect()
}

#[test]
fn the_topic_table_is_the_grammar() {
    let architecture = read("ARCHITECTURE.md");
    let dataset = "dataset".parse::<spokegate_contract::DatasetId>().unwrap();
    let address = Address::new("tenant".parse().unwrap(), "satellite".parse().unwrap());
    let channels = [
        Channel::Pull(dataset.clone()),
        Channel::Ack,
        Channel::Reply,
        Channel::Push(dataset),
        Channel::Hello,
        Channel::Status,
        Channel::Enrol,
        Channel::Admission,
        Channel::Crl,
        Channel::Presence,
    ];
    let mut problems = Vec::new();
    for channel in channels {
        let topic = Topic::new(address.clone(), channel).to_string();
        let row = topic
            .trim_start_matches("sg/1/tenant/satellite/")
            .replace("/dataset", "/<dataset>");
        if !architecture.contains(&format!("| `{row}` |")) {
            problems.push(format!(
                "ARCHITECTURE.md: the topic table has no row `{row}`"
            ));
        }
    }
    report(problems);
}

#[test]
fn the_commands_of_the_readme_exist() {
    let makefile = read("Makefile");
    let readme = read("README.md");
    let mut problems = Vec::new();
    for command in ["demo", "check", "test", "bench", "golden"] {
        if !makefile.contains(&format!("\n{command}:")) {
            problems.push(format!("Makefile: no target {command}"));
        }
        if !readme.contains(&format!("make {command}")) {
            problems.push(format!("README.md: does not mention `make {command}`"));
        }
    }
    report(problems);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut problems = Vec::new();
    for path in files().iter().filter(|path| path.ends_with(".md")) {
        let text = read(path);
        let folder = root().join(path).parent().unwrap().to_owned();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") && !folder.join(file).exists() {
                problems.push(format!("{path}: links to {target}, which is not there"));
            }
        }
    }
    report(problems);
}

/// The page for whoever signs names tests as `path::function`; each is there, and is one.
#[test]
fn the_assurance_page_names_tests_that_exist() {
    let page = read("docs/ASSURANCE.md");
    let rows = page.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut faults = Vec::new();
    let mut count = 0;
    for row in rows {
        let shown = row.rsplit(" | ").next().unwrap();
        let names: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            faults.push(format!(
                "docs/ASSURANCE.md: a row without a test: {row:.60}"
            ));
        }
        for name in names {
            let (file, function) = name.split_once("::").unwrap_or((name, ""));
            let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            let is_test = text.split("#[").any(|part| {
                (part.starts_with("test]") || part.starts_with("tokio::test"))
                    && part.contains(&format!("fn {function}("))
            });
            if !is_test {
                faults.push(format!(
                    "docs/ASSURANCE.md: no test {name}, name one that exists"
                ));
            }
            count += 1;
        }
    }
    assert!(count >= 20, "only {count} tests are named");
    report(faults);
}
