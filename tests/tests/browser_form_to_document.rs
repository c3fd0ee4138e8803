//! The promise: a person with nothing but a browser gets a Word document whose rows are those that the customers'
//! Node-RED served, over the real way from the segment to the page.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "browser/chromium.rs"]
mod chromium;
#[path = "browser/office.rs"]
mod office;

use chromium::Chromium;
use serde_json::Value;
use spokegate_demo::http::PlainClient;
use spokegate_demo::{Fabric, Options, Satellite, SourceChoice};

#[tokio::test(flavor = "multi_thread")]
async fn from_the_form_to_the_rows_in_the_document() {
    let Some(()) = parts() else { return };
    let fabric = fabric().await;
    let browser = Chromium::start().await;
    browser.goto(&fabric.forms_url()).await;
    browser.screenshot("1-sign-in").await;
    sign_in(
        &browser,
        &fabric.forms_url(),
        "alice",
        fabric.password().expose(),
    )
    .await;
    browser.screenshot("2-reports").await;
    browser.follow("a[href='/reports/customer-overview']").await;
    browser.screenshot("3-form").await;

    fill_in(&browser).await;
    let state = browser.text_of("#run-state").await;
    assert!(
        ["queued", "running", "done"].contains(&state.to_lowercase().as_str()),
        "{state}"
    );
    browser.screenshot("5-run").await;
    browser.find("#download").await;
    let table = browser.text_of("#needs").await;
    assert_eq!(table.lines().count(), 6, "{table}");
    browser.screenshot("6-run-done").await;
    browser.click("#download").await;
    let document = browser.downloaded().await;
    keep(&document);

    let words = office::words_of_pdf(&document);
    assert!(words.contains("Quarterlyoverview") && words.contains("alliswell&<nothing>islost."));
    for satellite in fabric.satellites() {
        check_rows(&words, satellite).await;
    }
    browser.goto(&format!("{}/runs", fabric.forms_url())).await;
    browser.screenshot("7-history").await;
    browser.close().await;
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_site_lets_in_its_own_people_only() {
    let Some(()) = parts() else { return };
    let fabric = fabric().await;
    let browser = Chromium::start().await;
    let password = fabric.password().expose();
    sign_in(&browser, &fabric.admin_url(), "alice", password).await;
    browser.screenshot("8-admin-refused").await;
    assert!(browser.text().await.contains("No access"));
    browser.goto(&fabric.admin_url()).await;
    assert_eq!(browser.path().await, "/sign-in");
    sign_in(&browser, &fabric.forms_url(), "erin", password).await;
    assert!(
        browser.text().await.contains("No access"),
        "{}",
        browser.text().await
    );
    sign_in(&browser, &fabric.forms_url(), "alice", "wrong").await;
    assert!(
        browser
            .text()
            .await
            .contains("The user name or the password is not right.")
    );
    sign_in(&browser, &fabric.admin_url(), "carol", password).await;
    assert_eq!(browser.path().await, "/");
    browser.screenshot("9-admin").await;
    for page in ["satellites", "quarantine", "sessions", "audit"] {
        browser
            .goto(&format!("{}/{page}", fabric.admin_url()))
            .await;
        assert_eq!(browser.path().await, format!("/{page}"));
        browser.screenshot(&format!("9-admin-{page}")).await;
    }
    browser.close().await;
    fabric.shutdown().await;
}

/// First without a customer, which the page refuses, then as it should be.
async fn fill_in(browser: &Chromium) {
    browser
        .type_into("[name=title]", "Quarterly overview")
        .await;
    browser.follow("form.card button.primary").await;
    assert!(
        browser
            .text_of("#customers-error")
            .await
            .contains("Choose at least one customer")
    );
    assert_eq!(
        browser.value_of("[name=title]").await.as_deref(),
        Some("Quarterly overview")
    );
    browser.screenshot("4-form-refused").await;

    for tenant in ["acme", "globex"] {
        browser
            .click(&format!("[name=for-tenant][value={tenant}]"))
            .await;
    }
    browser
        .type_into(
            "[name=note]",
            "Dear reader,\nall is well & <nothing> is lost.",
        )
        .await;
    browser.follow("form.card button.primary").await;
}

/// Every row that Node-RED serves stands in the document, cell by cell and in its order.
async fn check_rows(words: &str, satellite: &Satellite) {
    let devices = served(satellite, "devices").await;
    let mut rest = words;
    for row in &devices {
        let status = if row["online"] == true {
            "Online"
        } else {
            "Offline"
        };
        let cells =
            ["hostname", "kind", "os", "os_version", "ip", "owner"].map(|name| text(row, name));
        let expected = office::squeezed(&format!(
            "{}{}{status}",
            cells.concat(),
            day_and_time(text(row, "last_seen"))
        ));
        rest = after(rest, &expected);
    }
    for row in &served(satellite, "patch-status").await {
        let (hostname, critical, important) = (
            text(row, "hostname"),
            &row["missing_critical"],
            &row["missing_important"],
        );
        let (date, yes) = (day(text(row, "last_patched")), |name: &str| {
            if row[name] == true { "Yes" } else { "No" }
        });
        let flags = (yes("reboot_pending"), yes("compliant"));
        let expected = office::squeezed(&format!(
            "{hostname}{critical}{important}{date}{}{}",
            flags.0, flags.1
        ));
        rest = after(rest, &expected);
    }
    let jobs = served(satellite, "backup-jobs").await;
    for row in &jobs {
        let result = match text(row, "result") {
            "success" => "Success",
            "warning" => "Warning",
            _ => "Failed",
        };
        let when = day_and_time(text(row, "last_run"));
        let expected = office::squeezed(&format!(
            "{}{}{when}{result}",
            text(row, "job"),
            text(row, "hostname")
        ));
        rest = after(rest, &expected);
    }
    assert!(
        devices.len() >= 24 && jobs.len() >= 12,
        "{} devices, {} jobs",
        devices.len(),
        jobs.len()
    );
}

/// What follows the expected text, which must be there.
fn after<'a>(words: &'a str, expected: &str) -> &'a str {
    words
        .split_once(expected)
        .unwrap_or_else(|| panic!("{expected} is not in the document, or not in its place"))
        .1
}

