//! The form of a schedule: from what was sent to a plan, and back.

use serde_json::Value;

use crate::forms::{FieldKind, FormFaults};
use crate::mail::{Letter, MailAddress, RECEIVERS_MAX, SUBJECT_CHARS_MAX, TEXT_CHARS_MAX};
use crate::reports::Report;
use crate::runs::Formats;
use crate::schedule::{Plan, Rule, Schedule, Timing};
use crate::state::AppState;
use crate::web::reports::picker::{TENANT_FIELD, chosen, one, wants_all};
use crate::web::reports::{BATCH_MAX, TENANTS_MAX, tenants_for};
use crate::web::session::SignedIn;

/// Longest name of a schedule, in characters.
const TITLE_CHARS_MAX: usize = 120;

/// What the page shows beside customers and inputs: texts as they were typed, and what is wrong with them.
#[derive(Default)]
pub(crate) struct Fields {
    pub(crate) title: String,
    pub(crate) each: bool,
    pub(crate) format: String,
    pub(crate) review: bool,
    pub(crate) every: String,
    pub(crate) on: String,
    pub(crate) weekdays: Vec<i8>,
    pub(crate) day: String,
    pub(crate) at: String,
    pub(crate) zone: String,
    pub(crate) starts: String,
    pub(crate) ends: String,
    pub(crate) to: String,
    pub(crate) cc: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) attach: bool,
    faults: FormFaults,
}

impl Fields {
    /// A new one: on the first of each month at six.
    pub(crate) fn new(title: &str, zone: &str) -> Self {
        Self {
            title: title.into(),
            format: "docx".into(),
            every: "month".into(),
            day: "1".into(),
            at: "06:00".into(),
            zone: zone.into(),
            ..Self::default()
        }
    }

    /// As a schedule has them.
    pub(crate) fn of(schedule: &Schedule) -> Self {
        let plan = &schedule.plan;
        let timing = &plan.timing;
        let day = |date: Option<jiff::civil::Date>| date.map(|d| d.to_string()).unwrap_or_default();
        let mut fields = Self {
            title: schedule.title.clone(),
            each: plan.each,
            format: plan.formats.to_string(),
            review: plan.review,
            at: timing.at.strftime("%H:%M").to_string(),
            zone: timing.zone.clone(),
            starts: day(timing.starts),
            ends: day(timing.ends),
            day: "1".into(),
            ..Self::default()
        };
        fields.every = match &timing.rule {
            Rule::Once { on } => {
                fields.on = on.to_string();
                "once"
            }
            Rule::Day => "day",
            Rule::Workday => "workday",
            Rule::Week { days } => {
                fields.weekdays.clone_from(days);
                "week"
            }
            Rule::Month { day } => {
                fields.day = day.to_string();
                "month"
            }
            Rule::MonthEnd => "month-end",
        }
        .into();
        if let Some(letter) = &plan.mail {
            let all = |list: &[MailAddress]| {
                let list: Vec<&str> = list.iter().map(MailAddress::as_str).collect();
                list.join(", ")
            };
            (fields.to, fields.cc) = (all(&letter.to), all(&letter.cc));
            fields.subject.clone_from(&letter.subject);
            fields.text.clone_from(&letter.text);
            fields.attach = letter.attach;
        }
        fields
    }

    /// As they were sent.
    pub(crate) fn sent(pairs: &[(String, String)]) -> Self {
        let text = |name: &str| one(pairs, name).unwrap_or_default().trim().to_owned();
        let weekdays = pairs.iter().filter(|(name, _)| name == "on-weekday");
        Self {
            title: text("schedule-title"),
            each: text("as-many") == "each",
            format: text("as-format"),
            review: text("held-back") == "yes",
            every: text("on-every"),
            on: text("on-date"),
            weekdays: weekdays.filter_map(|(_, day)| day.parse().ok()).collect(),
            day: text("on-day"),
            at: text("at-time"),
            zone: text("in-zone"),
            starts: text("starts-on"),
            ends: text("ends-on"),
            to: text("mail-to"),
            cc: text("mail-cc"),
            subject: text("mail-subject"),
            text: text("mail-text").replace("\r\n", "\n"),
            attach: text("mail-attach") == "yes",
            faults: FormFaults::default(),
        }
    }

