//! The service with everything real but the directory, which does not answer, and the satellites, whose rows a test sends.

use crate::auth::scope::Scope;
use crate::auth::tokens::{Maker, NewToken};
use crate::auth::{Site, csrf};
use crate::config::DEFAULTS;
use crate::directory::{Person, PersonId};
use crate::store::StoreKind;
use crate::store::tokens::TokenKind;
use crate::testing::{Identity, Sanitizer};
use crate::{AppState, Config, ReportService, web};
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use spokegate_contract::record::Lane;
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;
use spokegate_sources::servers::postgres;
use std::net::Ipv4Addr;
use std::path::Path;
use tower::ServiceExt as _;

/// The running service.
pub(crate) struct Bench {
    pub(crate) service: ReportService,
    pub(crate) sanitizer: Sanitizer,
    _folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The last part of a problem's name; it must be one.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(
            self.header(header::CONTENT_TYPE),
            "application/problem+json",
            "{}: {}",
            self.status,
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{problem}");
        let kind = problem["type"].as_str().unwrap();
        let kind = kind.strip_prefix("urn:spokegate:problem:").unwrap();
        (self.status.as_u16(), kind.to_owned())
    }
}

/// Both kinds of store, for tests that hold of each.
pub(crate) const KINDS: [StoreKind; 2] = [StoreKind::Sqlite, StoreKind::Postgres];

impl Bench {
    pub(crate) async fn new(kind: StoreKind) -> Self {
        Self::with(kind, "").await
    }

    /// With more lines of configuration.
    pub(crate) async fn with(kind: StoreKind, more: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::over(&root.join("reports"), kind, more).await
    }

    /// With other reports.
    pub(crate) async fn over(reports: &Path, kind: StoreKind, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = Context::new();
        let sanitizer = Sanitizer::start(folder.path(), Identity::Sanitizer, &context.tasks).await;
        let here = folder.path().display();
        let store = match kind {
            StoreKind::Sqlite => format!("sqlite://{here}/store.db"),
            StoreKind::Postgres => postgres::database(),
        };
        // The certificate is of no use to a client; these tests ask the routes without one.
        let listener = format!(
            "listen = \"127.0.0.1:0\"\ntls = {{ certificate = \"{here}/server.crt\", key = \"{here}/server.key\" }}\n"
        );
        let text = format!(
            "reports = {:?}\nschemas = {:?}\nfiles = \"{here}/files\"\n\
             [forms]\n{listener}[admin]\n{listener}[directory]\nurls = [\"ldaps://localhost:9\"]\nca = \"{here}/client.crt\"\n\
             base = \"dc=x\"\nbind_dn = \"cn=x\"\nbind_password = \"x\"\n\
             [roles]\nforms_groups = [\"f\"]\nadmin_groups = [\"a\"]\n[store]\nurl = {store:?}\n\
             [[tenant]]\nid = \"acme\"\ntitle = \"Acme\"\n[[tenant]]\nid = \"globex\"\ntitle = \"Globex\"\n{more}\n{}",
            reports,
            crate::testing::schemas(),
            sanitizer.config(),
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

    pub(crate) fn state(&self) -> &AppState {
        self.service.state()
    }

    /// A token of a person in the groups `f` and those of `more`.
    pub(crate) async fn personal(&self, name: &str, more: &[&str], scopes: &[Scope]) -> String {
        let person = person(name, more);
        let maker = Maker {
            person_id: person.id.as_str(),
            name: &person.name,
            title: &person.title,
            groups: &person.groups,
        };
        self.made(maker, &order(TokenKind::Personal, "test", scopes))
            .await
    }

    /// A service token for these reports and customers.
    pub(crate) async fn program(
        &self,
        name: &str,
        scopes: &[Scope],
        (reports, tenants): (&[&str], &[&str]),
    ) -> String {
        let own = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let order = NewToken {
            reports: own(reports),
            tenants: own(tenants),
            ..order(TokenKind::Service, name, scopes)
        };
        let maker = Maker {
            person_id: "main:carol",
            name: "carol",
            title: "Carol",
            groups: &[],
        };
        self.made(maker, &order).await
    }

    async fn made(&self, maker: Maker<'_>, order: &NewToken) -> String {
        let (_, token) = self.state().tokens.make(maker, order).await.unwrap();
        token.expose().to_owned()
    }

    /// Asks the site of a path: `admin` for its own operations.
    pub(crate) async fn ask(&self, site: Site, request: Builder, body: Body) -> Answer {
        let routes = match site {
            Site::Forms => web::forms_routes(),
            Site::Admin => web::admin_routes(),
        };
        let request = request.header(header::HOST, "localhost");
        let answer = web::router(routes, self.state().clone())
            .oneshot(request.body(body).unwrap())
            .await
            .unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let is_stream = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|media| media == "text/event-stream");
        if is_stream {
            // It has no end that a test could wait for.
            return Answer {
                status,
                headers,
                body: Vec::new(),
            };
        }
        let body = axum::body::to_bytes(answer.into_body(), 100_000_000).await;
        Answer {
            status,
            headers,
            body: body.unwrap().to_vec(),
        }
    }

    /// An operation on the forms listener; with a body, that is JSON.
    pub(crate) async fn call(
        &self,
        token: &str,
        (method, path): (Method, &str),
        body: Option<Value>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        match body {
            Some(json) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                self.ask(Site::Forms, request, Body::from(json.to_string()))
                    .await
            }
            None => self.ask(Site::Forms, request, Body::empty()).await,
        }
    }

