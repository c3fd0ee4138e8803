//! The address of a mailbox: the plain form of RFC 5321 §4.1.2, without quoted text, comments and address literals.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest address and longest part before the `@`, in bytes (RFC 5321 §4.5.3.1).
const ADDRESS_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;

/// An address that cannot be anything but one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a mail address such as jo.doe@example.net")]
pub struct AddressError(String);

impl MailAddress {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// What stands after the `@`, in lower case.
    #[must_use]
    pub fn domain(&self) -> String {
        let domain = self.0.rsplit_once('@').map_or("", |(_, domain)| domain);
        domain.to_ascii_lowercase()
    }

    /// Whether its domain is one of these, written out in full.
    #[must_use]
    pub fn is_within(&self, domains: &[String]) -> bool {
        let own = self.domain();
        domains
            .iter()
            .any(|domain| domain.eq_ignore_ascii_case(&own))
    }
}

impl FromStr for MailAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fault = || AddressError(crate::text::escaped(text, 80));
        let (local, domain) = text.split_once('@').ok_or_else(fault)?;
        let label = |label: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let atom = |atom: &str| {
            let plain =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
            !atom.is_empty() && atom.bytes().all(plain)
        };
        let fits = text.len() <= ADDRESS_BYTES_MAX && local.len() <= LOCAL_BYTES_MAX;
        if fits && local.split('.').all(atom) && domain.split('.').all(label) {
            Ok(Self(text.into()))
        } else {
            Err(fault())
        }
    }
}

impl TryFrom<String> for MailAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_and_nothing_else() {
        for good in [
            "jo@example.net",
            "Jo.Doe+reports@mail.example.net",
            "o'neil@example.net",
            "a@localhost",
        ] {
            assert_eq!(good.parse::<MailAddress>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "jo",
            "@example.net",
            "jo@",
            "jo@example..net",
            "jo@-example.net",
            ".jo@example.net",
            "jo.@example.net",
            "jo@example.net ",
            " jo@example.net",
            "jo@exa mple.net",
            "\"jo doe\"@example.net",
            "jo@[127.0.0.1]",
            "Jo <jo@example.net>",
            "jo@example.net,al@example.net",
            "jo@example.net\r\nBcc: al@example.net",
            "jo\n@example.net",
            "jo\0@example.net",
            "jö@example.net",
            "jo@exämple.net",
            "a@b@example.net",
            "jo@example.net>",
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad:?}");
        }
        let long = format!("{}@example.net", "a".repeat(65));
        assert!(long.parse::<MailAddress>().is_err());
    }

    #[test]
    fn a_domain_is_allowed_whole_or_not_at_all() {
        let allowed = ["example.net".to_owned()];
        let check = |text: &str, expected: bool| {
            let address: MailAddress = text.parse().unwrap();
            assert_eq!(address.is_within(&allowed), expected, "{text}");
        };
        check("jo@example.net", true);
        check("jo@EXAMPLE.net", true);
        check("jo@mail.example.net", false);
        check("jo@badexample.net", false);
        check("jo@example.net.evil.test", false);
    }
}
