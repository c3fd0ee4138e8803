//! From the form to the downloaded file over the routes of both listeners, with a sanitizer that speaks the wire.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use spokegate_contract::record::Lane;
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;
use std::net::Ipv4Addr;
use std::path::Path as FilePath;
use tower::ServiceExt as _;

use crate::auth::{Site, csrf};
use crate::config::DEFAULTS;
use crate::directory::{Person, PersonId};
use crate::testing::directory::Slapd;
use crate::testing::{Identity, Sanitizer, device};
use crate::{Config, ReportService, web};

pub(in crate::web) struct Bench {
    pub(in crate::web) service: ReportService,
    pub(in crate::web) sanitizer: Sanitizer,
    _folder: tempfile::TempDir,
}

/// A directory that is not there; nobody asks it within a session's first minutes.
const NO_DIRECTORY: &str = "[directory]\nurls = [\"ldaps://localhost:9\"]\nca = \"{here}/client.crt\"\n\
     base = \"dc=x\"\nbind_dn = \"cn=x\"\nbind_password = \"x\"\n\
     [roles]\nforms_groups = [\"f\"]\nadmin_groups = [\"a\"]\n";

/// A signed-in browser.
pub(in crate::web) struct Browser<'a> {
    bench: &'a Bench,
    site: Site,
    pub(in crate::web) token: String,
}

impl Bench {
    pub(in crate::web) async fn new() -> Self {
        Self::with("").await
    }

    /// With more lines of configuration.
    pub(in crate::web) async fn with(more: &str) -> Self {
        let root = FilePath::new(env!("CARGO_MANIFEST_DIR"));
        Self::of(&root.join("reports"), more).await
    }

    /// With a directory that answers, and more lines of configuration.
    pub(in crate::web) async fn in_directory(directory: &Slapd, more: &str) -> Self {
        let root = FilePath::new(env!("CARGO_MANIFEST_DIR"));
        Self::made(&root.join("reports"), &directory.config(), more).await
    }

    /// With the reports of a folder.
    pub(in crate::web) async fn of(reports: &FilePath, more: &str) -> Self {
        Self::made(reports, NO_DIRECTORY, more).await
    }

    async fn made(reports: &FilePath, directory: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::new();
        let sanitizer = Sanitizer::start(folder.path(), Identity::Sanitizer, &context.tasks).await;
        let here = folder.path().display();
        // The certificate is of no use to a browser; these tests ask the routes without one.
        let listener = format!(
            "listen = \"127.0.0.1:0\"\ntls = {{ certificate = \"{here}/server.crt\", key = \"{here}/server.key\" }}\n"
        );
        let text = format!(
            "reports = {reports:?}\nschemas = {:?}\nfiles = \"{here}/files\"\n\
             [forms]\n{listener}[admin]\n{listener}{directory}[store]\nurl = \"sqlite://{here}/store.db\"\n\
             [[tenant]]\nid = \"acme\"\ntitle = \"Acme <Dental> Group\"\n[[tenant]]\nid = \"globex\"\ntitle = \"Globex\"\n{more}\n{}",
            crate::testing::schemas(),
            sanitizer.config(),
            directory = directory.replace("{here}", &here.to_string()),
        );
        let layers = Layered::<Config>::new("reports", DEFAULTS)
            .no_environment()
            .text("test.toml", &text);
        let config = layers.load().unwrap_or_else(|faults| panic!("{faults}"));
        let service = ReportService::bind(config, &context).await.unwrap();
        Self {
            service,
            sanitizer,
            _folder: folder,
        }
    }

