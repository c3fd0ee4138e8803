//! The pages of a finished document as pictures.

use crate::api::endpoint::{Call, File, Found, Media, Nothing, add};
use crate::api::problem::Problem;
use crate::auth::scope::Scope;
use crate::pdf::PAGES_MAX;
use crate::runs::RunId;
use crate::store::runs::RunRow;
use crate::web::reviews::to_review;
use crate::web::{PageError, Routes, previews};
use axum::http::Method;
use schemars::JsonSchema;
use serde::Serialize;

/// `/runs/{run}/preview` and `/reviews/{run}/preview`, and the pictures below them.
pub(super) fn routes(routes: Routes) -> Routes {
    let (list, picture) = (
        "Draw the pages of a document, and list them",
        "Fetch a page of a document as a picture, once the pages are drawn",
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/runs/{run}/preview"),
        super::about("listPages", list, "", Scope::RunsRead),
        pages_of_run,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/runs/{run}/preview/{page}"),
        super::about("getPage", picture, "", Scope::RunsRead),
        page_of_run,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/reviews/{run}/preview"),
        super::about("listDraftPages", list, "", Scope::ReviewsRelease),
        pages_of_draft,
    );
    add(
        routes,
        (Method::GET, "/api/v1/reviews/{run}/preview/{page}"),
        super::about("getDraftPage", picture, "", Scope::ReviewsRelease),
        page_of_draft,
    )
}

/// The pages of a document.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PageList {
    /// At most how many are drawn; a longer document goes on.
    pub most: u32,
    /// Where each picture is, in order.
    pub hrefs: Vec<String>,
}

/// A picture.
pub struct Picture;

impl Media for Picture {
    const TYPES: &'static [&'static str] = &["image/png"];
}

async fn pages_of_run(call: Call, _: Nothing) -> Result<Found<PageList>, Problem> {
    let found = previews::out(&call.state, &call.user, call.param("run")).await?;
    previews::looks(&call.state, &call.user, previews::OWN, found.0.as_str()).await?;
    list(&call, "runs", found).await
}

async fn pages_of_draft(call: Call, _: Nothing) -> Result<Found<PageList>, Problem> {
    let found = to_review(&call.state, &call.user, call.param("run")).await?;
    let what = previews::draft_of(&found.1);
    previews::looks(&call.state, &call.user, what, found.0.as_str()).await?;
    list(&call, "reviews", found).await
}

async fn list(
    call: &Call,
    folder: &str,
    (id, run): (RunId, RunRow),
) -> Result<Found<PageList>, Problem> {
    let count = call.state.engine.preview(&run).await;
    let count = count.map_err(PageError::unavailable)?;
    let href = |page| format!("{}/{folder}/{id}/preview/{page}", crate::api::ROOT);
    Ok(Found(PageList {
        most: PAGES_MAX,
        hrefs: (1..=count).map(href).collect(),
    }))
}

async fn page_of_run(call: Call, _: Nothing) -> Result<File<Picture>, Problem> {
    let (id, _) = previews::out(&call.state, &call.user, call.param("run")).await?;
    picture(&call, &id, previews::OWN).await
}

async fn page_of_draft(call: Call, _: Nothing) -> Result<File<Picture>, Problem> {
    let (id, run) = to_review(&call.state, &call.user, call.param("run")).await?;
    picture(&call, &id, previews::draft_of(&run)).await
}

async fn picture(
    call: &Call,
    id: &RunId,
    what: (&'static str, &'static str),
) -> Result<File<Picture>, Problem> {
    let page = call.param("page").parse::<u32>();
    let page = page.map_err(|_| {
        Problem::not_found("There is no such page.")
            .at("page")
            .allowed(format!("1 to {PAGES_MAX}"))
    })?;
    let subject = format!("{id} page {page}");
    previews::looks(&call.state, &call.user, what, &subject).await?;
    let sent = previews::picture(&call.state, id, page).await?;
    Ok(File::of(sent))
}
