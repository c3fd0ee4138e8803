//! What people read when they sign in, and where they go next.

use axum::http::StatusCode;

use crate::auth::Site;
use crate::auth::sign_in::Refusal;

/// Longest address to return to after signing in, in bytes.
const RETURN_BYTES_MAX: usize = 512;

/// Why the person sees the sign-in page, from the reason in its address.
pub(super) fn notice(why: &str) -> Option<&'static str> {
    match why {
        "idle" => Some("You were signed out because nothing happened for a while."),
        "age" => Some("You were signed out because you had been signed in for a long time."),
        "access" => Some("You were signed out because your account or your groups have changed."),
        "codes" => {
            Some("There were too many wrong codes. Wait a quarter of an hour, then sign in again.")
        }
        "set-up" => Some(
            "The password is set. The account works while the company directory does not answer.",
        ),
        "ended" => Some("You are signed out."),
        _ => None,
    }
}

/// The status of the page that refuses.
pub(in crate::web) fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Credentials | Refusal::PasswordExpired | Refusal::MustChange => {
            StatusCode::UNAUTHORIZED
        }
        Refusal::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::NoRole { .. } => StatusCode::FORBIDDEN,
    }
}

/// What the person reads on that address.
pub(super) fn sentence_at(refusal: &Refusal, site: Site) -> String {
    let mut text = sentence(refusal);
    if *refusal == Refusal::Unavailable && site == Site::Admin {
        // The same for every name, so that it does not tell which one is the emergency account's.
        text.push_str(
            " If you meant the emergency account: its name or its password is not right.",
        );
    }
    text
}

/// What the person reads.
pub(in crate::web) fn sentence(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Credentials => "The user name or the password is not right.".to_owned(),
        Refusal::PasswordExpired => {
            "Your password has expired. Change it on your computer (on Windows: Ctrl+Alt+Del), then sign in here."
                .to_owned()
        }
        Refusal::MustChange => {
            "You must change your password first. Do so on your computer (on Windows: Ctrl+Alt+Del), then sign in here."
                .to_owned()
        }
        Refusal::TooMany { minutes } => {
            format!("There were too many failed attempts. Wait {minutes} minutes, then try again.")
        }
        Refusal::Unavailable => "The company directory does not answer, so nobody can sign in just now. \
             Your password was not checked. Try again in a few minutes."
            .to_owned(),
        Refusal::NoRole { .. } => "You have no access here.".to_owned(),
    }
}

/// The path to go to after signing in: one of ours, or the first page.
pub(in crate::web) fn local_path(wanted: &str) -> &str {
    let mut characters = wanted.chars();
    let starts_here =
        characters.next() == Some('/') && !matches!(characters.next(), Some('/' | '\\'));
    let plain = wanted
        .chars()
        .all(|character| character.is_ascii_graphic() && character != '\\');
    if starts_here && plain && wanted.len() <= RETURN_BYTES_MAX {
        wanted
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leads_elsewhere() {
        let check =
            |wanted: &str, expected: &str| assert_eq!(local_path(wanted), expected, "{wanted}");
        check("/", "/");
        check(
            "/reports/customer-overview?tenant=acme",
            "/reports/customer-overview?tenant=acme",
        );
        for hostile in [
            "",
            "//evil.test",
            "/\\evil.test",
            "\\\\evil.test",
            "https:evil.test",
            "https://evil.test/",
            "user@evil.test",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x=y",
            "/\t/evil.test",
            "/a\\b",
            &format!("/{}", "a".repeat(600)),
        ] {
            check(hostile, "/");
        }
    }

    #[test]
    fn wrong_name_and_wrong_password_read_the_same() {
        assert_eq!(
            sentence(&Refusal::Credentials),
            "The user name or the password is not right."
        );
        assert!(sentence(&Refusal::Unavailable).contains("Your password was not checked"));
        assert!(sentence(&Refusal::TooMany { minutes: 15 }).contains("Wait 15 minutes"));
    }
}
