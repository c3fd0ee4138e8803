//! JSON over HTTPS: one request a page, no redirect, and values percent-encoded into the places that the address has for
//! them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Request};
use serde::Deserialize;
use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass};
use spokegate_daemon::Clock;
use spokegate_sources::{Columns, Outlet, late, param};
use url::Url;

use super::files::{JsonRows, json_rows};
use crate::outbound::{Outbound, OutboundError, is_allowed};
use crate::secrets::{SecretRef, Secrets};

/// Largest page, in bytes.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most pages of one fetch.
const PAGES_MAX: u32 = 1_000;

/// `[http]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpFile {
    /// With `{name}` in path segments and query values.
    pub(super) url: String,
    #[serde(default)]
    method: HttpMethod,
    /// The only roots trusted; the system's when unset.
    pub(super) ca: Option<PathBuf>,
    /// Plain values, or such as `Bearer secret:NAME`.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Sent as JSON by POST; a text `:name` in it stands for a parameter.
    body: Option<Value>,
    /// JSON pointer to the list of rows.
    #[serde(default)]
    rows: String,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    tenant_field: Option<String>,
    /// JSON pointer to the address of the next page.
    next: Option<String>,
    /// The query parameter with a page's number; pages are asked until one is empty.
    page: Option<String>,
    #[serde(default = "first")]
    page_first: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum HttpMethod {
    #[default]
    Get,
    Post,
}

fn first() -> u64 {
    1
}

impl HttpFile {
    /// Parameters that address and body name.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut rest = self.url.as_str();
        while let Some((_, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            names.push(name.to_owned());
            rest = after;
        }
        let mut texts = Vec::new();
        self.body.iter().for_each(|body| collect(body, &mut texts));
        names.extend(texts);
        names
    }

    /// Secrets that headers name.
    pub(super) fn secrets(&self) -> Vec<SecretRef> {
        let named = |value: &String| secret_in(value).and_then(|(_, secret)| secret.ok());
        self.headers.values().filter_map(named).collect()
    }

    pub(super) fn faults(&self, faults: &mut Vec<String>) {
        let after = self.url.split_once("://").map_or("", |(_, after)| after);
        let host = after.split(['/', '?']).next().unwrap_or_default();
        let filled = fill(&self.url, &|_| Ok("x".into()));
        let good = |text: &str| Url::parse(text).is_ok_and(|url| is_allowed(&url));
        if host.contains(['{', '}']) || !filled.is_ok_and(|url| good(&url)) {
            faults.push("http.url: allowed: https://, or http:// to this machine itself, without user and password; {name} stands in path and query alone".into());
        }
        if fill(&self.url, &|_| Ok("x".into())).is_ok_and(|url| leaves_its_path(&url)) {
            faults.push("http.url: allowed is a path without \".\" and \"..\", and without slashes, backslashes and control characters that are written as %..; hint: write the path that is meant".into());
        }
        if self.body.is_some() && self.method == HttpMethod::Get {
            faults.push("http.body: goes with method = \"POST\"".into());
        }
        if self.next.is_some() && self.page.is_some() {
            faults.push("http.page: allowed: either next or page".into());
        }
        for (name, value) in &self.headers {
            if HeaderName::try_from(name).is_err() {
                faults.push(format!("http.headers: \"{name}\" is no header"));
            }
            if let Some((_, Err(fault))) = secret_in(value) {
                faults.push(format!("http.headers.{name}: {fault}"));
            } else if secret_in(value).is_none() && name.eq_ignore_ascii_case("authorization") {
                faults.push("http.headers.authorization: its value does not belong into this file; allowed: such as \"Bearer secret:NAME\"".into());
            }
        }
    }

    fn shape(&self) -> JsonRows {
        JsonRows {
            rows: self.rows.clone(),
            fields: self.fields.clone(),
            tenant_field: self.tenant_field.clone(),
        }
    }
}

