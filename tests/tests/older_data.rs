//! The promise: where a customer's satellite is away, a report that allows it is made of what came last, and says in words
//! which data is how old; what is kept for that is sealed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use spokegate_demo::client::{Browser, NewRun, Run, RunState};
use spokegate_demo::{Fabric, Options, SourceChoice};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

/// A value of the customers' devices that stands nowhere else.
const VALUE: &[u8] = b"Front desk";
const DEVICE: &str = "acme-workstation-02";

async fn run(browser: &mut Browser) -> Run {
    let order = NewRun {
        report: "device-sheet",
        tenants: &["acme"],
        fields: &[("device", DEVICE)],
    };
    let run = browser.order(&order).await.unwrap();
    let run = browser.await_end(&run).await.unwrap();
    assert_eq!(run.state, RunState::Done, "{}", run.reason);
    run
}

async fn document(browser: &mut Browser, run: &Run) -> String {
    let document = browser.download(&run.id).await.unwrap();
    let mut package = zip::ZipArchive::new(std::io::Cursor::new(document.bytes.to_vec())).unwrap();
    std::io::read_to_string(package.by_name("word/document.xml").unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_made_of_older_data_and_says_so() {
    let options = Options {
        source: SourceChoice::BuiltIn,
        ..Options::sample().unwrap()
    };
    let mut fabric = Fabric::start(options).await.unwrap();
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    let form = browser.get("/reports/device-sheet").await.unwrap();
    for policy in [
        "data that is at most 7 days old stands in, with its date; without such data there is no document.",
        "If it cannot be had, the document is made without it and says so.",
    ] {
        assert!(
            form.text().contains(policy),
            "{policy} is not in {}",
            form.text()
        );
    }
    let fresh = run(&mut browser).await;
    let text = document(&mut browser, &fresh).await;
    assert!(
        text.contains("Front desk") && !text.contains("older data"),
        "{text}"
    );

    for tenant in ["acme", "globex"] {
        fabric.satellite(tenant).unwrap().stop_agent().await;
    }
    let older = run(&mut browser).await;
    let text = document(&mut browser, &older).await;
    let words = "older data, as of ";
    assert!(
        text.contains("Front desk") && text.contains(words),
        "{text}"
    );
    assert_eq!(older.needs[0].rows, fresh.needs[0].rows);
    assert!(older.needs[0].note.starts_with(words), "{older:?}");
    assert_eq!(older.needs[1].state, "missing", "it may not be older");
    told_and_proved(&mut browser, &older).await;
    never_asked(&mut browser).await;
    sealed(&fabric);
    too_old(&mut browser, &fabric).await;
    fabric.shutdown().await;
}

async fn told_and_proved(browser: &mut Browser, older: &Run) {
    let page = browser.get(&format!("/runs/{}", older.id)).await.unwrap();
    let told = "older data Devices of Acme Dental Group: older data, as of ";
    assert!(page.text().contains(told), "{}", page.text());
    assert!(
        page.text()
            .contains("without Patch status of Acme Dental Group."),
        "{}",
        page.text()
    );
    let proof = format!("/runs/{}/proof", older.id);
    let page = browser.get(&proof).await.unwrap();
    assert!(page.text().contains("older data"), "{}", page.text());
    let proved = browser.submit(&page, &proof, &[]).await.unwrap();
    assert!(
        proved.text().contains("holds The document was made again"),
        "{}",
        proved.text()
    );
}

/// What nobody has asked for before is not there.
async fn never_asked(browser: &mut Browser) {
    let path = "/reports/device-sheet";
    let page = browser.get(path).await.unwrap();
    let fields = [("for-tenant", "globex"), ("device", "globex-server-01")];
    let page = browser.submit(&page, path, &fields).await.unwrap();
    assert_eq!(page.status(), 422, "{}", page.text());
    assert!(
        page.text().contains("Globex Logistics: Devices"),
        "{}",
        page.text()
    );
}

/// What is older than the report allows stands in for nothing: there is no document, and the reason says whom to look after.
async fn too_old(browser: &mut Browser, fabric: &Fabric) {
    let mut store = SqliteConnectOptions::new()
        .filename(fabric.folder().join("reports/reports.db"))
        .connect()
        .await
        .unwrap();
    let eight_days_ms = 8 * 86_400_000_i64;
    let aged = sqlx::query("UPDATE older_data SET captured_at = captured_at - ?1")
        .bind(eight_days_ms)
        .execute(&mut store)
        .await
        .unwrap();
    assert!(aged.rows_affected() > 0, "nothing was kept");
    store.close().await.unwrap();
    let order = NewRun {
        report: "device-sheet",
        tenants: &["acme"],
        fields: &[("device", DEVICE)],
    };
    let run = browser.order(&order).await.unwrap();
    let run = browser.await_end(&run).await.unwrap();
    assert_eq!(run.state, RunState::Failed, "{run:?}");
    let words = "Acme Dental Group: Devices could not be fetched because the customer's satellite is not connected";
    assert!(run.reason.contains(words), "{}", run.reason);
}

/// Nothing of the customers' data stands in the store as it came.
fn sealed(fabric: &Fabric) {
    let folder = fabric.folder().join("reports");
    let mut looked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("reports.db") {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(VALUE.len()).any(|at| at == VALUE);
            assert!(!found, "{} holds a customer's value", path.display());
            looked += 1;
        }
    }
    assert!(looked > 0, "the store was not found");
}
