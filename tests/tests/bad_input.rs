//! The promise: whatever goes wrong in a segment, the person at the form reads one sentence that says what happened and
//! what to do next, and nothing is lost.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use spokegate_daemon::Secret;
use spokegate_demo::client::{Browser, NewRun, Run, RunState};
use spokegate_demo::{Fabric, Options, SourceChoice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A fabric with one customer.
async fn fabric(source: SourceChoice) -> Fabric {
    let mut options = Options::sample().unwrap();
    options.tenants.truncate(1);
    options.source = source;
    // Pushes would stand in for pulls.
    options.push_every_s = 3_600;
    Fabric::start(options).await.unwrap()
}

async fn signed_in(fabric: &Fabric) -> Browser {
    let mut browser = fabric.browser().unwrap();
    browser.sign_in("alice", fabric.password()).await.unwrap();
    browser
}

async fn report(browser: &mut Browser) -> Run {
    let order = NewRun {
        report: "customer-overview",
        tenants: &["acme"],
        fields: &[],
    };
    let run = browser.order(&order).await.unwrap();
    browser.await_end(&run).await.unwrap()
}

#[track_caller]
fn failed_saying(run: &Run, expected: &[&str]) {
    assert_eq!(run.state, RunState::Failed, "{run:?}");
    for part in expected {
        assert!(
            run.reason.contains(part),
            "{part:?} is not in: {}",
            run.reason
        );
    }
}

/// In the source's place: answers every request with the same bytes, whichever were set last.
struct StandIn {
    answer: Arc<Mutex<String>>,
}

impl StandIn {
    async fn start(fabric: &mut Fabric) -> Self {
        let satellite = fabric.satellite("acme").unwrap();
        satellite.stop_source().await;
        let url = satellite.source_url("devices");
        let addr = url
            .trim_start_matches("http://")
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        let listener = loop {
            // Until the kernel has let go of the old listener.
            match TcpListener::bind(&addr).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let answer = Arc::new(Mutex::new(String::new()));
        let current = Arc::clone(&answer);
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::task::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await;
                let answer = current.lock().unwrap().clone();
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { answer }
    }

    fn answer(&self, status: &str, content_type: &str, body: &str) {
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_satellite_that_is_offline_is_named_and_its_return_mends_it() {
    let mut fabric = fabric(SourceChoice::BuiltIn).await;
    let mut browser = signed_in(&fabric).await;
    fabric.satellite("acme").unwrap().stop_agent().await;
    let run = report(&mut browser).await;
    failed_saying(
        &run,
        &[
            "Acme Dental Group",
            "satellite is not connected",
            "start the report again",
        ],
    );

    fabric
        .satellite("acme")
        .unwrap()
        .start_agent()
        .await
        .unwrap();
    // The centre hears of it a moment after the broker does.
    let end = Instant::now() + Duration::from_secs(20);
    while report(&mut browser).await.state != RunState::Done {
        assert!(Instant::now() < end, "the satellite did not come back");
    }
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_red_that_is_down_is_named_and_its_return_mends_it() {
    let mut fabric = fabric(SourceChoice::NodeRed).await;
    let mut browser = signed_in(&fabric).await;
    fabric.satellite("acme").unwrap().stop_source().await;
    let run = report(&mut browser).await;
    failed_saying(
        &run,
        &[
            "Acme Dental Group",
            "Node-RED could not supply",
            "start the report again",
        ],
    );

    fabric
        .satellite("acme")
        .unwrap()
        .start_source()
        .await
        .unwrap();
    let again = report(&mut browser).await;
    assert_eq!(again.state, RunState::Done, "{again:?}");
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_instead_of_data_is_a_source_error() {
    let mut fabric = fabric(SourceChoice::BuiltIn).await;
    let mut browser = signed_in(&fabric).await;
    let stand_in = StandIn::start(&mut fabric).await;
    for (status, content_type, body) in [
        (
            "200 OK",
            "text/html",
            "<html><body>Welcome to Node-RED</body></html>",
        ),
        ("500 Internal Server Error", "text/plain", "boom"),
        ("302 Found", "text/plain", ""),
        ("200 OK", "application/json", "[{\"hostname\": \"a\""),
    ] {
        stand_in.answer(status, content_type, body);
        let run = report(&mut browser).await;
        failed_saying(&run, &["Acme Dental Group", "Node-RED could not supply"]);
        assert!(
            !run.reason.contains("Welcome") && !run.reason.contains("boom"),
            "leaks the answer: {}",
            run.reason
        );
    }
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_breaks_its_contract_goes_to_quarantine_and_the_run_names_the_rule() {
    let mut fabric = fabric(SourceChoice::BuiltIn).await;
    let mut browser = signed_in(&fabric).await;
    let stand_in = StandIn::start(&mut fabric).await;
    stand_in.answer(
        "200 OK",
        "application/json",
        r#"[{"hostname":"<script>SECRET</script>"}]"#,
    );
    let run = report(&mut browser).await;
    failed_saying(&run, &["Acme Dental Group", "breaks its contract"]);
    assert!(
        !run.reason.contains("SECRET"),
        "shows the value: {}",
        run.reason
    );

    let mut admin = fabric.admin_browser().unwrap();
    admin.sign_in("carol", fabric.password()).await.unwrap();
    let page = admin.get("/quarantine").await.unwrap();
    let text = page.text();
    assert!(text.contains("acme"), "{text}");
    assert!(
        !page.html().contains("SECRET"),
        "the quarantine page shows the value"
    );
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_name_read_the_same() {
    let fabric = fabric(SourceChoice::BuiltIn).await;
    let mut sentences = Vec::new();
    for name in ["alice", "nobody-of-that-name"] {
        let mut browser = fabric.browser().unwrap();
        let page = browser
            .try_sign_in(name, &Secret::new("wrong"))
            .await
            .unwrap();
        sentences.push(page.text().replace(name, "NAME"));
    }
    assert_eq!(sentences[0], sentences[1]);
    assert!(sentences[0].contains("password"), "{}", sentences[0]);
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_down_says_so_and_is_no_failed_attempt() {
    let fabric = fabric(SourceChoice::BuiltIn).await;
    let mut signed_in_before = signed_in(&fabric).await;
    fabric.directory().stop().await;
    for _ in 0..6 {
        let mut browser = fabric.browser().unwrap();
        let page = browser
            .try_sign_in("alice", fabric.password())
            .await
            .unwrap();
        assert!(
            page.text().to_lowercase().contains("directory"),
            "{}",
            page.text()
        );
    }
    // Who is signed in goes on working.
    assert_eq!(report(&mut signed_in_before).await.state, RunState::Done);
    fabric.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_customer_or_report_is_refused_without_a_run() {
    let fabric = fabric(SourceChoice::BuiltIn).await;
    let mut browser = signed_in(&fabric).await;
    let unknown = NewRun {
        report: "customer-overview",
        tenants: &["initech"],
        fields: &[],
    };
    assert!(browser.order(&unknown).await.is_err());
    let unknown = NewRun {
        report: "no-such-report",
        tenants: &["acme"],
        fields: &[],
    };
    assert!(browser.order(&unknown).await.is_err());
    fabric.shutdown().await;
}