    pub(in crate::web) async fn browser(&self, name: &str, site: Site) -> Browser<'_> {
        self.browser_of(&person(name), site).await
    }

    pub(in crate::web) async fn browser_of(&self, person: &Person, site: Site) -> Browser<'_> {
        let sessions = &self.service.state().sessions;
        let token = sessions
            .begin(site, person, Ipv4Addr::LOCALHOST.into(), "test")
            .await
            .unwrap();
        Browser {
            bench: self,
            site,
            token: token.expose().to_owned(),
        }
    }

    pub(in crate::web) async fn answer(&self, from: usize) {
        for number in from..from + 3 {
            let request = self.sanitizer.request(number).await;
            let rows = match request.dataset.as_str() {
                "devices" => json!([device("acme-srv01")]),
                _ => json!([]),
            };
            let record = json!({
                "kind": "reply", "tenant": request.tenant, "satellite": "hq", "at": 1, "id": request.id,
                "dataset": request.dataset, "version": 1, "sequence": 0, "rows": rows, "last": true,
            });
            self.sanitizer.send(Lane::Reply, &record);
        }
    }
}

impl Browser<'_> {
    pub(in crate::web) async fn ask(
        &self,
        request: axum::http::request::Builder,
        body: Body,
    ) -> Response {
        let routes = match self.site {
            Site::Forms => web::forms_routes(),
            Site::Admin => web::admin_routes(),
        };
        let cookie = format!("{}={}", self.site.cookie(), self.token);
        let request = request
            .header(header::HOST, "localhost")
            .header(header::COOKIE, cookie);
        web::router(routes, self.bench.service.state().clone())
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap()
    }

    pub(in crate::web) async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.ask(Request::builder().uri(path), Body::empty()).await;
        (answer.status(), text(answer).await)
    }

    /// The status alone, for answers that go on.
    pub(in crate::web) async fn get_head(&self, path: &str) -> StatusCode {
        let answer = self.ask(Request::builder().uri(path), Body::empty()).await;
        answer.status()
    }

    async fn json(&self, path: &str) -> Value {
        let request = Request::builder()
            .uri(path)
            .header(header::ACCEPT, "application/json");
        serde_json::from_str(&text(self.ask(request, Body::empty()).await).await).unwrap()
    }

    pub(in crate::web) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("csrf", &csrf::token_for(&self.token))
            .extend_pairs(fields)
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::ORIGIN, "https://localhost")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request, Body::from(form)).await
    }

    /// Starts the report and returns where its run is.
    pub(in crate::web) async fn start(&self) -> String {
        let answer = self
            .post(
                "/reports/customer-overview",
                &[("for-tenant", "acme"), ("title", "Our <customer>")],
            )
            .await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let place = answer.headers()[header::LOCATION]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(place.starts_with("/runs/") && place.len() == 38, "{place}");
        place
    }
}

pub(in crate::web) fn person(name: &str) -> Person {
    Person {
        id: PersonId::stored(&format!("main:{name}")),
        name: name.into(),
        title: format!("Title of {name}"),
        groups: vec!["f".into(), "a".into()],
    }
}

