//! The promise: what people do with Spokegate works in a real browser, and every page is good to look at and to use: by
//! day, by night, on a phone, with a keyboard and with a screen reader.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use spokegate_demo::{Fabric, Options, SourceChoice};
use spokegate_reports::web::{admin_routes, forms_routes};

/// Addresses that are read by programs or fetched, and why there is nothing to look at.
const NO_PAGES: &[(&str, &str)] = &[
    ("/assets/{name}", "a file"),
    ("/api/v1/openapi.json", "for programs"),
    ("/audit/export", "a file"),
    ("/branding/colour.css", "a style sheet"),
    ("/branding/logo", "a picture"),
    ("/branding/sample.css", "a style sheet"),
    ("/customers/{tenant}/brand/logo", "a picture"),
    ("/flows/{tenant}/{satellite}/{number}/download", "a file"),
    ("/quarantine/export", "a file"),
    ("/batches/{batch}/download", "a file"),
    ("/batches/{batch}/events", "a stream"),
    ("/reviews/{run}/draft", "a file"),
    ("/runs/{run}/download", "a file"),
    ("/templates/{report}/starter", "a file"),
    ("/templates/{report}/{version}/download", "a file"),
    ("/templates/{report}/{version}/marked", "a file"),
    ("/runs/{run}/events", "a stream"),
    ("/live", "a stream"),
    ("/runs/{run}/preview/{page}", "a picture"),
    ("/reviews/{run}/preview/{page}", "a picture"),
    (
        "/second-factor",
        "the demonstration asks for no second factor",
    ),
];

/// How often the orders of journeys are looked for.
const LOOK: Duration = Duration::from_millis(200);

#[tokio::test(flavor = "multi_thread")]
async fn every_journey_and_every_page() {
    let options = Options {
        source: SourceChoice::NodeRed,
        ..Options::sample().unwrap()
    };
    let mut fabric = Fabric::start(options).await.unwrap();
    let orders = tempfile::tempdir().unwrap();
    let setup = json!({
        "forms": fabric.forms_url(),
        "admin": fabric.admin_url(),
        "password": fabric.password().expose(),
        "pictures": pictures(),
        "orders": orders.path(),
        "only": std::env::var("JOURNEY").unwrap_or_default(),
    });
    let mut journeys = tokio::task::spawn_blocking(move || browse(&setup.to_string()));
    let told = loop {
        tokio::select! {
            told = &mut journeys => break told.unwrap(),
            () = tokio::time::sleep(LOOK) => obey(&mut fabric, orders.path()).await,
        }
    };
    fabric.shutdown().await;
    println!("{}", told.words);
    assert!(told.good, "a journey failed, or a page has faults");
    if std::env::var("JOURNEY").is_err() {
        let missed = missed(&told.words, &routes());
        assert!(missed.is_empty(), "nobody looked at {missed:?}");
    }
}

/// Does to a customer's satellite, or to the service's files, what a journey asks for by a file.
async fn obey(fabric: &mut Fabric, orders: &Path) {
    if std::fs::remove_file(orders.join("lose-templates")).is_ok() {
        let uploaded = fabric.folder().join("reports/files/templates");
        std::fs::remove_dir_all(&uploaded).unwrap();
        std::fs::create_dir(&uploaded).unwrap();
    }
    let satellite = fabric.satellite("acme").unwrap();
    if std::fs::remove_file(orders.join("stop")).is_ok() {
        satellite.stop_agent().await;
    }
    if std::fs::remove_file(orders.join("start")).is_ok() {
        satellite.start_agent().await.unwrap();
    }
}

struct Told {
    good: bool,
    words: String,
}

fn browse(setup: &str) -> Told {
    let mut node = Command::new("node")
        .arg("run.mjs")
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = node.stdin.take().unwrap();
    input.write_all(setup.as_bytes()).unwrap();
    drop(input);
    let output = node.wait_with_output().unwrap();
    Told {
        good: output.status.success(),
        words: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

/// Site and pattern of every page, out of the service's own table.
fn routes() -> Vec<(String, String)> {
    let sites = [forms_routes(), admin_routes()];
    let pages = sites.iter().flat_map(|routes| {
        let site = routes.site().as_str();
        let pages = routes
            .table()
            .iter()
            .filter(|entry| entry.method == "GET" && entry.described.is_none());
        pages.map(move |entry| (site.to_owned(), entry.path.to_owned()))
    });
    pages
        .filter(|(_, path)| !NO_PAGES.iter().any(|(no_page, _)| no_page == path))
        .collect()
}

/// Pages that no journey looked at.
fn missed(words: &str, routes: &[(String, String)]) -> Vec<String> {
    let seen: Vec<(&str, &str)> = words
        .lines()
        .filter_map(|line| line.strip_prefix("seen: ")?.split_once(' '))
        .collect();
    let looked_at = |site: &str, pattern: &str| {
        seen.iter()
            .any(|(where_, path)| *where_ == site && fits(pattern, path))
    };
    routes
        .iter()
        .filter(|(site, pattern)| !looked_at(site, pattern))
        .map(|(site, pattern)| format!("{site} {pattern}"))
        .collect()
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given || wanted.starts_with('{') => {}
            _ => return false,
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("journeys")
}

fn pictures() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("screenshots").join("journeys")
}
