//! From a source's definition to a run that uses it, and what no page, log table or database shows of its password.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use tower::ServiceExt as _;

use crate::auth::{Site, csrf};
use crate::config::DEFAULTS;
use crate::directory::{Person, PersonId};
use crate::testing::{Identity, Sanitizer};
use crate::{Config, ReportService, web};

const CANARY: &str = "canary-77aa-hunter2";

struct Bench {
    service: ReportService,
    folder: tempfile::TempDir,
    _sanitizer: Sanitizer,
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A CSV file with tickets, a source that reads it and one that needs a password, and a report that needs the first.
fn lay_out(root: &Path) {
    let row = |number: &str, tenant: &str| {
        format!("{number},Printer,open,high,,,2026-11-20T06:15:00Z,2026-11-20T06:15:00Z,{tenant}\n")
    };
    let head = "number,subject,state,priority,category,requester,opened_at,changed_at,customer\n";
    write(
        &root.join("own/tickets.csv"),
        &format!("{head}{}{}", row("T-1", "acme"), row("T-2", "globex")),
    );
    let about = "title = \"Help desk\"\ndataset = \"tickets\"\n";
    write(
        &root.join("sources/help-desk.toml"),
        &format!("{about}[csv]\npath = \"tickets.csv\"\ntenant_field = \"customer\"\n"),
    );
    write(
        &root.join("own/services.csv"),
        "hostname,name,title,state,start,critical,restarts_24h,customer\n\
         srv01,spooler,Print Spooler,running,automatic,true,0,acme\n\
         srv09,dns,DNS,running,automatic,true,0,globex\n",
    );
    write(
        &root.join("sources/watched.toml"),
        "title = \"Watched\"\ndataset = \"services\"\n[csv]\npath = \"services.csv\"\ntenant_field = \"customer\"\n",
    );
    write(
        &root.join("sources/erp.toml"),
        &format!(
            "{about}[postgresql]\nhost = \"127.0.0.1\"\nport = 9\ndatabase = \"d\"\nuser = \"u\"\npassword = \"secret:erp\"\nquery = \"SELECT 1\"\n"
        ),
    );
    write(
        &root.join("reports/calls/report.toml"),
        "title = \"Calls\"\n[[need]]\nsource = \"help-desk\"\n[[need]]\nsource = \"erp\"\nrequired = false\n",
    );
    write(
        &root.join("reports/calls/params.schema.json"),
        "{\"type\": \"object\", \"additionalProperties\": false, \"properties\": {}}",
    );
    let sample = serde_json::json!({
        "report": {"title": "Calls", "generated_at": "2026-11-20T06:15:00Z", "generated_by": "A", "run_id": "1"},
        "params": {}, "tenants": [], "missing": [],
    });
    write(&root.join("reports/calls/sample.json"), &sample.to_string());
    write(&root.join("key/master"), &"ab".repeat(32));
    let private = std::fs::Permissions::from_mode(0o400);
    std::fs::set_permissions(root.join("key/master"), private).unwrap();
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path());
        let context = Context::new();
        let sanitizer = Sanitizer::start(folder.path(), Identity::Sanitizer, &context.tasks).await;
        let here = folder.path().display();
        let listener = format!(
            "listen = \"127.0.0.1:0\"\ntls = {{ certificate = \"{here}/server.crt\", key = \"{here}/server.key\" }}\n"
        );
        let text = format!(
            "reports = \"{here}/reports\"\nschemas = {:?}\nfiles = \"{here}/files\"\nsources = \"{here}/sources\"\n\
             source_files = \"{here}/own\"\n[secrets]\nmaster_key_file = \"{here}/key/master\"\n\
             [forms]\n{listener}[admin]\n{listener}[directory]\nurls = [\"ldaps://localhost:9\"]\nca = \"{here}/client.crt\"\n\
             base = \"dc=x\"\nbind_dn = \"cn=x\"\nbind_password = \"x\"\n\
             [roles]\nforms_groups = [\"f\"]\nadmin_groups = [\"a\"]\n[store]\nurl = \"sqlite://{here}/store.db\"\n\
             [[tenant]]\nid = \"acme\"\ntitle = \"Acme\"\n",
            crate::testing::schemas(),
        );
        let layers = Layered::<Config>::new("reports", DEFAULTS)
            .no_environment()
            .text("test.toml", &text);
        let config = layers.load().unwrap_or_else(|faults| panic!("{faults}"));
        Self {
            service: ReportService::bind(config, &context).await.unwrap(),
            folder,
            _sanitizer: sanitizer,
        }
    }

    async fn token(&self, site: Site) -> String {
        let sessions = &self.service.state().sessions;
        let person = person();
        let token = sessions.begin(site, &person, Ipv4Addr::LOCALHOST.into(), "test");
        token.await.unwrap().expose().to_owned()
    }

    /// The status, the place that it leads to, and the page.
    async fn ask(
        &self,
        (site, token): (Site, &str),
        path: &str,
        fields: Option<&[(&str, &str)]>,
    ) -> (StatusCode, String, String) {
        let routes = match site {
            Site::Forms => web::forms_routes(),
            Site::Admin => web::admin_routes(),
        };
        let mut request = Request::builder()
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::COOKIE, format!("{}={token}", site.cookie()));
        let mut body = Body::empty();
        if let Some(fields) = fields {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("csrf", &csrf::token_for(token))
                .extend_pairs(fields)
                .finish();
            request = request
                .method("POST")
                .header(header::ORIGIN, "https://localhost")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            body = Body::from(form);
        }
        let answer = web::router(routes, self.service.state().clone())
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let place = answer.headers().get(header::LOCATION);
        let place = place.map_or_else(String::new, |place| place.to_str().unwrap().to_owned());
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 4 << 20)
            .await
            .unwrap();
        (status, place, String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn person() -> Person {
    Person {
        id: PersonId::stored("main:alice"),
        name: "alice".into(),
        title: "Alice".into(),
        groups: vec!["f".into(), "a".into()],
    }
}

#[tokio::test]
async fn an_administrator_tries_a_source_and_sets_a_password_that_is_shown_nowhere() {
    let bench = Bench::new().await;
    let token = bench.token(Site::Admin).await;
    let admin = (Site::Admin, token.as_str());
    let (_, _, sources) = bench.ask(admin, "/sources", None).await;
    for expected in [
        "Help desk",
        "CSV file",
        "tickets v1",
        "Calls",
        "not since the start",
    ] {
        assert!(sources.contains(expected), "{expected} is not in {sources}");
    }
    let fields = [("tenant", "acme"), ("param-state", "")];
    let (status, _, tried) = bench
        .ask(admin, "/sources/help-desk/try", Some(&fields))
        .await;
    assert!(
        status == StatusCode::OK && tried.contains("The contract holds"),
        "{tried}"
    );
    // Tickets may be of people: one row came, and nobody sees what is in it.
    assert!(!tried.contains("T-1") && !tried.contains("T-2"), "{tried}");
    let hidden = tried.contains("The values may be of people and are not shown.");
    assert!(hidden && tried.contains(">hidden</td>"), "{tried}");
    let place = "/sources/watched/try";
    let (_, _, tried) = bench.ask(admin, place, Some(&[("tenant", "acme")])).await;
    assert!(
        tried.contains("Print Spooler")
            && !tried.contains("srv09")
            && !tried.contains("hidden</td>"),
        "{tried}"
    );
    let (_, _, tried) = bench.ask(admin, "/sources/erp/try", Some(&fields)).await;
    assert!(
        tried.contains("there is no secret &#34;erp&#34;"),
        "{tried}"
    );
    assert_eq!(
        bench.ask(admin, "/sources/none", None).await.0,
        StatusCode::NOT_FOUND
    );

    let (_, _, secrets) = bench.ask(admin, "/secrets", None).await;
    assert!(
        secrets.contains("not set") && secrets.contains("source &#34;erp&#34;"),
        "{secrets}"
    );
    let fields = [("name", "erp"), ("value", CANARY)];
    let (status, place, _) = bench.ask(admin, "/secrets", Some(&fields)).await;
    assert_eq!(
        (status, place.as_str()),
        (StatusCode::SEE_OTHER, "/secrets?set=erp")
    );
    // The source now has its password, and its server is not there.
    let (_, _, tried) = bench
        .ask(admin, "/sources/erp/try", Some(&[("tenant", "acme")]))
        .await;
    assert!(tried.contains("127.0.0.1:9"), "{tried}");
    let (_, _, question) = bench.ask(admin, "/secrets/erp/remove", None).await;
    assert!(
        question.contains("It is used by source &#34;erp&#34;"),
        "{question}"
    );

    is_shown_nowhere(&bench, admin).await;
    let (status, _, _) = bench.ask(admin, "/secrets/erp/remove", Some(&[])).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

/// No page, file of the database, environment or argument has the password.
async fn is_shown_nowhere(bench: &Bench, admin: (Site, &str)) {
    for path in [
        "/secrets",
        "/secrets?set=erp",
        "/sources",
        "/sources/erp",
        "/audit",
        "/",
    ] {
        let (_, _, page) = bench.ask(admin, path, None).await;
        assert!(!page.contains(CANARY), "{path}");
    }
    let finds = |text: &[u8]| {
        text.windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes())
    };
    for name in ["store.db", "store.db-wal"] {
        let bytes = std::fs::read(bench.folder.path().join(name)).unwrap();
        assert!(!finds(&bytes), "{name}");
    }
    for name in ["environ", "cmdline"] {
        assert!(
            !finds(&std::fs::read(format!("/proc/self/{name}")).unwrap()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_report_needs_a_source_of_the_companys_own() {
    let bench = Bench::new().await;
    let token = bench.token(Site::Forms).await;
    let forms = (Site::Forms, token.as_str());
    let fields = [("for-tenant", "acme")];
    let (status, place, page) = bench.ask(forms, "/reports/calls", Some(&fields)).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    for _ in 0..200 {
        let (_, _, page) = bench.ask(forms, &place, None).await;
        if page.contains("/download\"") {
            // One row of this customer's, and why the other source gave none.
            assert!(
                page.contains("Help desk") && page.contains("there is no secret"),
                "{page}"
            );
            return;
        }
        assert!(!page.contains("data-state=\"failed\""), "{page}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the run did not end");
}
