//! What schedules look like in requests and answers.

use crate::api::runs::order::{All, Tenants};
use crate::api::shapes::{FormatWord, at};
use crate::schedule::{Plan, Rule, Schedule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    pub(super) fn word(self) -> &'static str {
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
    pub(super) fn new(schedule: Schedule) -> Self {
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
