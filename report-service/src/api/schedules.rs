//! One's own schedules: list, make, change, pause, go on, remove.

use super::endpoint::{Call, Done, Found, Made, Nothing, Operation, Sent, add};
use super::problem::Problem;
use super::runs::order::{All, Tenants, chosen, pairs};
use super::shapes::{FormatWord, at};
use crate::auth::scope::Scope;
use crate::reports::Report;
use crate::runs::Formats;
use crate::schedule::{Plan, Rule, Schedule};
use crate::web::Routes;
use crate::web::reports::picker::TENANT_FIELD;
use crate::web::reports::{find, tenants_for};
use crate::web::schedules::{checked, form, keep, own};
use axum::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `/schedules` and what is below it.
pub(super) fn routes(routes: Routes) -> Routes {
    let about = |id, summary, details| Operation {
        id,
        summary,
        details,
        scope: Scope::SchedulesWrite,
    };
    let routes = add(
        routes,
        (Method::GET, "/api/v1/schedules"),
        about("listSchedules", "List one's own schedules", ""),
        list,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/schedules"),
        about(
            "makeSchedule",
            "Make a schedule",
            "It runs with the rights that its owner has at that time.",
        ),
        make,
    );
    let routes = add(
        routes,
        (Method::GET, "/api/v1/schedules/{schedule}"),
        about("getSchedule", "See a schedule", ""),
        show,
    );
    let routes = add(
        routes,
        (Method::PUT, "/api/v1/schedules/{schedule}"),
        about(
            "setSchedule",
            "Change a schedule",
            "The body is the whole of it; its report stays.",
        ),
        change,
    );
    let routes = add(
        routes,
        (Method::DELETE, "/api/v1/schedules/{schedule}"),
        about("removeSchedule", "Remove a schedule", ""),
        remove,
    );
    let routes = add(
        routes,
        (Method::POST, "/api/v1/schedules/{schedule}/pause"),
        about("pauseSchedule", "Let a schedule stand still", ""),
        pause,
    );
    add(
        routes,
        (Method::POST, "/api/v1/schedules/{schedule}/resume"),
        about(
            "resumeSchedule",
            "Let a schedule go on",
            "What was missed meanwhile is not made up for.",
        ),
        resume,
    )
}

/// Which days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Every {
    /// One day alone: `on`.
    Once,
    /// Every day.
    Day,
    /// Monday to Friday.
    Workday,
    /// Days of each week: `weekdays`.
    Week,
    /// A day of each month, the last one where the month is shorter: `day`.
    Month,
    /// The last day of each month.
    MonthEnd,
}

impl Every {
    fn word(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Day => "day",
            Self::Workday => "workday",
            Self::Week => "week",
            Self::Month => "month",
            Self::MonthEnd => "month-end",
        }
    }
}

/// When a schedule is due.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Which days.
    pub every: Every,
    /// The day, of `once`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// 1 (Monday) to 7, of `week`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<i8>,
    /// 1 to 31, of `month`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<i8>,
    /// At what time, such as 06:00.
    pub at: String,
    /// In which time zone, such as Europe/Berlin; the service's own without.
    #[serde(default)]
    pub zone: Option<String>,
    /// Not before this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<String>,
    /// Not after this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
}

/// Who gets it by mail.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// To whom.
    pub to: Vec<String>,
    /// Who gets a copy.
    #[serde(default)]
    pub cc: Vec<String>,
    /// `{title}`, `{tenants}`, `{date}` and `{period}` are filled in; empty for the usual one.
    #[serde(default)]
    pub subject: String,
    /// Plain text above the link or the attachment.
    #[serde(default)]
    pub text: String,
    /// The document itself, not a link to it.
    #[serde(default)]
    pub attach: bool,
}

/// What is set of a schedule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSchedule {
    /// What people call it.
    pub title: String,
    /// The report's id.
    pub report: String,
    /// Ids of customers, or `"all"`, those of tomorrow with them.
    pub tenants: Tenants,
    /// A document for each of them; otherwise one about all of them.
    #[serde(default)]
    pub each: bool,
    /// Which kinds of file.
    #[serde(default)]
    pub format: FormatWord,
    /// The inputs; a period stays a word and means other days each time.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Whether documents are drafts until somebody releases them.
    #[serde(default)]
    pub review: bool,
    /// When.
    pub when: When,
    /// Who gets it by mail.
    #[serde(default)]
    pub mail: Option<Mail>,
}

