//! What the directory says about somebody.

/// A person's stable id: `<directory>:<entryUUID or objectGUID>`. Renaming somebody does not change it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersonId(String);

impl PersonId {
    /// An id that came out of the store.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Somebody who gave the right password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The stable id.
    pub id: PersonId,
    /// The sign-in name as the directory spells it.
    pub name: String,
    /// The name as people read it.
    pub title: String,
    /// The configured groups they are in, spelt as configured.
    pub groups: Vec<String>,
}

/// What the directory says later about somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Known, open, in these configured groups.
    Good {
        /// Spelt as configured.
        groups: Vec<String>,
    },
    /// The account is disabled or has expired.
    Closed,
    /// No such entry.
    Gone,
}
