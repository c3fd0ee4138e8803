//! What a secret is called, and how it is referred to.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 64;
/// What a reference starts with.
const PREFIX: &str = "secret:";

/// The name of a secret: `a-z`, `0-9`, `-`, `_` and `.`, starting with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

/// A text that is no name of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no name of a secret; allowed: 1 to {NAME_CHARS_MAX} of a-z, 0-9, '-', '_' and '.', the first a letter or digit"
)]
pub struct NoSecretName;

impl SecretName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SecretName {
    type Err = NoSecretName;

    fn from_str(text: &str) -> Result<Self, NoSecretName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts = text.bytes().next().is_some_and(plain);
        let rest = |byte: u8| plain(byte) || matches!(byte, b'-' | b'_' | b'.');
        if starts && text.len() <= NAME_CHARS_MAX && text.bytes().all(rest) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoSecretName)
        }
    }
}

/// `secret:NAME`: where a file names a secret instead of holding it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct SecretRef(SecretName);

impl SecretRef {
    /// Whose value is meant.
    #[must_use]
    pub fn name(&self) -> &SecretName {
        &self.0
    }
}

impl TryFrom<String> for SecretRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The text is not repeated: it may be the secret itself, written where its name belongs.
        let name = text.strip_prefix(PREFIX).ok_or(
            "this is not a reference; allowed: \"secret:NAME\", hint: put the value into the store with `spokegate-reports secret set NAME`",
        )?;
        name.parse()
            .map(Self)
            .map_err(|error: NoSecretName| format!("what stands after \"secret:\" {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        let check = |text: &str, good: bool| {
            assert_eq!(text.parse::<SecretName>().is_ok(), good, "{text:?}");
        };
        check("psa-db", true);
        check("0.a_b", true);
        check(&"a".repeat(64), true);
        for bad in ["", "-a", ".a", "A", "a b", "a/b", "../a", "ä", "a\n"] {
            check(bad, false);
        }
        check(&"a".repeat(65), false);
    }

    #[test]
    fn a_value_in_the_place_of_a_reference_is_not_repeated() {
        let good = SecretRef::try_from("secret:psa-db".to_owned()).unwrap();
        assert_eq!(good.name().as_str(), "psa-db");
        for bad in ["hunter2", "secret:Hunter 2", "Secret:hunter2", "secret:"] {
            let said = SecretRef::try_from(bad.to_owned()).unwrap_err();
            assert!(!said.to_lowercase().contains("hunter"), "{said}");
        }
    }
}
