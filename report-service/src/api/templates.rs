//! Templates of reports: their versions, new ones, and which one is active, for people who may manage them.

pub mod acts;
pub mod shapes;
pub mod version;

use super::endpoint::{Call, File, Found, Media, Nothing, Operation, add};
use super::problem::Problem;
use crate::auth::scope::Scope;
use crate::reports::Report;
use crate::web::Routes;
use crate::web::errors::PageError;
use crate::web::templates::chosen::{Chosen, chosen};
use crate::web::templates::managed::{self, NotDone, managed};
use axum::http::{Method, StatusCode};
use shapes::{ReportTemplates, TemplateList};
use std::sync::Arc;

const REPORT: &str = "/api/v1/reports/{report}/templates";
const VERSION: &str = "/api/v1/reports/{report}/templates/{version}";
const ACTIVATE: &str = "/api/v1/reports/{report}/templates/{version}/activate";
const FAULTS_STAY: &str = "One with faults is taken as well, and cannot be made active. What kind of file it is says its own content; macros, ActiveX and links to files are refused.";

/// `/templates`, `/reports/{report}/templates` and what is below it.
pub(super) fn routes(routes: Routes) -> Routes {
    of_versions(of_reports(routes))
}

fn about(id: &'static str, summary: &'static str, details: &'static str) -> Operation {
    Operation {
        id,
        summary,
        details,
        scope: Scope::TemplatesWrite,
    }
}

fn of_reports(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::GET, "/api/v1/templates"),
        about(
            "listTemplates",
            "List the reports whose templates one manages",
            "",
        ),
        list,
    );
    let routes = add(
        routes,
        (Method::GET, REPORT),
        about(
            "getTemplates",
            "See the versions of a report's template, and which one is active",
            "",
        ),
        show,
    );
    let routes = add(
        routes,
        (Method::POST, REPORT),
        about(
            "uploadTemplate",
            "Upload a Word file as the next version",
            FAULTS_STAY,
        ),
        acts::upload,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/reports/{report}/templates/starter"),
        about(
            "getStarterTemplate",
            "Fetch a template that shows everything the report has",
            "",
        ),
        starter,
    );
    add(
        routes,
        (Method::POST, "/api/v1/reports/{report}/templates/roll-back"),
        about(
            "rollBackTemplate",
            "Make the version before the active one active again",
            "Of the versions that once were active, the next lower one; the template as shipped is below all.",
        ),
        acts::roll_back,
    )
}

fn of_versions(routes: Routes) -> Routes {
    let routes = add(
        routes,
        (Method::GET, VERSION),
        about(
            "getTemplate",
            "See a version: what is wrong with it, and what it reads",
            "",
        ),
        version::show,
    );
    let routes = add(
        routes,
        (
            Method::GET,
            "/api/v1/reports/{report}/templates/{version}/file",
        ),
        about("getTemplateFile", "Fetch a version as it was uploaded", ""),
        version::file,
    );
    let routes = add(
        routes,
        (
            Method::GET,
            "/api/v1/reports/{report}/templates/{version}/marked",
        ),
        about(
            "getMarkedTemplate",
            "Fetch a copy of a version with a comment at each fault",
            "",
        ),
        version::marked,
    );
    let routes = add(
        routes,
        (
            Method::POST,
            "/api/v1/reports/{report}/templates/{version}/try",
        ),
        about(
            "tryTemplate",
            "Make a document of sample data",
            "About one customer who does not exist, with the good examples of the datasets' contracts.",
        ),
        version::try_out,
    );
    let routes = add(
        routes,
        (Method::POST, ACTIVATE),
        about(
            "activateTemplate",
            "Make a version active",
            "Runs that begin from then on use it. One with faults is refused.",
        ),
        acts::activate,
    );
    add(
        routes,
        (Method::DELETE, VERSION),
        about(
            "removeTemplate",
            "Remove a version that is not active",
            "Its file goes; what is known of it stays.",
        ),
        acts::remove,
    )
}

/// A template.
#[derive(Debug)]
pub struct WordFile;

impl Media for WordFile {
    const TYPES: &'static [&'static str] =
        &["application/vnd.openxmlformats-officedocument.wordprocessingml.document"];
}

async fn list(call: Call, _: Nothing) -> Result<Found<TemplateList>, Problem> {
    let reports = managed::listed(&call.state, &call.user).await?;
    Ok(Found(TemplateList::from(reports)))
}

async fn show(call: Call, _: Nothing) -> Result<Found<ReportTemplates>, Problem> {
    let report = of(&call)?;
    standing(&call, &report).await
}

async fn starter(call: Call, _: Nothing) -> Result<File<WordFile>, Problem> {
    let report = of(&call)?;
    let sent = managed::starter(&call.state, &call.user, &report).await?;
    Ok(File::of(sent))
}

/// How a report's template stands.
async fn standing(call: &Call, report: &Report) -> Result<Found<ReportTemplates>, Problem> {
    let standing = call.state.engine.library().standing(report).await?;
    Ok(Found(ReportTemplates::of(report, standing)))
}

/// The report in the address, whose template the token may manage.
fn of(call: &Call) -> Result<Arc<Report>, Problem> {
    managed(&call.state, &call.user, call.param("report")).map_err(no_template)
}

/// The version in the address.
async fn version_of(call: &Call) -> Result<Chosen, Problem> {
    let address = (call.param("report"), call.param("version"));
    let chosen = chosen(&call.state, &call.user, address).await;
    chosen.map_err(no_template)
}

/// What a page says of an address with nothing behind it says nothing to a program.
fn no_template(page: PageError) -> Problem {
    match page.status() {
        StatusCode::NOT_FOUND => Problem::not_found("There is no such template.").next(
            "List the reports whose templates this token may manage with GET /api/v1/templates.",
        ),
        _ => page.into(),
    }
}

/// Why something was not done, at this place of what was sent.
fn not_done(why: NotDone, place: &str) -> Problem {
    match why {
        NotDone::Unusable(unusable) => Problem::refused("version", unusable.0)
            .next("Make another version active, and upload the file again as a new version."),
        NotDone::Refused(words) => Problem::refused(place, words).next(
            "See the faults of a version with GET /api/v1/reports/{report}/templates/{version}.",
        ),
        NotDone::Late(words) => Problem::conflict(words)
            .at(place)
            .next("See which version is active with GET /api/v1/reports/{report}/templates."),
        NotDone::Failed(page) if page.status() == StatusCode::NOT_FOUND => no_template(page),
        NotDone::Failed(page) => page.into(),
    }
}