    /// With what is wrong with them.
    pub(crate) fn with(self, faults: &FormFaults) -> Self {
        Self {
            faults: faults.clone(),
            ..self
        }
    }

    /// The sentence about one of them.
    pub(crate) fn fault(&self, name: &str) -> &str {
        self.faults.of(name).unwrap_or_default()
    }

    /// Whether a day of the week is ticked.
    pub(crate) fn has_weekday(&self, day: &i8) -> bool {
        self.weekdays.contains(day)
    }

    /// When it is due, or what is wrong with it.
    pub(crate) fn timing(&self, faults: &mut FormFaults) -> Option<Timing> {
        let before = faults.len();
        let mut date = |name: &str, text: &str| match text.parse() {
            Ok(date) => Some(date),
            Err(_) if text.is_empty() => None,
            Err(_) => {
                faults.add(name, "Enter a day as year-month-day, such as 2026-01-31.");
                None
            }
        };
        let (starts, ends, on) = (
            date("starts-on", &self.starts),
            date("ends-on", &self.ends),
            date("on-date", &self.on),
        );
        if ends.is_some_and(|ends: jiff::civil::Date| starts.is_some_and(|starts| ends < starts)) {
            faults.add("ends-on", "The last day is before the first.");
        }
        if jiff::tz::TimeZone::get(&self.zone).is_err() {
            faults.add("in-zone", "Write a time zone such as Europe/Berlin or UTC.");
        }
        let time = Some(&self.at).filter(|at| at.len() == 5);
        let at = time.and_then(|at| at.parse().ok());
        if at.is_none() {
            faults.add("at-time", "Enter a time such as 06:00.");
        }
        let rule = self.rule(on, faults);
        if faults.len() > before {
            return None;
        }
        Some(Timing {
            rule: rule?,
            at: at?,
            zone: self.zone.clone(),
            starts,
            ends,
        })
    }

    fn rule(&self, on: Option<jiff::civil::Date>, faults: &mut FormFaults) -> Option<Rule> {
        match self.every.as_str() {
            "once" => {
                if on.is_none() {
                    faults.add("on-date", "Choose the day.");
                }
                on.map(|on| Rule::Once { on })
            }
            "day" => Some(Rule::Day),
            "workday" => Some(Rule::Workday),
            "week" => {
                let mut days = self.weekdays.clone();
                days.sort_unstable();
                days.dedup();
                if days.is_empty() || days.iter().any(|day| !(1..=7).contains(day)) {
                    faults.add("on-weekday", "Choose at least one day of the week.");
                    return None;
                }
                Some(Rule::Week { days })
            }
            "month" => {
                let day = self.day.parse().ok().filter(|day| (1..=31).contains(day));
                if day.is_none() {
                    faults.add("on-day", "Enter a day from 1 to 31.");
                }
                day.map(|day| Rule::Month { day })
            }
            "month-end" => Some(Rule::MonthEnd),
            _ => {
                faults.add("on-every", "Choose one of these.");
                None
            }
        }
    }

    fn letter(&self, domains: &[String], faults: &mut FormFaults) -> Option<Letter> {
        let to = addresses("mail-to", &self.to, domains, faults);
        let cc = addresses("mail-cc", &self.cc, domains, faults);
        if to.is_empty() {
            if !cc.is_empty() {
                faults.add(
                    "mail-to",
                    "Somebody must receive it before others get a copy.",
                );
            }
            return None;
        }
        if to.len() + cc.len() > RECEIVERS_MAX {
            faults.add(
                "mail-to",
                format!("At most {RECEIVERS_MAX} people receive a letter."),
            );
        }
        if self.subject.chars().count() > SUBJECT_CHARS_MAX
            || self.subject.contains(char::is_control)
        {
            faults.add(
                "mail-subject",
                format!("Write one line of at most {SUBJECT_CHARS_MAX} characters."),
            );
        }
        let odd = |c: char| c.is_control() && c != '\n' && c != '\t';
        if self.text.chars().count() > TEXT_CHARS_MAX || self.text.contains(odd) {
            faults.add(
                "mail-text",
                format!("Write at most {TEXT_CHARS_MAX} characters of plain text."),
            );
        }
        Some(Letter {
            to,
            cc,
            subject: self.subject.clone(),
            text: self.text.clone(),
            attach: self.attach,
        })
    }
}

