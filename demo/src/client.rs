//! A client of the real pages, as a browser without a screen: TLS, cookies, redirects and forms with their token.

mod forms;
mod page;

pub use forms::{Document, Need, NewRun, Run, RunState};
pub use page::Page;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, COOKIE, HeaderName, HeaderValue, LOCATION, ORIGIN, SET_COOKIE};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

/// Larger answers are refused; a report over 100,000 rows has a few MiB.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
const REDIRECTS_MAX: usize = 5;
/// An answer that takes longer is given up.
const ANSWER: Duration = Duration::from_secs(60);

/// Stands between the parts of a form with a file.
const BOUNDARY: &str = "form-of-the-demonstration";
const MULTIPART: &str = "multipart/form-data; boundary=form-of-the-demonstration";

/// A form as it is sent.
struct Form {
    kind: &'static str,
    body: Bytes,
}

/// One person's browser. Clones share connections but not cookies.
#[derive(Clone, Debug)]
pub struct Browser {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    origin: Url,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// A browser without cookies, for the site at `origin` (`https://host:port`), which trusts the authorities in
    /// `ca_pem` and no others.
    ///
    /// # Errors
    /// When the origin is no URL or the authorities cannot be read.
    pub fn new(origin: &str, ca_pem: &str) -> anyhow::Result<Self> {
        let origin = Url::parse(origin).with_context(|| format!("{origin} is no URL"))?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots
                .add(certificate.context("read the authority")?)
                .context("trust the authority")?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("choose TLS versions")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .build();
        Ok(Self {
            http: Client::builder(TokioExecutor::new()).build(connector),
            origin,
            cookies: BTreeMap::new(),
        })
    }

    /// Opens a page; redirects are followed.
    ///
    /// # Errors
    /// When nobody answers, or a redirect leaves the site.
    pub async fn get(&mut self, path: &str) -> anyhow::Result<Page> {
        self.get_with(path, &[]).await
    }

    /// The same with further headers.
    ///
    /// # Errors
    /// When nobody answers, or a redirect leaves the site.
    pub async fn get_with(
        &mut self,
        path: &str,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<Page> {
        let url = self.resolve(path)?;
        self.follow(Method::GET, url, None, headers).await
    }

    /// Sends a form: its fields, and the token of the page it stands on.
    ///
    /// # Errors
    /// When the page has no token, nobody answers, or a redirect leaves the site.
    pub async fn submit(
        &mut self,
        page: &Page,
        action: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<Page> {
        let token = page
            .form_token()
            .with_context(|| format!("{} has no form", page.url()))?;
        let mut all = vec![("csrf", token.as_str())];
        all.extend_from_slice(fields);
        self.post(action, &all).await
    }

    /// Sends exactly these fields; for tests that forge requests. Redirects are followed.
    ///
    /// # Errors
    /// When nobody answers, or a redirect leaves the site.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Page> {
        let url = self.resolve(path)?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let form = Form {
            kind: "application/x-www-form-urlencoded",
            body: body.into(),
        };
        self.follow(Method::POST, url, Some(form), &[]).await
    }

    /// Sends a form with a file: its fields, the token of the page it stands on, and under a name the file.
    ///
    /// # Errors
    /// When the page has no token, nobody answers, or a redirect leaves the site.
    pub async fn upload(
        &mut self,
        page: &Page,
        action: &str,
        fields: &[(&str, &str)],
        (name, file): (&str, &[u8]),
    ) -> anyhow::Result<Page> {
        let token = page
            .form_token()
            .with_context(|| format!("{} has no form", page.url()))?;
        let text = |(name, value): &(&str, &str)| {
            format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let mut body = text(&("csrf", &token));
        body.extend(fields.iter().map(text));
        body.push_str(&format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n"
        ));
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        let form = Form {
            kind: MULTIPART,
            body: [body.as_bytes(), file, end.as_bytes()].concat().into(),
        };
        let url = self.resolve(action)?;
        self.follow(Method::POST, url, Some(form), &[]).await
    }

    /// The cookies by name.
    #[must_use]
    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    fn resolve(&self, path: &str) -> anyhow::Result<Url> {
        let url = self
            .origin
            .join(path)
            .with_context(|| format!("{path} is no path"))?;
        ensure!(
            url.origin() == self.origin.origin(),
            "{url} is not on {}",
            self.origin
        );
        Ok(url)
    }

    async fn follow(
        &mut self,
        mut method: Method,
        mut url: Url,
        mut body: Option<Form>,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<Page> {
        for _ in 0..=REDIRECTS_MAX {
            let page = tokio::time::timeout(ANSWER, self.send(&method, &url, body.take(), headers))
                .await
                .with_context(|| format!("{url} did not answer within {} s", ANSWER.as_secs()))??;
            let Some(place) = page.redirect() else {
                return Ok(page);
            };
            url = self.resolve(
                url.join(&place)
                    .with_context(|| format!("{place} is no place"))?
                    .as_str(),
            )?;
            method = Method::GET;
        }
        bail!("{url} redirects without end")
    }

    async fn send(
        &mut self,
        method: &Method,
        url: &Url,
        body: Option<Form>,
        headers: &[(HeaderName, &str)],
    ) -> anyhow::Result<Page> {
        let mut request = Request::builder().method(method).uri(url.as_str());
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            request = request.header(COOKIE, pairs.join("; "));
        }
        if *method != Method::GET {
            request = request.header(ORIGIN, self.origin.origin().ascii_serialization());
        }
        if let Some(form) = &body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static(form.kind));
        }
        let request = request
            .body(Full::new(body.map(|form| form.body).unwrap_or_default()))
            .context("make a request")?;
        let response = self
            .http
            .request(request)
            .await
            .with_context(|| format!("ask {url}"))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body
            .map_err(|error| anyhow::anyhow!("{error}"))
            .with_context(|| format!("read {url}"))?;
        self.keep_cookies(&parts.headers);
        Ok(Page::new(
            url.clone(),
            parts.status,
            parts.headers,
            body.to_bytes(),
        ))
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for cookie in headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            if value.is_empty() || attributes.to_ascii_lowercase().contains("max-age=0") {
                self.cookies.remove(name.trim());
            } else {
                self.cookies
                    .insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

/// Where a redirect leads.
fn location(status: StatusCode, headers: &HeaderMap) -> Option<String> {
    let place = headers.get(LOCATION)?.to_str().ok()?;
    status.is_redirection().then(|| place.to_owned())
}
