//! Schedules: the list of one's own, setting and changing one, what comes next, and running it now.

pub(crate) mod act;
pub(crate) mod form;
pub(crate) mod keep;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;
use spokegate_contract::TenantId;
use std::sync::Arc;

use super::errors::PageError;
use super::layout::{Page, render};
use super::options;
use super::reports::picker::Picker;
use super::reports::{find, listed, tenants_for};
use super::routes::{Routes, Rule};
use super::session::{FormsUser, SignedIn};
use crate::forms::{Control, FormFaults};
use crate::reports::Report;
use crate::schedule::{Plan, Schedule, ScheduleId, Timing, moment};
use crate::state::AppState;
use form::{Fields, parse};

/// Times that a page shows ahead.
const UPCOMING: usize = 5;

/// `/schedules` and what is below it.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/schedules", Rule::Forms, list)
        .get("/schedules/new/{report}", Rule::Forms, new)
        .post("/schedules/new/{report}", Rule::Forms, create)
        .page("/schedules/{schedule}", Rule::Forms, show)
        .get("/schedules/{schedule}/edit", Rule::Forms, edit)
        .post("/schedules/{schedule}/edit", Rule::Forms, change)
        .post("/schedules/{schedule}/act", Rule::Forms, act::act)
}

#[derive(Template)]
#[template(path = "schedules.html")]
struct ListPage {
    page: Page,
    schedules: Vec<Entry>,
    reports: Vec<Arc<Report>>,
}

