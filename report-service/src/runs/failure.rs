//! What a person reads when data did not come: one sentence of what happened and one of what to do next.

use spokegate_contract::{Failure, FailureClass};

use super::text::shortened;
use crate::text::when;

/// Most characters of a remote party's detail that a sentence repeats.
const DETAIL_CHARS_MAX: usize = 200;

/// How the number of a system's error is written.
const SYSTEM_ERROR: &str = "(os error ";

/// The need that failed, in the words a person knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The customer's title.
    pub(super) tenant: &'a str,
    /// The dataset's title.
    pub(super) dataset: &'a str,
    /// How long the centre waited.
    pub(super) timeout_s: u64,
}

/// The reason in words.
pub(super) fn sentence(wanted: Wanted<'_>, failure: &Failure) -> String {
    let Wanted {
        tenant,
        dataset,
        timeout_s,
    } = wanted;
    let detail = detail(&failure.detail);
    match failure.class {
        FailureClass::Offline => format!(
            "{tenant}: {dataset} could not be fetched because the customer's satellite is not connected{detail}. \
             Have its machine and its internet line checked, then start the report again."
        ),
        FailureClass::Timeout => format!(
            "{tenant}: {dataset} did not arrive within {timeout_s} seconds{detail}. \
             Start the report again; if it happens twice, have the Node-RED flow that supplies it checked."
        ),
        FailureClass::Refused => format!(
            "{tenant}: the request for {dataset} was refused{detail}. \
             Ask an administrator whether this customer's satellite is set up to supply it."
        ),
        FailureClass::Invalid => format!(
            "{tenant}: {dataset} arrived but breaks its contract{detail}. \
             Nothing of it was used; the quarantine page shows the place, for whoever looks after the customer's flow."
        ),
        FailureClass::SourceError => format!(
            "{tenant}: the customer's Node-RED could not supply {dataset}{detail}. \
             Have the flow behind it checked, then start the report again."
        ),
        FailureClass::TooLarge => format!(
            "{tenant}: {dataset} is larger than one report may fetch{detail}. \
             Ask for less, such as a shorter period or a lower row limit."
        ),
    }
}

/// The same where the data is the MSP's own: the source is named by its title.
pub(super) fn central_sentence(wanted: Wanted<'_>, failure: &Failure) -> String {
    let Wanted {
        tenant,
        dataset,
        timeout_s,
    } = wanted;
    let detail = detail(&failure.detail);
    match failure.class {
        FailureClass::Offline => format!(
            "{tenant}: the source {dataset} does not answer{detail}. \
             Start the report again later; if it lasts, have the system behind it checked."
        ),
        FailureClass::Timeout => format!(
            "{tenant}: the source {dataset} did not answer within {timeout_s} seconds or its own limit{detail}. \
             Ask for less, such as a shorter period, or have its query checked."
        ),
        FailureClass::Refused => format!(
            "{tenant}: the source {dataset} could not be asked{detail}. \
             Ask an administrator: the page Sources tries it and shows the reason."
        ),
        FailureClass::Invalid => format!(
            "{tenant}: the source {dataset} gave rows that break their contract{detail}. \
             Nothing of it was used; the page Sources shows the place, for whoever wrote its query."
        ),
        FailureClass::SourceError => format!(
            "{tenant}: the source {dataset} failed{detail}. \
             Ask an administrator: the page Sources tries it and shows the reason."
        ),
        FailureClass::TooLarge => format!(
            "{tenant}: the source {dataset} gives more than one report may fetch{detail}. \
             Ask for less, such as a shorter period, or have its limits raised."
        ),
    }
}

/// What a person reads where older data stands in for what did not come.
pub(super) fn older_words(class: FailureClass, captured_at_ms: u64) -> String {
    let why = match class {
        FailureClass::Offline => "nobody answers there now",
        FailureClass::Timeout => "no answer came in time",
        FailureClass::SourceError => "its source failed",
        FailureClass::Refused => "the request was refused",
        FailureClass::Invalid => "what came breaks its contract",
        FailureClass::TooLarge => "what came is too large",
    };
    format!("older data, as of {}, because {why}", when(captured_at_ms))
}

/// What a person reads in a form where a list of choices did not come.
pub(super) fn list_sentence(wanted: Wanted<'_>, failure: &Failure) -> String {
    let Wanted {
        tenant,
        dataset,
        timeout_s,
    } = wanted;
    let what = match failure.class {
        FailureClass::Offline => "cannot be listed because nobody answers there".to_owned(),
        FailureClass::Timeout => format!("did not arrive within {timeout_s} seconds"),
        FailureClass::Refused => "cannot be listed because the request was refused".to_owned(),
        FailureClass::Invalid => "arrived but breaks its contract".to_owned(),
        FailureClass::SourceError => "cannot be listed because its source failed".to_owned(),
        FailureClass::TooLarge => "is too long to be listed".to_owned(),
    };
    format!("{tenant}: {dataset} {what}{}.", detail(&failure.detail))
}