fn addresses(
    name: &str,
    text: &str,
    domains: &[String],
    faults: &mut FormFaults,
) -> Vec<MailAddress> {
    let parts = text.split([',', ';', ' ', '\n']).map(str::trim);
    let mut found = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        match part.parse::<MailAddress>() {
            Ok(address) if !address.is_within(domains) => {
                let allowed = domains.join(", ");
                faults.add(
                    name,
                    format!(
                        "Letters to {} are not allowed; allowed are: {allowed}.",
                        address.domain()
                    ),
                );
            }
            Ok(address) if !found.contains(&address) => found.push(address),
            Ok(_) => {}
            Err(error) => faults.add(name, format!("{error}.")),
        }
    }
    found
}

/// Title and plan, or what is wrong with what was sent.
pub(crate) fn parse(
    state: &AppState,
    user: &SignedIn,
    report: &Report,
    pairs: &[(String, String)],
    fields: &Fields,
) -> Result<(String, Plan), FormFaults> {
    let mut faults = FormFaults::default();
    let length = fields.title.chars().count();
    if length == 0 || length > TITLE_CHARS_MAX || fields.title.contains(char::is_control) {
        let sentence = format!("Write a name of 1 to {TITLE_CHARS_MAX} characters on one line.");
        faults.add("schedule-title", sentence);
    }
    let all = wants_all(pairs);
    let known = tenants_for(state, user, report);
    let max = if fields.each { BATCH_MAX } else { TENANTS_MAX };
    let tenants = chosen(pairs, &known, max, &mut faults);
    let params = report.form.read(pairs).and_then(|params| {
        let checked = report.check_params(&params);
        checked.map(|()| params).map_err(|sentence| {
            let mut faults = FormFaults::default();
            faults.add("", sentence);
            faults
        })
    });
    let formats: Formats = fields.format.parse().unwrap_or_default();
    let offered = state.engine.offers_pdf() || formats == Formats::Word;
    if !offered {
        faults.add("as-format", "PDF is not offered here.");
    }
    let timing = fields.timing(&mut faults);
    let mail = fields.letter(&state.config.mail.allowed_domains, &mut faults);
    match (params, timing) {
        (Ok(params), Some(timing)) if faults.is_empty() => Ok((
            fields.title.clone(),
            Plan {
                all,
                tenants: if all { Vec::new() } else { tenants },
                off: Vec::new(),
                each: fields.each,
                params,
                formats,
                review: fields.review,
                timing,
                mail,
            },
        )),
        (Err(found), _) => Err(found.and(faults)),
        _ => Err(faults),
    }
}

/// What a browser would send for a schedule's customers and inputs.
pub(crate) fn sent(schedule: &Schedule, report: &Report) -> Vec<(String, String)> {
    let plan = &schedule.plan;
    let mut pairs = Vec::new();
    if plan.all {
        pairs.push(("for-all".to_owned(), "yes".to_owned()));
    }
    let tenants = plan.tenants.iter();
    pairs.extend(tenants.map(|tenant| (TENANT_FIELD.to_owned(), tenant.to_string())));
    for field in report.form.fields() {
        let text = match plan.params.get(&field.name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => continue,
        };
        match (&field.kind, text.split_once('/')) {
            (FieldKind::Period, Some((first, last))) => {
                pairs.push((field.name.clone(), crate::forms::OWN_DAYS.into()));
                pairs.push((format!("{}-from", field.name), first.into()));
                pairs.push((format!("{}-to", field.name), last.into()));
            }
            _ => pairs.push((field.name.clone(), text)),
        }
    }
    pairs
}

/// A plan that is filled in next.
pub(crate) fn blank() -> Plan {
    Plan {
        all: false,
        tenants: Vec::new(),
        off: Vec::new(),
        each: false,
        params: serde_json::Map::new(),
        formats: Formats::Word,
        review: false,
        timing: Timing {
            rule: Rule::Day,
            at: jiff::civil::Time::midnight(),
            zone: "UTC".into(),
            starts: None,
            ends: None,
        },
        mail: None,
    }
}