pub(in crate::web) async fn text(answer: Response) -> String {
    let body = axum::body::to_bytes(answer.into_body(), 10_000_000)
        .await
        .unwrap();
    String::from_utf8_lossy(&body).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_form_to_the_downloaded_file() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let (status, page) = alice.get("/").await;
    assert!(
        status == StatusCode::OK && page.contains("href=\"/reports/customer-overview\""),
        "{page}"
    );
    let (_, form) = alice.get("/reports/customer-overview").await;
    for expected in [
        "name=\"for-tenant\" value=\"acme\"> Acme &#60;Dental&#62; Group",
        "type=\"text\" maxlength=\"80\" value=\"Customer overview\"",
        "<textarea id=\"f-note\" name=\"note\" rows=\"5\" maxlength=\"2000\"",
        "<option value=\"technical\" selected>",
        "type=\"checkbox\" name=\"only_missing\" value=\"true\"",
        "aria-describedby=\"f-title-help\"",
    ] {
        assert!(form.contains(expected), "{expected} is not in {form}");
    }
    let place = alice.start().await;
    let (_, under_way) = alice.get(&place).await;
    assert!(
        under_way.contains("data-state=\"running\"")
            && under_way.contains("http-equiv=\"refresh\""),
        "{under_way}"
    );
    bench.answer(0).await;
    let ended = alice.json(&format!("{place}?wait_ms=20000")).await;
    assert_eq!(
        (&ended["state"], &ended["needs"][0]["rows"]),
        (&json!("done"), &json!(1)),
        "{ended}"
    );
    let (_, finished) = alice.get(&place).await;
    assert!(
        finished.contains(&format!("href=\"{place}/download\""))
            && !finished.contains("http-equiv"),
        "{finished}"
    );
    let request = Request::builder().uri(format!("{place}/download"));
    let download = alice.ask(request, Body::empty()).await;
    assert_eq!(download.status(), StatusCode::OK);
    let headers = download.headers().clone();
    let name = headers[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert!(
        name.starts_with("attachment; filename=\"Customer-overview-Acme-Dental-Group-20"),
        "{name}"
    );
    let body = axum::body::to_bytes(download.into_body(), 10_000_000)
        .await
        .unwrap();
    assert!(
        body.starts_with(b"PK")
            && headers[header::CONTENT_LENGTH].to_str().unwrap() == body.len().to_string()
    );
    let (_, history) = alice.get("/runs").await;
    for expected in [
        place.as_str(),
        "Title of alice",
        "Acme &#60;Dental&#62; Group",
        ">done<",
    ] {
        assert!(history.contains(expected), "{expected} is not in {history}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_faults_starts_nothing_and_says_what_is_wrong() {
    let bench = Bench::new().await;
    let alice = bench.browser("alice", Site::Forms).await;
    for (fields, expected) in [
        (vec![("title", "x")], "Choose at least one customer."),
        (
            vec![("for-tenant", "initech")],
            "One of these customers is not known here. Choose again.",
        ),
        (
            vec![("for-tenant", "acme"), ("audience", "everybody")],
            "Choose one of the values in the list.",
        ),
        (
            vec![("for-tenant", "acme"), ("title", &"x".repeat(81))],
            "Write at most 80 characters; this has 81.",
        ),
    ] {
        let answer = alice.post("/reports/customer-overview", &fields).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = text(answer).await;
        assert!(
            page.contains(expected) && page.contains("The report was not started."),
            "{expected} is not in {page}"
        );
    }
    let (status, _) = alice.get("/reports/no-such-report").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        alice
            .get("/runs")
            .await
            .1
            .contains("You have not started a report yet.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_persons_run_looks_like_none() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let (alice, bob) = (
        bench.browser("alice", Site::Forms).await,
        bench.browser("bob", Site::Forms).await,
    );
    let place = alice.start().await;
    let nowhere = format!("/runs/{}", "0".repeat(32));
    for path in ["", "/events", "/download", "?wait_ms=1000"] {
        for place in [&place, &nowhere] {
            let (status, page) = bob.get(&format!("{place}{path}")).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{place}{path}: {page}");
        }
    }
    assert_eq!(
        bob.post(&format!("{place}/cancel"), &[]).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(alice.json(&place).await["state"], "running");
    // Its owner may; and a run without a document has no download.
    assert_eq!(
        alice.post(&format!("{place}/cancel"), &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    assert_eq!(alice.json(&place).await["state"], "cancelled");
    assert_eq!(
        alice.get(&format!("{place}/download")).await.0,
        StatusCode::NOT_FOUND
    );
    assert!(!bob.get("/runs").await.1.contains(&place));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_follow_a_run_to_its_end() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let place = alice.start().await;
    let request = Request::builder().uri(format!("{place}/events"));
    let stream = alice.ask(request, Body::empty()).await;
    assert_eq!(stream.headers()[header::CONTENT_TYPE], "text/event-stream");
    let (events, ()) = tokio::join!(text(stream), bench.answer(0));
    let states: Vec<Value> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<Value>(data).unwrap()["state"].clone())
        .collect();
    assert!(
        states.len() >= 2 && states[0] == "running" && states.last() == Some(&json!("done")),
        "{events}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_says_why_on_its_page() {
    let bench = Bench::new().await;
    let alice = bench.browser("alice", Site::Forms).await;
    let place = alice.start().await;
    let ended = alice.json(&format!("{place}?wait_ms=20000")).await;
    assert_eq!(ended["state"], "failed");
    let (_, page) = alice.get(&place).await;
    assert!(page.contains("Acme &#60;Dental&#62; Group: Devices could not be fetched because the customer&#39;s satellite"), "{page}");
    assert!(
        page.contains("href=\"/reports/customer-overview\""),
        "the way to start again is there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_may_be_ordered_as_word_and_pdf() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let alice = bench.browser("alice", Site::Forms).await;
    let (_, form) = alice.get("/reports/customer-overview").await;
    assert!(
        form.contains("name=\"as-format\" value=\"docx\" checked"),
        "{form}"
    );
    assert!(form.contains("name=\"as-format\" value=\"pdf\">"), "{form}");
    let fields = [
        ("for-tenant", "acme"),
        ("as-format", "both"),
        ("title", "Overview"),
        ("detail", "technical"),
    ];
    let answer = alice.post("/reports/customer-overview", &fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let place = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    bench.answer(0).await;
    let ended = alice.json(&format!("{place}?wait_ms=20000")).await;
    assert_eq!(ended["state"], json!("done"), "{ended}");
    let (_, page) = alice.get(&place).await;
    assert!(
        page.contains("/download?as=pdf") && page.contains(".docx</a>"),
        "{page}"
    );
    let word = alice.get(&format!("{place}/download")).await.1;
    assert!(word.starts_with("PK"));
    let request = Request::builder().uri(format!("{place}/download?as=pdf"));
    let file = alice.ask(request, Body::empty()).await;
    assert_eq!(file.headers()[header::CONTENT_TYPE], "application/pdf");
    let named = file.headers()[header::CONTENT_DISPOSITION]
        .to_str()
        .unwrap();
    assert!(named.ends_with(".pdf\""), "{named}");
    let bytes = axum::body::to_bytes(file.into_body(), 1 << 24)
        .await
        .unwrap();
    assert!(bytes.starts_with(b"%PDF-"));
}

const RIGHTS: &str = "
[[rights]]
groups = [\"desk\"]
reports = [\"customer-overview\"]
tenants = [\"acme\"]
[[rights]]
groups = [\"others\"]
reports = [\"another-report\"]
tenants = [\"*\"]
";

/// What no grant gives is answered as if it did not exist: reports, customers, and what was run before.
#[tokio::test(flavor = "multi_thread")]
async fn rights_limit_reports_customers_and_old_runs() {
    let bench = Bench::with(RIGHTS).await;
    bench.sanitizer.hello("acme").await;
    let of = |groups: &[&str]| Person {
        groups: groups.iter().map(|&group| group.to_owned()).collect(),
        ..person("alice")
    };
    let report = "/reports/customer-overview";
    let desk = bench.browser_of(&of(&["f", "desk"]), Site::Forms).await;
    assert!(desk.get("/").await.1.contains(report));
    let (status, form) = desk.get(report).await;
    assert!(
        status == StatusCode::OK && form.contains("value=\"acme\"") && !form.contains("globex"),
        "{form}"
    );
    let fields = [("for-tenant", "globex"), ("title", "x")];
    let refused = desk.post(report, &fields).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        text(refused)
            .await
            .contains("One of these customers is not known here")
    );
    let place = desk.start().await;
    bench.answer(0).await;
    let ended = desk.json(&format!("{place}?wait_ms=20000")).await;
    assert_eq!(ended["state"], json!("done"), "{ended}");
    for groups in [&["f"][..], &["f", "others"], &["f", "desk-2"]] {
        let other = bench.browser_of(&of(groups), Site::Forms).await;
        let (_, list) = other.get("/").await;
        assert!(!list.contains(report), "{groups:?}");
        assert_eq!(other.get(report).await.0, StatusCode::NOT_FOUND);
        let fields = [("for-tenant", "acme"), ("title", "x")];
        let refused = other.post(report, &fields).await;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND, "{groups:?}");
        assert!(!other.get("/runs").await.1.contains(&place), "{groups:?}");
        let events = format!("{place}/events");
        let download = format!("{place}/download");
        for path in [&place, &events, &download] {
            assert_eq!(other.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }
    assert_eq!(
        desk.get(&format!("{place}/download")).await.0,
        StatusCode::OK,
        "the honest twin"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_searched_without_a_script() {
    let bench = Bench::new().await;
    let alice = bench.browser("alice", Site::Forms).await;
    let fields = [
        ("act", "find"),
        ("find-tenant", "glob"),
        ("title", "Kept <title>"),
        ("as-format", "both"),
    ];
    let answer = alice.post("/reports/customer-overview", &fields).await;
    assert_eq!(answer.status(), StatusCode::OK, "a search starts nothing");
    let page = text(answer).await;
    for expected in [
        "value=\"globex\"> Globex",
        "1 of 2 customers are listed.",
        "value=\"Kept &#60;title&#62;\"",
        "value=\"both\" checked",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(!page.contains("value=\"acme\""), "{page}");
    assert!(
        alice
            .get("/runs")
            .await
            .1
            .contains("You have not started a report yet")
    );
    // All of them, and none.
    let none = alice
        .post("/reports/customer-overview", &[("title", "x")])
        .await;
    assert_eq!(none.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(none).await.contains("Choose at least one customer."));
    let all = alice
        .post(
            "/reports/customer-overview",
            &[("title", "x"), ("for-all", "yes")],
        )
        .await;
    assert_eq!(all.status(), StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_proved_and_made_again_from_its_page() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let (alice, bob) = (
        bench.browser("alice", Site::Forms).await,
        bench.browser("bob", Site::Forms).await,
    );
    let place = alice.start().await;
    bench.answer(0).await;
    let ended = alice.json(&format!("{place}?wait_ms=20000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    let proof = format!("{place}/proof");
    let (_, page) = alice.get(&proof).await;
    for expected in [
        "Our &#60;customer&#62;",
        "devices",
        "spokegate-reports verify-run",
        "also in the audit trail",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    let verified = text(alice.post(&proof, &[]).await).await;
    assert!(
        verified.contains("the same to the byte") && verified.contains(">holds<"),
        "{verified}"
    );
    let again = format!("{place}/again");
    assert_eq!(bob.get(&proof).await.0, StatusCode::NOT_FOUND);
    for path in [&proof, &again] {
        assert_eq!(
            bob.post(path, &[("data", "same")]).await.status(),
            StatusCode::NOT_FOUND
        );
    }
    let answer = alice.post(&again, &[("data", "same")]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let second = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    let ended = alice.json(&format!("{second}?wait_ms=20000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    // With fresh data the customer is asked again.
    let answer = alice.post(&again, &[("data", "fresh")]).await;
    let third = answer.headers()[header::LOCATION]
        .to_str()
        .unwrap()
        .to_owned();
    bench.answer(3).await;
    let ended = alice.json(&format!("{third}?wait_ms=20000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
}

const MONTHLY: [(&str, &str); 10] = [
    ("schedule-title", "Monthly <overview>"),
    ("for-tenant", "acme"),
    ("title", "Overview"),
    ("as-format", "docx"),
    ("on-every", "month"),
    ("on-day", "31"),
    ("at-time", "06:30"),
    ("in-zone", "Europe/Berlin"),
    ("starts-on", ""),
    ("as-many", "together"),
];

/// Pages are pictures, made once; strangers and drafts have none.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_looked_at_before_it_is_downloaded() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let (alice, bob) = (
        bench.browser("alice", Site::Forms).await,
        bench.browser("bob", Site::Forms).await,
    );
    let place = alice.start().await;
    let preview = format!("{place}/preview");
    assert_eq!(alice.get(&preview).await.0, StatusCode::NOT_FOUND);
    bench.answer(0).await;
    let ended = alice.json(&format!("{place}?wait_ms=20000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    assert!(
        alice
            .get(&place)
            .await
            .1
            .contains(&format!("href=\"{preview}\""))
    );
    let (status, page) = alice.get(&preview).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains(&format!("src=\"{preview}/1\"")), "{page}");
    for path in [preview.clone(), format!("{preview}/1")] {
        assert_eq!(bob.get(&path).await.0, StatusCode::NOT_FOUND);
    }
    let request = Request::builder().uri(format!("{preview}/1"));
    let picture = alice.ask(request, Body::empty()).await;
    assert_eq!(picture.headers()[header::CONTENT_TYPE], "image/png");
    let bytes = axum::body::to_bytes(picture.into_body(), 1 << 24)
        .await
        .unwrap();
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 2_000);
    for page in ["0", "11", "99"] {
        let (status, _) = alice.get(&format!("{preview}/{page}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{page}");
    }
}

mod administration;
mod batches;
mod branding;
mod brands_of_customers;
mod groups;
mod mail;
mod review;
mod schedules;
mod templates;
mod values;

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_filtered() {
    let bench = Bench::new().await;
    let alice = bench.browser("alice", Site::Forms).await;
    let place = alice.start().await;
    let ended = alice.json(&format!("{place}?wait_ms=20000")).await;
    assert_eq!(ended["state"], "failed", "nobody is online");
    let finds = async |query: &str, expected: bool| {
        let (status, page) = alice.get(&format!("/runs?{query}")).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(page.contains(&place), expected, "{query}: {page}");
    };
    finds("", true).await;
    finds("report=customer-overview&tenant=acme&state=failed", true).await;
    finds("tenant=globex", false).await;
    finds("tenant=acm", false).await;
    finds("state=done", false).await;
    finds("report=another-report", false).await;
    finds("from=2020-01-01", true).await;
    finds("to=2020-01-01", false).await;
    finds("from=2999-01-01", false).await;
    finds("page=1", false).await;
    // What is no filter is none.
    finds("state=x&from=yesterday&tenant=%25", true).await;
    let (_, page) = alice.get("/runs?tenant=globex").await;
    assert!(
        page.contains("<option value=\"globex\" selected>") && page.contains("Nothing here."),
        "{page}"
    );
}

/// An error stays on its site: the administration's has its own frame and its navigation.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_page_has_the_frame_of_its_site() {
    let bench = Bench::new().await;
    let check = async |browser: &Browser<'_>, path: &str, has: &[&str], has_not: &[&str]| {
        let (status, page) = browser.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {page}");
        for expected in has {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        for refused in has_not {
            assert!(!page.contains(refused), "{refused} is in {page}");
        }
    };
    let carol = bench.browser("carol", Site::Admin).await;
    let admin = [
        "site-admin",
        "class=\"rail\"",
        "To the overview",
        "Title of carol",
    ];
    let alice = bench.browser("alice", Site::Forms).await;
    let forms = [
        "site-forms",
        "class=\"tabs\"",
        "To the first page",
        "Title of alice",
    ];
    for path in ["/nothing", "/templates/nothing"] {
        check(&carol, path, &admin, &["site-forms"]).await;
        check(&alice, path, &forms, &["site-admin", "class=\"rail\""]).await;
    }
    let stranger = Browser {
        token: String::new(),
        ..carol
    };
    let names = ["class=\"rail\"", "Title of carol", "Sign out"];
    check(&stranger, "/nothing", &["site-admin"], &names).await;
}