async fn served(satellite: &Satellite, dataset: &str) -> Vec<Value> {
    let token = std::fs::read_to_string(satellite.agent_token_file()).unwrap();
    let answer = PlainClient::new()
        .get(&satellite.source_url(dataset), token.trim())
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).unwrap()
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {row}"))
}

/// `2026-11-22T03:23:00Z` as the template writes it: `22 Nov 03:23`.
fn day_and_time(timestamp: &str) -> String {
    format!(
        "{} {}",
        day(timestamp).rsplit_once(' ').unwrap().0,
        &timestamp[11..16]
    )
}

/// `22 Nov 2026`.
fn day(timestamp: &str) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month: usize = timestamp[5..7].parse().unwrap();
    format!(
        "{} {} {}",
        timestamp[8..10].trim_start_matches('0'),
        MONTHS[month - 1],
        &timestamp[..4]
    )
}

async fn sign_in(browser: &Chromium, url: &str, name: &str, password: &str) {
    browser.goto(&format!("{url}/sign-in")).await;
    browser.type_into("#name", name).await;
    browser.type_into("#password", password).await;
    browser.follow("form button.primary").await;
}

async fn fabric() -> Fabric {
    let options = Options {
        source: SourceChoice::NodeRed,
        ..Options::sample().unwrap()
    };
    Fabric::start(options).await.unwrap()
}

/// A copy beside the screenshots, for whoever looks at them.
fn keep(document: &std::path::Path) {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(document, folder.join("report.docx")).unwrap();
}

/// Nothing when a part is missing, which is a failure in CI.
fn parts() -> Option<()> {
    let paths = std::env::var("PATH").unwrap_or_default();
    let is_there =
        |program: &&str| std::env::split_paths(&paths).any(|folder| folder.join(program).exists());
    let wanted = [
        "chromedriver",
        "chromium",
        "soffice",
        "pdftotext",
        "node",
        "npm",
    ];
    let missing: Vec<_> = wanted
        .into_iter()
        .filter(|program| !is_there(program))
        .collect();
    if missing.is_empty() {
        return Some(());
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "not installed: {}",
        missing.join(", ")
    );
    eprintln!(
        "SKIPPED: not installed: {}; hint: tests/testbed/install.sh",
        missing.join(", ")
    );
    None
}