fn detail(text: &str) -> String {
    let plain = plain(text);
    if plain != text {
        tracing::debug!(error = text, "a failure was told in plainer words");
    }
    let text = shortened(&plain, DETAIL_CHARS_MAX);
    match text.trim_end_matches('.') {
        "" => String::new(),
        text => format!(" ({text})"),
    }
}

/// Without what only a program's author understands: the numbers of the system's errors.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(SYSTEM_ERROR) {
        let digits = after.trim_start_matches(|c: char| c.is_ascii_digit());
        match digits.strip_prefix(')') {
            Some(behind) if digits.len() < after.len() => {
                plain.push_str(before.trim_end());
                rest = behind;
            }
            _ => {
                plain.push_str(before);
                plain.push_str(SYSTEM_ERROR);
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(class: FailureClass, detail: &str, expected: &str) {
        let wanted = Wanted {
            tenant: "Acme Dental Group",
            dataset: "Devices",
            timeout_s: 30,
        };
        let failure = Failure {
            class,
            detail: detail.into(),
        };
        assert_eq!(sentence(wanted, &failure), expected);
    }

    #[test]
    fn every_class_has_its_sentence() {
        check(
            FailureClass::Offline,
            "",
            "Acme Dental Group: Devices could not be fetched because the customer's satellite is not connected. \
             Have its machine and its internet line checked, then start the report again.",
        );
        check(
            FailureClass::Timeout,
            "hq",
            "Acme Dental Group: Devices did not arrive within 30 seconds (hq). \
             Start the report again; if it happens twice, have the Node-RED flow that supplies it checked.",
        );
        check(
            FailureClass::Refused,
            "no source is bound to this dataset.",
            "Acme Dental Group: the request for Devices was refused (no source is bound to this dataset). \
             Ask an administrator whether this customer's satellite is set up to supply it.",
        );
        check(
            FailureClass::Invalid,
            "/3/hostname: maxLength",
            "Acme Dental Group: Devices arrived but breaks its contract (/3/hostname: maxLength). \
             Nothing of it was used; the quarantine page shows the place, for whoever looks after the customer's flow.",
        );
        check(
            FailureClass::SourceError,
            "Node-RED answered with a web page\r\ninstead of JSON",
            "Acme Dental Group: the customer's Node-RED could not supply Devices (Node-RED answered with a web page instead of JSON). \
             Have the flow behind it checked, then start the report again.",
        );
        check(
            FailureClass::TooLarge,
            "more than 8192 chunks",
            "Acme Dental Group: Devices is larger than one report may fetch (more than 8192 chunks). \
             Ask for less, such as a shorter period or a lower row limit.",
        );
    }

    #[test]
    fn numbers_of_system_errors_are_for_the_log() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text), expected, "{text}");
        check("Connection refused (os error 111)", "Connection refused");
        check(
            "a.example (No such file (os error 2)), then (os error 13) again",
            "a.example (No such file), then again",
        );
        for kept in [
            "",
            "an os error",
            "(os error )",
            "(os error x1)",
            "(os error 1",
        ] {
            check(kept, kept);
        }
        let failure = Failure::new(FailureClass::SourceError, "refused (os error 111)");
        let wanted = Wanted {
            tenant: "T",
            dataset: "D",
            timeout_s: 1,
        };
        for text in [
            sentence(wanted, &failure),
            central_sentence(wanted, &failure),
            list_sentence(wanted, &failure),
        ] {
            assert!(text.contains("(refused)"), "{text}");
        }
    }

    #[test]
    fn a_central_source_is_named_and_nobody_is_sent_to_the_customer() {
        let wanted = Wanted {
            tenant: "Acme Dental Group",
            dataset: "Contracts (PSA)",
            timeout_s: 30,
        };
        for class in [
            FailureClass::Offline,
            FailureClass::Timeout,
            FailureClass::Refused,
            FailureClass::Invalid,
            FailureClass::SourceError,
            FailureClass::TooLarge,
        ] {
            let text = central_sentence(wanted, &Failure::new(class, "db:5432"));
            assert!(
                text.starts_with("Acme Dental Group: the source Contracts (PSA) "),
                "{text}"
            );
            assert!(text.contains(" (db:5432)"), "{text}");
            assert!(
                !text.contains("Node-RED") && !text.contains("satellite"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_detail_is_cut_and_stays_on_its_line() {
        let failure = Failure {
            class: FailureClass::Refused,
            detail: format!("\u{7}{}\n", "é".repeat(300)),
        };
        let wanted = Wanted {
            tenant: "T",
            dataset: "D",
            timeout_s: 1,
        };
        let text = sentence(wanted, &failure);
        assert!(!text.contains(char::is_control), "{text}");
        assert_eq!(
            text.matches('é').count(),
            DETAIL_CHARS_MAX - 1,
            "room for the ellipsis"
        );
    }
}