/// A schedule.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Schedule")]
pub struct ScheduleShape {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// The report's id.
    pub report: String,
    /// Ids of customers, or `"all"`.
    pub tenants: Tenants,
    /// Those of them that are switched off.
    pub off: Vec<String>,
    /// A document for each of them.
    pub each: bool,
    /// Which kinds of file.
    pub format: FormatWord,
    /// The inputs.
    pub parameters: Map<String, Value>,
    /// Whether documents are drafts until somebody releases them.
    pub review: bool,
    /// When.
    pub when: When,
    /// Who gets it by mail.
    pub mail: Option<Mail>,
    /// Whether it stands still.
    pub paused: bool,
    /// Why the last time brought nothing; empty when it did.
    pub note: String,
    /// When it is due; never again without.
    pub next_at: Option<String>,
    /// When it was due last.
    pub last_at: Option<String>,
}

/// Schedules.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ScheduleList {
    /// All of them.
    pub schedules: Vec<ScheduleShape>,
}

impl ScheduleShape {
    fn new(schedule: Schedule) -> Self {
        let plan = schedule.plan;
        let ids =
            |ids: &[spokegate_contract::TenantId]| ids.iter().map(ToString::to_string).collect();
        Self {
            when: when(&plan),
            mail: plan.mail.as_ref().map(mail),
            tenants: match plan.all {
                true => Tenants::All(All::All),
                false => Tenants::These(ids(&plan.tenants)),
            },
            off: ids(&plan.off),
            id: schedule.id.to_string(),
            title: schedule.title,
            report: schedule.report,
            each: plan.each,
            format: plan.formats.into(),
            parameters: plan.params,
            review: plan.review,
            paused: schedule.paused,
            note: schedule.note,
            next_at: schedule.next_at_ms.and_then(at),
            last_at: at(schedule.last_at_ms),
        }
    }
}

fn when(plan: &Plan) -> When {
    let timing = &plan.timing;
    let (every, on, weekdays, day) = match &timing.rule {
        Rule::Once { on } => (Every::Once, Some(on.to_string()), Vec::new(), None),
        Rule::Day => (Every::Day, None, Vec::new(), None),
        Rule::Workday => (Every::Workday, None, Vec::new(), None),
        Rule::Week { days } => (Every::Week, None, days.clone(), None),
        Rule::Month { day } => (Every::Month, None, Vec::new(), Some(*day)),
        Rule::MonthEnd => (Every::MonthEnd, None, Vec::new(), None),
    };
    When {
        every,
        on,
        weekdays,
        day,
        at: timing.at.strftime("%H:%M").to_string(),
        zone: Some(timing.zone.clone()),
        starts: timing.starts.map(|day| day.to_string()),
        ends: timing.ends.map(|day| day.to_string()),
    }
}

fn mail(letter: &crate::mail::Letter) -> Mail {
    let texts = |addresses: &[crate::mail::MailAddress]| {
        addresses
            .iter()
            .map(|one| one.as_str().to_owned())
            .collect()
    };
    Mail {
        to: texts(&letter.to),
        cc: texts(&letter.cc),
        subject: letter.subject.clone(),
        text: letter.text.clone(),
        attach: letter.attach,
    }
}

async fn list(call: Call, _: Nothing) -> Result<Found<ScheduleList>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let schedules = state.store.schedules_of(user.person_id()).await?;
    let may = |schedule: &Schedule| find(state, user, &schedule.report).is_ok();
    let schedules = schedules.into_iter().filter(may).map(ScheduleShape::new);
    Ok(Found(ScheduleList {
        schedules: schedules.collect(),
    }))
}

async fn show(call: Call, _: Nothing) -> Result<Found<ScheduleShape>, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    Ok(Found(ScheduleShape::new(schedule)))
}

async fn make(call: Call, Sent(sent): Sent<NewSchedule>) -> Result<Made<ScheduleShape>, Problem> {
    let (state, user) = (&call.state, &call.user);
    let report =
        find(state, user, &sent.report).map_err(|page| Problem::from(page).at("report"))?;
    let read = read(&call, &report, sent).await?;
    let blank = keep::blank(state, user, &report).await?;
    let schedule = keep::set(state, user, blank, read).await?;
    let place = format!("{}/schedules/{}", super::ROOT, schedule.id);
    Ok(Made(place, ScheduleShape::new(schedule)))
}