    /// An operation on the forms listener with a file of this media type as its body.
    pub(crate) async fn send(
        &self,
        token: &str,
        (method, path): (Method, &str),
        (media, file): (&str, Vec<u8>),
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, media)
            .header(header::CONTENT_LENGTH, file.len());
        self.ask(Site::Forms, request, Body::from(file)).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.call(token, (Method::GET, path), None).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.call(token, (Method::POST, path), Some(body)).await
    }

    /// The cookie of a new session.
    pub(crate) async fn session(&self, site: Site, person: &Person) -> String {
        let begun = self
            .state()
            .sessions
            .begin(site, person, Ipv4Addr::LOCALHOST.into(), "test");
        begun.await.unwrap().expose().to_owned()
    }

    /// Asks with a session's cookie; with fields, as their form sends them.
    pub(crate) async fn browse(
        &self,
        site: Site,
        session: &str,
        (method, path): (Method, &str),
        fields: &[(&str, &str)],
    ) -> Answer {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("csrf", &csrf::token_for(session))
            .extend_pairs(fields)
            .finish();
        let body = if method == Method::GET {
            Body::empty()
        } else {
            Body::from(form)
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::COOKIE, format!("{}={session}", site.cookie()))
            .header(header::ORIGIN, "https://localhost")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(site, request, body).await
    }

    /// Orders the sample report and returns the run's id.
    pub(crate) async fn order(&self, token: &str, tenant: &str) -> String {
        let order = json!({ "tenants": [tenant] });
        let answer = self
            .post(token, "/reports/customer-overview/runs", order)
            .await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Answers the three pulls of a run: these devices, and nothing else.
    pub(crate) async fn answer(&self, from: usize, devices: Value) {
        for number in from..from + 3 {
            let request = self.sanitizer.request(number).await;
            let rows = match request.dataset.as_str() {
                "devices" => devices.clone(),
                _ => json!([]),
            };
            let record = json!({
                "kind": "reply", "tenant": request.tenant, "satellite": "hq", "at": 1, "id": request.id,
                "dataset": request.dataset, "version": 1, "sequence": 0, "rows": rows, "last": true,
            });
            self.sanitizer.send(Lane::Reply, &record);
        }
    }

    /// A run of the person's that is done.
    pub(crate) async fn finished(&self, token: &str, from: usize, devices: Value) -> String {
        let run = self.order(token, "acme").await;
        self.answer(from, devices).await;
        let path = format!("/runs/{run}?wait_ms=25000");
        let ended = self.get(token, &path).await.json();
        assert_eq!(ended["state"], "done", "{ended}");
        run
    }

    /// How often the audit has an entry of this action and decision.
    pub(crate) async fn audited(&self, action: &str, decision: &str) -> Vec<(String, String)> {
        let entries = self.state().store.audit_page(None, 500).await.unwrap();
        entries
            .into_iter()
            .filter(|entry| entry.action == action && entry.decision == decision)
            .map(|entry| (entry.reason, entry.subject))
            .collect()
    }
}

pub(crate) fn person(name: &str, more: &[&str]) -> Person {
    let mut groups = vec!["f".to_owned()];
    groups.extend(more.iter().map(|group| (*group).to_owned()));
    Person {
        id: PersonId::stored(&format!("main:{name}")),
        name: name.into(),
        title: format!("Title of {name}"),
        groups,
    }
}

pub(crate) fn order(kind: TokenKind, name: &str, scopes: &[Scope]) -> NewToken {
    NewToken {
        kind,
        name: name.into(),
        scopes: scopes.iter().copied().collect(),
        days: 30,
        reports: Vec::new(),
        tenants: Vec::new(),
    }
}
