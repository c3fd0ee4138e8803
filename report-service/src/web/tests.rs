use super::*;
use crate::config::DEFAULTS;
use crate::{Config, ReportService};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use rcgen::{CertificateParams, KeyPair};
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;
use std::path::Path;
use tower::ServiceExt as _;

mod matrix;

/// Writes a new certificate for both listeners and its key.
fn certify(folder: &Path) -> rcgen::Certificate {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    std::fs::write(folder.join("web.crt"), certificate.pem()).unwrap();
    std::fs::write(folder.join("web.key"), key.serialize_pem()).unwrap();
    certificate
}

/// The service with a directory that nobody listens for.
async fn service(folder: &Path) -> ReportService {
    certify(folder);
    std::fs::create_dir(folder.join("reports")).unwrap();
    let schemas = crate::testing::schemas();
    let here = folder.display();
    let listener = format!(
        "listen = \"127.0.0.1:0\"\ntls = {{ certificate = \"{here}/web.crt\", key = \"{here}/web.key\" }}\n"
    );
    let text = format!(
        "schemas = {schemas:?}\nreports = \"{here}/reports\"\nfiles = \"{here}/files\"\n\
         [forms]\n{listener}[admin]\n{listener}[directory]\nurls = [\"ldaps://localhost:9\"]\nca = \"{here}/web.crt\"\n\
         base = \"dc=x\"\nbind_dn = \"cn=x\"\nbind_password = \"x\"\n\
         [roles]\nforms_groups = [\"f\"]\nadmin_groups = [\"a\"]\n[store]\nurl = \"sqlite://{here}/store.db\"\n"
    );
    let layers = Layered::<Config>::new("reports", DEFAULTS)
        .no_environment()
        .text("test.toml", &text);
    ReportService::bind(layers.load().unwrap(), &Context::new())
        .await
        .unwrap()
}

async fn ask(
    service: &ReportService,
    routes: Routes,
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
) -> Response {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router(routes, service.state().clone())
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_has_a_rule_and_keeps_strangers_out() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    let sites: [fn() -> Routes; 2] = [forms_routes, admin_routes];
    for routes in sites {
        let table = routes().table().to_vec();
        let site = routes().site();
        let open: Vec<_> = table
            .iter()
            .filter(|entry| entry.rule == Rule::Anyone)
            .collect();
        let open: Vec<_> = open
            .iter()
            .map(|entry| format!("{} {}", entry.method, entry.path))
            .collect();
        let mut expected = vec![
            "GET /assets/{name}",
            "GET /sign-in",
            "POST /sign-in",
            // Of use with the cookie of a right password, and with a one-time link.
            "GET /second-factor",
            "POST /second-factor",
        ];
        if site == Site::Admin {
            expected.extend(["GET /break-glass/{token}", "POST /break-glass/{token}"]);
        }
        // The sign-in page shows whose service it is.
        expected.extend(["GET /branding/colour.css", "GET /branding/logo"]);
        expected.push("GET /api/v1/openapi.json");
        assert_eq!(open, expected, "nothing else is for everybody");
        let is_page = |rule: Rule| !matches!(rule, Rule::Anyone | Rule::Api(_));
        for entry in table.iter().filter(|entry| is_page(entry.rule)) {
            assert!(entry.rule.belongs_on(site), "{entry:?}");
            let path = entry.path.replace(['{', '}'], "");
            let cookie = format!("{}={}", site.cookie(), "0".repeat(64));
            let honest = [("origin", "https://localhost"), ("cookie", cookie.as_str())];
            let answer = ask(&service, routes(), &entry.method, &path, &honest).await;
            let location = answer
                .headers()
                .get(header::LOCATION)
                .map_or("", |value| value.to_str().unwrap());
            let kept_out = match entry.rule {
                Rule::FormsBackground | Rule::AdminBackground => {
                    answer.status() == StatusCode::FORBIDDEN
                }
                _ => answer.status() == StatusCode::SEE_OTHER && location.starts_with("/sign-in"),
            };
            assert!(kept_out, "{entry:?}: {} {location:?}", answer.status());
            if entry.method != Method::GET {
                let foreign = [("origin", "https://evil.test")];
                let answer = ask(&service, routes(), &entry.method, &path, &foreign).await;
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{entry:?}");
            }
        }
    }
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/sign-in"),
        (Method::GET, "/no-such-page"),
        (Method::DELETE, "/sign-in"),
        (Method::POST, "/sign-in"),
        (Method::GET, "/assets/no-such-file"),
    ] {
        let answer = ask(&service, forms_routes(), &method, path, &[]).await;
        for name in [
            "strict-transport-security",
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
        ] {
            assert!(
                answer.headers().contains_key(name),
                "{method} {path}: {name}"
            );
        }
        assert_eq!(
            answer.headers()["cache-control"],
            "no-store",
            "{method} {path}"
        );
    }
    let asset = ask(
        &service,
        forms_routes(),
        &Method::GET,
        &assets::address("spokegate.css"),
        &[],
    )
    .await;
    assert_eq!(asset.status(), StatusCode::OK);
    assert!(
        asset.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_page_has_a_number_and_no_chain() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    let error = anyhow::anyhow!("secret path /etc/x").context("open the store");
    let page = PageError::from(error);
    let number = page.correlation().to_owned();
    let answer = axum::response::IntoResponse::into_response(page);
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = axum::body::to_bytes(answer.into_body(), FORM_BYTES_MAX)
        .await
        .unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains(&number) && number.len() == 12, "{body}");
    assert!(
        !body.contains("secret path") && !body.contains("open the store"),
        "{body}"
    );
    service.shutdown().await;
}

/// Whether a browser that trusts this certificate alone gets through to the forms.
async fn reaches(service: &ReportService, trusted: &rcgen::Certificate) -> bool {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(service.forms_addr()).await;
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(tls));
    let name = "localhost".try_into().unwrap();
    connector.connect(name, stream.unwrap()).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path()).await;
    let renewed = certify(folder.path());
    for _ in 0..600 {
        if reaches(&service, &renewed).await {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(
        reaches(&service, &renewed).await,
        "the new one is not in use"
    );
    // A file that is no key leaves what was read before in use.
    std::fs::write(folder.path().join("web.key"), "no key").unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(
        reaches(&service, &renewed).await,
        "the good one was given up"
    );
    service.shutdown().await;
}
