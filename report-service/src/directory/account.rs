//! What a directory's answer to a person's password means. Pure: codes in, reason out.

/// Why a person is not let in. The audit keeps the exact reason; what the person is told is decided in `auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a name or password that could be anybody's; the directory was not asked.
    #[error("bad-input")]
    BadInput,
    /// Nobody has that name.
    #[error("unknown-person")]
    Unknown,
    /// Several entries answer to that name: the directory's or our configuration's fault.
    #[error("ambiguous-person")]
    Ambiguous,
    /// The entry has no stable id to hang sessions on.
    #[error("person-without-id")]
    NoStableId,
    /// The password is wrong.
    #[error("wrong-password")]
    WrongPassword,
    /// The account is disabled.
    #[error("account-disabled")]
    Disabled,
    /// The account has expired.
    #[error("account-expired")]
    AccountExpired,
    /// The directory has locked the account.
    #[error("account-locked")]
    Locked,
    /// Not at this hour.
    #[error("not-at-this-time")]
    NotNow,
    /// Not from this machine.
    #[error("not-from-here")]
    NotHere,
    /// The password is right and has expired.
    #[error("password-expired")]
    PasswordExpired,
    /// The password is right and must be changed first.
    #[error("password-must-change")]
    MustChange,
    /// Another refusal of the directory.
    #[error("refused-by-directory")]
    Other,
}

/// A directory's answer to a bind.
#[derive(Clone, Debug, Default)]
pub(super) struct BindReply {
    /// The LDAP result code.
    pub(super) code: u32,
    /// The diagnostic text, where AD puts its own code.
    pub(super) text: String,
    /// The error of the password policy control, if the server sent one.
    pub(super) policy_error: Option<u8>,
}

/// The password policy request control and its answer (draft-behera-ldap-password-policy-11 §6).
pub(super) const POLICY_CONTROL: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

const SUCCESS: u32 = 0;
const UNWILLING: u32 = 53;
const INVALID_CREDENTIALS: u32 = 49;

/// Accepts a bind that gives its person the right to go on.
pub(super) fn judge(reply: &BindReply) -> Result<(), Refused> {
    match (reply.code, reply.policy_error) {
        // OpenLDAP binds people who must change their password; only the control says so.
        (SUCCESS, Some(2)) => Err(Refused::MustChange),
        (SUCCESS, Some(0)) => Err(Refused::PasswordExpired),
        (SUCCESS, _) => Ok(()),
        (INVALID_CREDENTIALS, Some(0)) => Err(Refused::PasswordExpired),
        (INVALID_CREDENTIALS, Some(1)) => Err(Refused::Locked),
        (INVALID_CREDENTIALS, Some(2)) => Err(Refused::MustChange),
        (INVALID_CREDENTIALS, _) => Err(active_directory(&reply.text)),
        (UNWILLING, _) => Err(Refused::Disabled),
        _ => Err(Refused::Other),
    }
}

/// The `data 52e` in AD's diagnostic text (Windows error codes in hexadecimal).
fn active_directory(text: &str) -> Refused {
    let code = text
        .split("data ")
        .nth(1)
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_hexdigit()).next());
    match code {
        Some("525") => Refused::Unknown,
        Some("530") => Refused::NotNow,
        Some("531") => Refused::NotHere,
        Some("532") => Refused::PasswordExpired,
        Some("533") => Refused::Disabled,
        Some("701") => Refused::AccountExpired,
        Some("773") => Refused::MustChange,
        Some("775") => Refused::Locked,
        _ => Refused::WrongPassword,
    }
}

/// The error in a password policy response: `SEQUENCE { warning [0] OPTIONAL, error [1] ENUMERATED OPTIONAL }`.
pub(super) fn policy_error(value: &[u8]) -> Option<u8> {
    let mut rest = element(value).filter(|(tag, ..)| *tag == 0x30)?.1;
    while let Some((tag, content, after)) = element(rest) {
        if let (0x81, [error]) = (tag, content) {
            return Some(*error);
        }
        rest = after;
    }
    None
}

/// Tag, content and what follows; short-form lengths only, which is all this control needs.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if length >= 0x80 || rest.len() < usize::from(length) {
        return None;
    }
    let (content, after) = rest.split_at(usize::from(length));
    Some((tag, content, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_reason() {
        let check = |code, text: &str, policy_error, expected| {
            assert_eq!(
                judge(&BindReply {
                    code,
                    text: text.to_owned(),
                    policy_error
                }),
                expected,
                "{code} {text}"
            );
        };
        let ad = |data: &str| {
            format!(
                "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data {data}, v4563"
            )
        };
        check(0, "", None, Ok(()));
        check(0, "", Some(2), Err(Refused::MustChange));
        check(0, "", Some(0), Err(Refused::PasswordExpired));
        check(49, "", None, Err(Refused::WrongPassword));
        check(49, "", Some(0), Err(Refused::PasswordExpired));
        check(49, "", Some(1), Err(Refused::Locked));
        check(49, &ad("52e"), None, Err(Refused::WrongPassword));
        check(49, &ad("525"), None, Err(Refused::Unknown));
        check(49, &ad("530"), None, Err(Refused::NotNow));
        check(49, &ad("531"), None, Err(Refused::NotHere));
        check(49, &ad("532"), None, Err(Refused::PasswordExpired));
        check(49, &ad("533"), None, Err(Refused::Disabled));
        check(49, &ad("701"), None, Err(Refused::AccountExpired));
        check(49, &ad("773"), None, Err(Refused::MustChange));
        check(49, &ad("775"), None, Err(Refused::Locked));
        check(49, "data", None, Err(Refused::WrongPassword));
        check(53, "", None, Err(Refused::Disabled));
        check(1, "", None, Err(Refused::Other));
        check(14, "", None, Err(Refused::Other));
    }

    #[test]
    fn the_policy_control_is_read_and_nonsense_is_not() {
        let check =
            |bytes: &[u8], expected| assert_eq!(policy_error(bytes), expected, "{bytes:02x?}");
        check(&[0x30, 0x03, 0x81, 0x01, 0x02], Some(2));
        check(
            &[0x30, 0x08, 0xa0, 0x03, 0x80, 0x01, 0x05, 0x81, 0x01, 0x00],
            Some(0),
        );
        check(&[0x30, 0x00], None);
        check(&[0x30, 0x05, 0xa0, 0x03, 0x80, 0x01, 0x05], None);
        check(&[], None);
        check(&[0x30], None);
        check(&[0x30, 0x7f, 0x81], None);
        check(&[0x30, 0x84, 0, 0, 0, 3, 0x81, 1, 2], None);
        check(&[0x04, 0x03, 0x81, 0x01, 0x02], None);
    }
}