async fn change(
    call: Call,
    Sent(sent): Sent<NewSchedule>,
) -> Result<Found<ScheduleShape>, Problem> {
    let (schedule, report) = own(&call.state, &call.user, call.param("schedule")).await?;
    if sent.report != schedule.report {
        return Err(
            Problem::refused("report", "The report of a schedule stays as it is.")
                .allowed(schedule.report)
                .next("Make another schedule."),
        );
    }
    let read = read(&call, &report, sent).await?;
    let schedule = keep::set(&call.state, &call.user, schedule, read).await?;
    Ok(Found(ScheduleShape::new(schedule)))
}

async fn remove(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    keep::remove(&call.state, &call.user, &schedule).await?;
    Ok(Done)
}

async fn pause(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    keep::pause(&call.state, &call.user, &schedule).await?;
    Ok(Done)
}

async fn resume(call: Call, _: Nothing) -> Result<Done, Problem> {
    let (schedule, _) = own(&call.state, &call.user, call.param("schedule")).await?;
    keep::resume(&call.state, &call.user, &schedule).await?;
    Ok(Done)
}

/// Title and plan, held against the same rules as the form on the page.
async fn read(call: &Call, report: &Report, sent: NewSchedule) -> Result<(String, Plan), Problem> {
    let (state, user) = (&call.state, &call.user);
    let known = tenants_for(state, user, report);
    let tenants = chosen(&sent.tenants, &known, usize::MAX)?;
    let mut fields = pairs(&report.form, sent.parameters).map_err(Problem::faulty)?;
    let mut put = |name: &str, text: String| fields.push((name.to_owned(), text));
    match sent.tenants {
        Tenants::All(_) => put("for-all", "yes".into()),
        Tenants::These(_) => tenants
            .iter()
            .for_each(|id| put(TENANT_FIELD, id.to_string())),
    }
    let yes = |truth: bool, word: &str| {
        if truth {
            word.to_owned()
        } else {
            String::new()
        }
    };
    put("schedule-title", sent.title);
    put("as-many", yes(sent.each, "each"));
    put("as-format", Formats::from(sent.format).to_string());
    put("held-back", yes(sent.review, "yes"));
    let when = sent.when;
    put("on-every", when.every.word().into());
    put("on-date", when.on.unwrap_or_default());
    for day in when.weekdays {
        put("on-weekday", day.to_string());
    }
    put(
        "on-day",
        when.day.map(|day| day.to_string()).unwrap_or_default(),
    );
    put("at-time", when.at);
    let zone = when.zone;
    put(
        "in-zone",
        zone.unwrap_or_else(|| state.config.runs.time_zone.clone()),
    );
    put("starts-on", when.starts.unwrap_or_default());
    put("ends-on", when.ends.unwrap_or_default());
    if let Some(mail) = sent.mail {
        put("mail-to", mail.to.join(", "));
        put("mail-cc", mail.cc.join(", "));
        put("mail-subject", mail.subject);
        put("mail-text", mail.text);
        put("mail-attach", yes(mail.attach, "yes"));
    }
    let form_fields = form::Fields::sent(&fields);
    let read = form::parse(state, user, report, &fields, &form_fields);
    let read = match read {
        Ok(read) => checked((state, user), report, read).await,
        Err(faults) => Err(faults),
    };
    read.map_err(|faults| Problem::of_form(&faults, member))
}

/// The member of the body behind a field of the form.
fn member(field: &str) -> String {
    match field {
        "" => "parameters",
        "schedule-title" => "title",
        TENANT_FIELD => "tenants",
        "as-format" => "format",
        "on-every" => "when.every",
        "on-date" => "when.on",
        "on-weekday" => "when.weekdays",
        "on-day" => "when.day",
        "at-time" => "when.at",
        "in-zone" => "when.zone",
        "starts-on" => "when.starts",
        "ends-on" => "when.ends",
        "mail-to" => "mail.to",
        "mail-cc" => "mail.cc",
        "mail-subject" => "mail.subject",
        "mail-text" => "mail.text",
        parameter => return format!("parameters.{parameter}"),
    }
    .to_owned()
}
