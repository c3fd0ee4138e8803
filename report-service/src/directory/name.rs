//! What people type. Checked before anything goes over the network.

use super::account::Refused;
use spokegate_daemon::Secret;

/// Longest name, in bytes: AD's user principal names end at 1,024 characters, real ones are far shorter.
const NAME_BYTES_MAX: usize = 256;
/// Longest password, in bytes.
const PASSWORD_BYTES_MAX: usize = 1024;

/// A sign-in name in one of the spellings that people use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedName {
    form: NameForm,
    normalised: String,
}

/// The spellings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NameForm {
    /// `alice`
    Plain(String),
    /// `alice@corp.test`
    Principal { user: String, suffix: String },
    /// `CORP\alice`
    Domain { domain: String, user: String },
}

impl TypedName {
    /// Reads a name. Spaces around it are not part of it; case does not matter to directories.
    ///
    /// # Errors
    /// When it is empty, too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let text = text.trim();
        if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(Refused::BadInput);
        }
        let form = if let Some((domain, user)) = text.split_once('\\') {
            NameForm::Domain {
                domain: domain.to_owned(),
                user: user.trim().to_owned(),
            }
        } else if let Some((user, suffix)) = text.rsplit_once('@') {
            NameForm::Principal {
                user: user.trim().to_owned(),
                suffix: suffix.to_owned(),
            }
        } else {
            NameForm::Plain(text.to_owned())
        };
        let (NameForm::Plain(user)
        | NameForm::Principal { user, .. }
        | NameForm::Domain { user, .. }) = &form;
        if user.is_empty() {
            return Err(Refused::BadInput);
        }
        let normalised = user.to_lowercase();
        Ok(Self { form, normalised })
    }

    /// The same text for the spellings of one person, for counting failures.
    #[must_use]
    pub fn normalised(&self) -> &str {
        &self.normalised
    }

    pub(super) fn form(&self) -> &NameForm {
        &self.form
    }
}

/// A password that may be sent to a directory. An empty one would bind as nobody, with success (RFC 4513 §5.1.2).
pub struct Password<'a>(&'a Secret);

impl<'a> Password<'a> {
    /// Accepts a password as typed; not a byte of it is changed.
    ///
    /// # Errors
    /// When it is empty, has a NUL or is too long.
    pub fn parse(typed: &'a Secret) -> Result<Self, Refused> {
        let text = typed.expose();
        if text.is_empty() || text.len() > PASSWORD_BYTES_MAX || text.contains('\0') {
            return Err(Refused::BadInput);
        }
        Ok(Self(typed))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_person_count_together() {
        let check = |text: &str, expected: Option<&str>| {
            let name = TypedName::parse(text).ok();
            assert_eq!(
                name.as_ref().map(TypedName::normalised),
                expected,
                "{text:?}"
            );
        };
        check("alice", Some("alice"));
        check(" ALICE\t", Some("alice"));
        check("CORP\\Alice", Some("alice"));
        check("alice@corp.test", Some("alice"));
        check("CORP\\ alice", Some("alice"));
        check("Zoë", Some("zoë"));
        check("*", Some("*"));
        for bad in [
            "",
            " ",
            "a\0b",
            "a\nb",
            "@corp.test",
            "CORP\\",
            "\u{7}",
            &"x".repeat(257),
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_password_is_taken_whole_or_not_at_all() {
        let check = |text: &str, good| {
            assert_eq!(
                Password::parse(&Secret::new(text)).is_ok(),
                good,
                "{text:?}"
            )
        };
        check("x", true);
        check(" spaces around ", true);
        check(
            "🔑 sixty-four characters and more are welcome here, and so they should be",
            true,
        );
        check(&"x".repeat(1024), true);
        check("", false);
        check("a\0b", false);
        check(&"x".repeat(1025), false);
        assert_eq!(
            Password::parse(&Secret::new(" a ")).map(|password| password.expose().to_owned()),
            Ok(" a ".into())
        );
    }
}
