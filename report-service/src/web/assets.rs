//! Files that pages need, compiled in. Their address carries a fingerprint, so browsers keep them until they change.

use super::errors::PageError;
use super::routes::{Routes, Rule};
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;

/// Name, media type and content of every asset.
const ASSETS: &[(&str, &str, &[u8])] = &[
    (
        "spokegate.css",
        "text/css; charset=utf-8",
        include_bytes!("../../assets/spokegate.css"),
    ),
    (
        "spokegate.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/spokegate.js"),
    ),
    (
        "live.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/live.js"),
    ),
    (
        "form.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/form.js"),
    ),
    (
        "htmx.min.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/htmx.min.js"),
    ),
    (
        "inter-latin.woff2",
        "font/woff2",
        include_bytes!("../../assets/inter-latin.woff2"),
    ),
    (
        "inter-latin-ext.woff2",
        "font/woff2",
        include_bytes!("../../assets/inter-latin-ext.woff2"),
    ),
    (
        "mark.svg",
        "image/svg+xml",
        include_bytes!("../../assets/mark.svg"),
    ),
];

/// `/assets/<name>`, and the icon that browsers ask for unbidden.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes.get("/assets/{name}", Rule::Anyone, serve)
}

/// The address of an asset with its fingerprint.
#[must_use]
pub fn address(name: &str) -> String {
    let content = ASSETS
        .iter()
        .find(|(known, ..)| *known == name)
        .map_or(&b""[..], |(.., content)| *content);
    let fingerprint = hex::encode(&Sha256::digest(content)[..6]);
    format!("/assets/{name}?v={fingerprint}")
}

async fn serve(Path(name): Path<String>) -> Result<Response, PageError> {
    let asset = ASSETS.iter().find(|(known, ..)| *known == name);
    let (_, media_type, content) =
        asset.ok_or_else(|| PageError::not_found("There is no such file."))?;
    let headers = [
        (header::CONTENT_TYPE, *media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, *content).into_response())
}
