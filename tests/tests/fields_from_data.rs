//! The promise: a form offers what the chosen customers have, as their own data says it now, and takes nothing else where
//! the list is all there is.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use spokegate_demo::client::{Browser, NewRun, Page, RunState};
use spokegate_demo::{Fabric, Options, SourceChoice};

/// The list of a field of the report on one device, as the form stands.
async fn list(browser: &mut Browser, field: &str, form: &[(&str, &str)]) -> Page {
    let page = browser.get("/reports/device-sheet").await.unwrap();
    let path = format!("/reports/device-sheet/options/{field}");
    let list = browser.submit(&page, &path, form).await.unwrap();
    assert_eq!(list.status(), 200, "{}", list.text());
    list
}

#[track_caller]
fn check(list: &Page, has: &[&str], has_not: &[&str]) {
    let html = list.html();
    for expected in has {
        assert!(html.contains(expected), "{expected:?} is not in {html}");
    }
    for refused in has_not {
        assert!(!html.contains(refused), "{refused:?} is in {html}");
    }
}

/// What the form says when it is sent.
async fn sent(browser: &mut Browser, form: &[(&str, &str)]) -> Page {
    let path = "/reports/device-sheet";
    let page = browser.get(path).await.unwrap();
    browser.submit(&page, path, form).await.unwrap()
}

const ACME: (&str, &str) = ("for-tenant", "acme");
const GLOBEX: (&str, &str) = ("for-tenant", "globex");

#[tokio::test(flavor = "multi_thread")]
async fn a_form_offers_what_the_customers_have() {
    let options = Options {
        source: SourceChoice::BuiltIn,
        ..Options::sample().unwrap()
    };
    let mut fabric = Fabric::start(options).await.unwrap();
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    customers_and_fields(&mut browser).await;
    what_was_chosen_is_checked(&mut browser).await;
    kept_for_a_time(&mut fabric, &mut browser).await;
    fabric.shutdown().await;
}

async fn customers_and_fields(browser: &mut Browser) {
    let nobody = list(browser, "device", &[]).await;
    check(&nobody, &["Choose a customer first"], &["acme-"]);
    let acme = list(browser, "device", &[ACME]).await;
    check(
        &acme,
        &["24 to choose from", "acme-server-"],
        &["globex", "(Acme"],
    );
    let servers = list(browser, "device", &[ACME, ("kind", "server")]).await;
    check(
        &servers,
        &["4 to choose from", "acme-server-"],
        &["acme-laptop-"],
    );
    let sought = [ACME, ("seek-device", "LAPTOP")];
    let sought = list(browser, "device", &sought).await;
    check(
        &sought,
        &["4 of 24 are listed", "acme-laptop-"],
        &["acme-server-"],
    );
    let nothing = [ACME, ("seek-device", "toaster")];
    let nothing = list(browser, "device", &nothing).await;
    check(
        &nothing,
        &["Nothing of 24 fits the search"],
        &["acme-server-"],
    );
    let both = list(browser, "device", &[ACME, GLOBEX]).await;
    let whose = [
        "(Acme Dental Group)",
        "(Globex Logistics)",
        "48 to choose from",
    ];
    check(&both, &whose, &[]);
    let asked_by = list(browser, "asked_by", &[ACME]).await;
    check(
        &asked_by,
        &["<datalist", "Reception"],
        &["Dispatch", "<select"],
    );
    let missing = browser.get("/reports/device-sheet").await.unwrap();
    let path = "/reports/device-sheet/options/kind";
    let missing = browser.submit(&missing, path, &[ACME]).await.unwrap();
    assert_eq!(missing.status(), 404, "a field with choices of its own");
}

async fn what_was_chosen_is_checked(browser: &mut Browser) {
    let all = list(browser, "device", &[ACME, ("kind", "server")])
        .await
        .html();
    let device = all.split("<option value=\"acme-").nth(1).unwrap();
    let device = format!("acme-{}", device.split('"').next().unwrap());
    let form = |device: &'static str| [ACME, ("device", device), ("asked_by", "Reception")];
    for refused in ["globex-server-01", "acme-nothing"] {
        let page = sent(browser, &form(refused)).await;
        assert_eq!(page.status(), 422, "{refused}: {}", page.text());
        check(&page, &["Choose one of the values in the list."], &[]);
    }
    let empty = sent(browser, &[ACME]).await;
    assert_eq!(empty.status(), 422, "{}", empty.text());
    let order = NewRun {
        report: "device-sheet",
        tenants: &["acme"],
        fields: &[("device", &device), ("asked_by", "somebody else")],
    };
    let run = browser.order(&order).await.unwrap();
    let run = browser.await_end(&run).await.unwrap();
    assert_eq!(run.state, RunState::Done, "{}", run.reason);
    let document = browser.download(&run.id).await.unwrap();
    let mut package = zip::ZipArchive::new(std::io::Cursor::new(document.bytes.to_vec())).unwrap();
    let text = std::io::read_to_string(package.by_name("word/document.xml").unwrap()).unwrap();
    assert!(text.contains(&device), "{device} is not in {text}");
    assert_eq!(
        text.matches("<w:t>acme-").count() + text.matches("preserve\">acme-").count(),
        text.matches(&device).count()
    );
}

/// A list stays for its time; a customer who cannot be asked is named, and the others' values stand.
async fn kept_for_a_time(fabric: &mut Fabric, browser: &mut Browser) {
    fabric.satellite("acme").unwrap().stop_agent().await;
    let kept = list(browser, "device", &[ACME]).await;
    check(&kept, &["24 to choose from"], &["cannot be listed"]);
    // Nobody asked for these before.
    let switches = [ACME, GLOBEX, ("kind", "switch")];
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let asked = list(browser, "device", &switches).await;
        if asked.html().contains("Acme Dental Group: Devices") {
            check(
                &asked,
                &["globex-switch-", "cannot be listed"],
                &["acme-switch-"],
            );
            break;
        }
        // The centre hears of it a moment after the broker does.
        assert!(std::time::Instant::now() < end, "{}", asked.text());
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    let page = sent(
        browser,
        &[ACME, ("kind", "printer"), ("device", "acme-printer-05")],
    )
    .await;
    assert_eq!(page.status(), 422);
    check(
        &page,
        &["This could not be checked. Acme Dental Group: Devices"],
        &[],
    );
}
