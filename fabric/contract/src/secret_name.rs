//! Names of a tenant's secrets: what stands as `${NAME}` in a flow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::SECRET_NAME_BYTES_MAX;

/// Names that mean something to Node.js, the loader or the agent, by their beginnings.
const RESERVED: [&str; 8] = [
    "GCONV",
    "HOME",
    "LD_",
    "NODE_",
    "NPM_",
    "PATH",
    "SPOKEGATE_",
    "SSL_CERT_",
];

/// The name of a secret: `[A-Za-z_][A-Za-z0-9_]{0,63}`, and none that a process already reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(Box<str>);

/// Why a text is no name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretNameError {
    /// Another character, a digit in front, or another length.
    #[error(
        "a secret's name has 1 to {SECRET_NAME_BYTES_MAX} of A-Z, a-z, 0-9 and '_', and no digit in front"
    )]
    Text,
    /// Node.js, the loader or the agent reads a variable of this name.
    #[error(
        "names that begin with {} are read by programs themselves, hint: choose another name",
        RESERVED.join(", ")
    )]
    Reserved,
}

impl SecretName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = SecretNameError;

    fn from_str(text: &str) -> Result<Self, SecretNameError> {
        let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let digit_first = text.starts_with(|first: char| first.is_ascii_digit());
        if !good || digit_first || !(1..=SECRET_NAME_BYTES_MAX).contains(&text.len()) {
            return Err(SecretNameError::Text);
        }
        let upper = text.to_ascii_uppercase();
        if RESERVED
            .iter()
            .any(|beginning| upper.starts_with(beginning))
        {
            return Err(SecretNameError::Reserved);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for SecretName {
    type Error = SecretNameError;

    fn try_from(text: String) -> Result<Self, SecretNameError> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> String {
        name.0.into()
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_a_flow_can_use_and_no_program_reads() {
        let longest = "A".repeat(SECRET_NAME_BYTES_MAX);
        let too_long = format!("{longest}A");
        for (text, expected) in [
            ("MAIL_PASSWORD", None),
            ("_x9", None),
            ("Db", None),
            (longest.as_str(), None),
            ("", Some(SecretNameError::Text)),
            (too_long.as_str(), Some(SecretNameError::Text)),
            ("9X", Some(SecretNameError::Text)),
            ("MAIL-PASSWORD", Some(SecretNameError::Text)),
            ("MAIL PASSWORD", Some(SecretNameError::Text)),
            ("MÄIL", Some(SecretNameError::Text)),
            ("A=B", Some(SecretNameError::Text)),
            ("PATH", Some(SecretNameError::Reserved)),
            ("LD_PRELOAD", Some(SecretNameError::Reserved)),
            ("node_options", Some(SecretNameError::Reserved)),
            ("npm_config_registry", Some(SecretNameError::Reserved)),
            ("SPOKEGATE_PUSH_URL", Some(SecretNameError::Reserved)),
        ] {
            assert_eq!(SecretName::from_str(text).err(), expected, "{text}");
        }
    }
}