/// A reference within a header's value, and what stands before it.
fn secret_in(value: &str) -> Option<(&str, Result<SecretRef, String>)> {
    let at = value.find("secret:")?;
    let (before, reference) = value.split_at(at);
    Some((before, SecretRef::try_from(reference.to_owned())))
}

fn collect(body: &Value, names: &mut Vec<String>) {
    match body {
        Value::String(text) => names.extend(text.strip_prefix(':').map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(members) => members.values().for_each(|item| collect(item, names)),
        _ => {}
    }
}

/// An HTTP source at work.
pub(super) struct Http<'h> {
    pub(super) file: &'h HttpFile,
    pub(super) outbound: &'h Outbound,
    pub(super) secrets: &'h Secrets,
    pub(super) clock: &'h Clock,
}

impl Http<'_> {
    pub(super) async fn fetch(
        &self,
        params: &Map<String, Value>,
        (tenant, columns, time_ms): (&str, &Columns, u64),
        outlet: &mut Outlet,
    ) -> Result<(), Failure> {
        let end_ms = self.clock.monotonic_ms().saturating_add(time_ms);
        let start = fill(&self.file.url, &|name| encoded(param(params, name)))?;
        if leaves_its_path(&start) {
            return Err(refused("a parameter would change the path of its address"));
        }
        let mut address = Url::parse(&start).map_err(|_| refused("its address is none"))?;
        let origin = address.origin();
        let (headers, shape) = (self.headers().await?, self.file.shape());
        for page in 0..PAGES_MAX {
            if let Some(name) = &self.file.page {
                let mut numbered =
                    Url::parse(&start).map_err(|_| refused("its address is none"))?;
                let number = self.file.page_first + u64::from(page);
                numbered
                    .query_pairs_mut()
                    .append_pair(name, &number.to_string());
                address = numbered;
            }
            let left_ms = end_ms.saturating_sub(self.clock.monotonic_ms());
            if left_ms == 0 {
                return Err(late());
            }
            let body = self.ask(&address, &headers, params, left_ms).await?;
            let rows = json_rows(&shape, &body, (tenant, columns))?;
            let count = rows.len();
            for row in rows {
                outlet.row(row).await?;
            }
            match (&self.file.next, &self.file.page) {
                (Some(pointer), _) => match next(&body, pointer) {
                    Some(link) => {
                        address = address
                            .join(&link)
                            .map_err(|_| refused("its next page has no address"))?;
                        if address.origin() != origin {
                            return Err(refused("its next page is at another server"));
                        }
                    }
                    None => return Ok(()),
                },
                (None, Some(_)) if count > 0 => {}
                _ => return Ok(()),
            }
        }
        let detail = format!("more than {PAGES_MAX} pages");
        Err(Failure::new(FailureClass::TooLarge, &detail))
    }

    async fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
        let mut headers = Vec::new();
        for (name, value) in &self.file.headers {
            let text = match secret_in(value) {
                Some((before, Ok(reference))) => {
                    let secret = self.secrets.get(reference.name()).await;
                    let secret = secret.map_err(|error| refused(&error.to_string()))?;
                    zeroize::Zeroizing::new(format!("{before}{}", secret.expose()))
                }
                _ => zeroize::Zeroizing::new(value.clone()),
            };
            let unfit = || refused(&format!("the header {name} cannot be sent"));
            let mut value = HeaderValue::from_str(&text).map_err(|_| unfit())?;
            value.set_sensitive(true);
            headers.push((HeaderName::try_from(name).map_err(|_| unfit())?, value));
        }
        Ok(headers)
    }

    async fn ask(
        &self,
        address: &Url,
        headers: &[(HeaderName, HeaderValue)],
        params: &Map<String, Value>,
        left_ms: u64,
    ) -> Result<Bytes, Failure> {
        let method = match self.file.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
        };
        let body = self
            .file
            .body
            .as_ref()
            .map(|body| filled(body, params).to_string());
        let mut request = Request::builder()
            .method(method)
            .uri(address.as_str())
            .header("accept", "application/json");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|_| refused("its address cannot be asked"))?;
        let host = address.host_str().unwrap_or_default();
        let time = Duration::from_millis(left_ms);
        let answer = self.outbound.send(request, time, PAGE_BYTES_MAX).await;
        let answer = answer.map_err(|error| match error {
            OutboundError::Late(_) => late(),
            OutboundError::TooLarge(_) => {
                Failure::new(FailureClass::TooLarge, &format!("{host} {error}"))
            }
            OutboundError::Unreachable(_) => {
                Failure::new(FailureClass::Offline, &format!("{host} {error}"))
            }
        })?;
        match answer.status.as_u16() {
            200..=299 => Ok(answer.body),
            300..=399 => Err(refused(&format!(
                "{host} sends elsewhere ({}), which is not followed",
                answer.status.as_u16()
            ))),
            401 | 403 => Err(refused(&format!(
                "{host} refuses the credentials ({})",
                answer.status.as_u16()
            ))),
            status => Err(Failure::new(
                FailureClass::SourceError,
                &format!("{host} answered {status}"),
            )),
        }
    }
}