struct Entry {
    schedule: Schedule,
    report: Arc<Report>,
    next: String,
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct ShowPage {
    page: Page,
    schedule: Schedule,
    report: Arc<Report>,
    upcoming: Vec<String>,
    last: String,
    tenants: Vec<Switch>,
    offers_mail: bool,
    tested: bool,
}

/// What the page before this one did.
#[derive(Deserialize)]
struct Told {
    tested: Option<String>,
}

/// A customer of a schedule, and whether it is on.
struct Switch {
    id: String,
    title: String,
    on: bool,
}

#[derive(Template)]
#[template(path = "schedule_form.html")]
struct FormPage {
    page: Page,
    report: Arc<Report>,
    target: String,
    picker: Picker,
    controls: Vec<Control>,
    fields: Fields,
    offers_pdf: bool,
    offers_mail: bool,
    domains: String,
    upcoming: Vec<String>,
    fault: String,
    faults: usize,
}

/// A person's own schedule whose report they may still run, or the same answer as for one that does not exist.
pub(crate) async fn own(
    state: &AppState,
    user: &SignedIn,
    id: &str,
) -> Result<(Schedule, Arc<Report>), PageError> {
    let missing = || PageError::not_found("There is no such schedule.");
    let id: ScheduleId = id.parse().map_err(|_| missing())?;
    let schedule = state.store.schedule_of(user.person_id(), &id).await?;
    let schedule = schedule.ok_or_else(missing)?;
    let report = find(state, user, &schedule.report).map_err(|_| missing())?;
    Ok((schedule, report))
}

async fn list(State(state): State<AppState>, user: FormsUser) -> Result<Response, PageError> {
    let schedules = state.store.schedules_of(user.person_id()).await?;
    let entry = |schedule: Schedule| {
        let report = find(&state, &user, &schedule.report).ok()?;
        Some(Entry {
            next: due(&schedule),
            schedule,
            report,
        })
    };
    let reports = listed(&state, &user).cloned().collect();
    render(&ListPage {
        page: Page::new("Schedules", "schedules", &user),
        schedules: schedules.into_iter().filter_map(entry).collect(),
        reports,
    })
}

async fn show(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    Query(told): Query<Told>,
) -> Result<Response, PageError> {
    let (schedule, report) = own(&state, &user, &id).await?;
    let plan = &schedule.plan;
    let may = tenants_for(&state, &user, &report);
    let switches = may
        .iter()
        .filter(|tenant| plan.all || plan.tenants.contains(&tenant.id))
        .map(|tenant| Switch {
            id: tenant.id.to_string(),
            title: tenant.title.clone(),
            on: !plan.off.contains(&tenant.id),
        });
    render(&ShowPage {
        page: Page::new(schedule.title.clone(), "schedules", &user),
        tenants: switches.collect(),
        offers_mail: state.config.mail.is_offered(),
        tested: told.tested.is_some(),
        upcoming: upcoming(&state, &schedule.plan.timing),
        last: match schedule.last_at_ms {
            0 => String::new(),
            at_ms => in_zone(&plan.timing, moment(at_ms)),
        },
        report,
        schedule,
    })
}

async fn new(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let report = find(&state, &user, &id)?;
    let fields = Fields::new(&report.title, &state.config.runs.time_zone);
    let target = format!("/schedules/new/{}", report.id);
    let about = (report, target);
    draw(&state, &user, about, fields, None, &FormFaults::default()).await
}

async fn edit(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (schedule, report) = own(&state, &user, &id).await?;
    let fields = Fields::of(&schedule);
    let pairs = form::sent(&schedule, &report);
    let target = format!("/schedules/{}/edit", schedule.id);
    draw(
        &state,
        &user,
        (report, target),
        fields,
        Some(&pairs),
        &FormFaults::default(),
    )
    .await
}

async fn create(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, PageError> {
    let report = find(&state, &user, &id)?;
    let blank = keep::blank(&state, &user, &report).await?;
    let target = format!("/schedules/new/{}", report.id);
    save(&state, &user, (report, target), blank, &body).await
}

async fn change(
    State(state): State<AppState>,
    user: FormsUser,
    Path(id): Path<String>,
    body: String,
) -> Result<Response, PageError> {
    let (schedule, report) = own(&state, &user, &id).await?;
    let target = format!("/schedules/{}/edit", schedule.id);
    save(&state, &user, (report, target), schedule, &body).await
}

async fn save(
    state: &AppState,
    user: &FormsUser,
    about: (Arc<Report>, String),
    schedule: Schedule,
    body: &str,
) -> Result<Response, PageError> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let fields = Fields::sent(&pairs);
    let only_looks = super::reports::picker::one(&pairs, "act").is_some();
    let read = match parse(state, user, &about.0, &pairs, &fields) {
        Ok(read) if !only_looks => checked((state, user), &about.0, read).await,
        read => read,
    };
    let (title, plan) = match read {
        Ok(read) if !only_looks => read,
        Ok(_) => {
            return draw(
                state,
                user,
                about,
                fields,
                Some(&pairs),
                &FormFaults::default(),
            )
            .await;
        }
        Err(faults) => {
            let faults = if only_looks {
                FormFaults::default()
            } else {
                faults
            };
            let page = draw(state, user, about, fields, Some(&pairs), &faults).await?;
            let status = if only_looks {
                StatusCode::OK
            } else {
                StatusCode::UNPROCESSABLE_ENTITY
            };
            return Ok((status, page).into_response());
        }
    };
    let schedule = keep::set(state, user, schedule, (title, plan)).await?;
    Ok(to(&schedule.id))
}

/// The same, where what was chosen from lists is in them. All customers are those of today.
pub(crate) async fn checked(
    (state, user): (&AppState, &SignedIn),
    report: &Report,
    (title, plan): (String, Plan),
) -> Result<(String, Plan), FormFaults> {
    let may = tenants_for(state, user, report).into_iter();
    let chosen = |id: &TenantId| plan.all || plan.tenants.contains(id);
    let tenants: Vec<TenantId> = may.map(|tenant| tenant.id).filter(chosen).collect();
    let faults = options::check((state, user), report, &tenants, &plan.params).await;
    if faults.is_empty() {
        Ok((title, plan))
    } else {
        Err(faults)
    }
}

fn to(id: &ScheduleId) -> Response {
    let place = format!("/schedules/{id}");
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

async fn draw(
    state: &AppState,
    user: &FormsUser,
    (report, target): (Arc<Report>, String),
    fields: Fields,
    pairs: Option<&[(String, String)]>,
    faults: &FormFaults,
) -> Result<Response, PageError> {
    let tenants = tenants_for(state, user, &report);
    let controls = report.form.controls(pairs, faults);
    let upcoming = fields.timing(&mut FormFaults::default());
    render(&FormPage {
        page: Page::new(format!("Schedule: {}", report.title), "schedules", user),
        picker: Picker::new(&tenants, pairs, faults),
        controls: options::filled((state, user), &report, &tenants, pairs, controls).await,
        upcoming: upcoming
            .map(|timing| self::upcoming(state, &timing))
            .unwrap_or_default(),
        fields: fields.with(faults),
        offers_pdf: state.engine.offers_pdf(),
        offers_mail: state.config.mail.is_offered(),
        domains: state.config.mail.allowed_domains.join(", "),
        fault: faults.of("").unwrap_or_default().into(),
        faults: faults.len(),
        target,
        report,
    })
}

fn upcoming(state: &AppState, timing: &Timing) -> Vec<String> {
    let now = moment(state.clock.now_ms());
    let next = timing.upcoming(now, UPCOMING);
    next.into_iter().map(|at| in_zone(timing, at)).collect()
}

/// When it is due next; empty for never.
pub(super) fn due(schedule: &Schedule) -> String {
    match schedule.next_at_ms {
        Some(at_ms) if !schedule.paused => in_zone(&schedule.plan.timing, moment(at_ms)),
        _ => String::new(),
    }
}

/// The same schedule going on. What was missed meanwhile is not made up for.
pub(super) fn resumed(state: &AppState, schedule: Schedule) -> Schedule {
    let next = schedule
        .plan
        .timing
        .next_after(moment(state.clock.now_ms()));
    Schedule {
        paused: false,
        note: String::new(),
        next_at_ms: next.map(crate::schedule::milliseconds),
        ..schedule
    }
}

/// `Mon 1 Dec 2026, 06:00 CET`.
fn in_zone(timing: &Timing, at: jiff::Timestamp) -> String {
    let zone = TimeZone::get(&timing.zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone)
        .strftime("%a %-d %b %Y, %H:%M %Z")
        .to_string()
}
