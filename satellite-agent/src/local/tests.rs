use axum::http::{Request, StatusCode};
use serde_json::Value;
use spokegate_contract::Shape;
use spokegate_daemon::{Clock, Secret};
use spokegate_identity::TlsFiles;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::spool::SpoolOptions;
use crate::uplink::uplink;

const TOKEN: &str = "a-token-of-some-length";
const ROUTES: [(&str, &str); 5] = [
    ("GET", "/v1/datasets"),
    ("POST", "/v1/check/backup-jobs/1"),
    ("GET", "/v1/status"),
    ("GET", "/v1/secrets"),
    ("GET", "/v1/secrets/MAIL_PASSWORD"),
];

#[tokio::test]
async fn every_route_asks_for_the_token_first() {
    let place = Place::new(None).await;
    for (method, path) in ROUTES {
        for token in ["", "wrong", &TOKEN[1..]] {
            let (status, body) = place.ask(method, path, token, "[]").await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(body["error"]["class"], "token");
        }
        let (status, _) = place.ask(method, path, TOKEN, "[]").await;
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn without_contracts_the_bindings_are_told_and_nothing_is_checked() {
    let place = Place::new(None).await;
    let (status, told) = place.ask("GET", "/v1/datasets", TOKEN, "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(told["contracts"], false);
    assert_eq!(
        told["datasets"],
        json!([{
            "dataset": "backup-jobs", "version": 1, "title": "backup-jobs", "shape": "rows",
            "directions": ["push"], "bound": true, "pulled": false,
        }])
    );
    let (status, told) = place
        .ask("POST", "/v1/check/backup-jobs/1", TOKEN, "[]")
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(told["error"]["class"], "no-contracts");
}

#[tokio::test]
async fn the_status_tells_link_and_spool() {
    let place = Place::new(None).await;
    let (status, told) = place.ask("GET", "/v1/status", TOKEN, "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&told["satellite"], &told["link"]),
        (&json!("acme/hq"), &json!(false))
    );
    assert_eq!(told["spool"]["messages"], 0);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_in_words() {
    let place = Place::new(Some("/no/such/folder".into())).await;
    let check = async |path: &str, body: &str, status: u16, class: &str| {
        let (found, told) = place.ask("POST", path, TOKEN, body).await;
        assert_eq!(
            (found.as_u16(), told["error"]["class"].as_str()),
            (status, Some(class)),
            "{path}: {told}"
        );
    };
    check("/v1/check/Backup%20Jobs/1", "[]", 404, "refused").await;
    check("/v1/check/backup-jobs/one", "[]", 404, "refused").await;
    check("/v1/check/backup-jobs/1?kind=x", "[]", 400, "refused").await;
    let long = "x".repeat(PUSH_JSON_BYTES_MAX + 1);
    check("/v1/check/backup-jobs/1", &long, 413, "too-large").await;
    let (status, told) = place.ask("GET", "/v1/secrets/X", TOKEN, "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        told["error"]["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("hint: have the MSP set it"))
    );
}

#[tokio::test]
async fn secrets_are_given_one_by_one_and_all_at_once() {
    let place = Place::new(None).await;
    let name = "MAIL_PASSWORD".parse().unwrap();
    let value = Some("hunter2".to_owned().into());
    place.secrets.keep(&name, value).unwrap();
    let (status, told) = place.ask("GET", "/v1/secrets", TOKEN, "").await;
    let all = json!({ "secrets": { "MAIL_PASSWORD": "hunter2" } });
    assert_eq!((status, told), (StatusCode::OK, all));
    let path = "/v1/secrets/MAIL_PASSWORD";
    let (status, told) = place.ask("GET", path, TOKEN, "").await;
    let one = json!({ "name": "MAIL_PASSWORD", "value": "hunter2" });
    assert_eq!((status, told), (StatusCode::OK, one));
    for other in ["/v1/secrets/OTHER", "/v1/secrets/a%20b"] {
        let (status, told) = place.ask("GET", other, TOKEN, "").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(told["error"]["class"], "no-secret");
    }
}

struct Place {
    _folder: TempDir,
    router: Router,
    secrets: Arc<Secrets>,
}

impl Place {
    async fn new(schemas: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, _) = Clock::manual(1_800_000_000_000);
        let options = SpoolOptions {
            path: folder.path().join("spool"),
            bytes_max: 1_000_000,
            age_ms_max: 1_000,
        };
        let binding = Binding {
            version: 1,
            shape: Shape::Rows,
            pushable: true,
            source: None,
        };
        let bindings: Bindings = [("backup-jobs".parse().unwrap(), binding)]
            .into_iter()
            .collect();
        let (_setter, uplink) = uplink();
        let files = TlsFiles::in_directory(folder.path());
        let secrets = Arc::new(Secrets::open(&files).unwrap());
        let local = Local::new(LocalParts {
            guard: Guard::new(&Secret::new(TOKEN)),
            address: Address::new("acme".parse().unwrap(), "hq".parse().unwrap()),
            bindings: Arc::new(bindings),
            spool: Arc::new(Spool::open(&options, clock).await.unwrap()),
            secrets: Arc::clone(&secrets),
            uplink,
            schemas,
        });
        Self {
            _folder: folder,
            router: local.beside(Router::new()),
            secrets,
        }
    }

    async fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 100_000)
            .await
            .unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }
}