fn refused(detail: &str) -> Failure {
    Failure::new(FailureClass::Refused, detail)
}

fn next(body: &[u8], pointer: &str) -> Option<String> {
    let whole: Value = serde_json::from_slice(body).ok()?;
    let link = whole.pointer(pointer)?.as_str()?;
    (!link.is_empty()).then(|| link.to_owned())
}

/// The body with values in the places of `:name`.
fn filled(body: &Value, params: &Map<String, Value>) -> Value {
    match body {
        Value::String(text) => match text.strip_prefix(':') {
            Some(name) => param(params, name).clone(),
            None => body.clone(),
        },
        Value::Array(items) => items.iter().map(|item| filled(item, params)).collect(),
        Value::Object(members) => {
            let filled = |(name, value): (&String, &Value)| (name.clone(), filled(value, params));
            Value::Object(members.iter().map(filled).collect())
        }
        other => other.clone(),
    }
}

/// The address with texts in the places of `{name}`.
fn fill(template: &str, text: &dyn Fn(&str) -> Result<String, Failure>) -> Result<String, Failure> {
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| refused("its address opens a { that does not end"))?;
        filled.push_str(before);
        filled.push_str(&text(name)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Whether a segment of an address's path is one that some server or proxy on the way takes for another path: `.` and `..`,
/// a slash or a backslash, control characters, however often they are written as `%..`. What stands in the query is free.
fn leaves_its_path(address: &str) -> bool {
    let after = address
        .split_once("://")
        .map_or(address, |(_, after)| after);
    let path = after.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.split('/').skip(1);
    segments.any(|segment| {
        let mut bytes = segment.as_bytes().to_vec();
        loop {
            let decoded = decoded(&bytes);
            let is_plain = decoded == bytes;
            bytes = decoded;
            if is_plain {
                break;
            }
        }
        // Some servers take what follows a semicolon away first.
        let name = bytes.split(|byte| *byte == b';').next();
        let is_step = matches!(name, Some(b"." | b".."));
        let is_other = |byte: &u8| matches!(byte, b'/' | b'\\') || byte.is_ascii_control();
        is_step || bytes.iter().any(is_other)
    })
}

/// What `%..` stands for, once.
fn decoded(text: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, after)) = rest.split_first() {
        let digits = after.split_first_chunk::<2>().filter(|_| *first == b'%');
        let byte = digits.and_then(|(digits, after)| {
            let digits = std::str::from_utf8(digits).ok()?;
            let [byte] = spokegate_contract::hex::decode_array::<1>(&digits.to_lowercase())?;
            Some((byte, after))
        });
        let (byte, after) = byte.unwrap_or((*first, after));
        decoded.push(byte);
        rest = after;
    }
    decoded
}

/// A value as one piece of an address: it can end no segment and open no other part.
fn encoded(value: &Value) -> Result<String, Failure> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&spokegate_contract::hex::encode(&[byte]).to_uppercase());
        }
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests;
