//! From a body to a plan: it is held against the same rules as the form on the page.

use super::shapes::NewSchedule;
use crate::api::endpoint::Call;
use crate::api::problem::Problem;
use crate::api::runs::order::{Tenants, chosen, pairs};
use crate::reports::Report;
use crate::runs::Formats;
use crate::schedule::Plan;
use crate::web::reports::picker::TENANT_FIELD;
use crate::web::reports::tenants_for;
use crate::web::schedules::{checked, form};

/// Title and plan, or every fault with its member.
pub(super) async fn read(
    call: &Call,
    report: &Report,
    sent: NewSchedule,
) -> Result<(String, Plan), Problem> {
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
