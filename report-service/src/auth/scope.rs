//! What a token of the API may be used for. A scope never gives more than its person or its lists allow.

use super::Site;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One of the things that tokens are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// List reports and see what they take.
    ReportsRead,
    /// Start runs and batches, cancel them, make them again.
    RunsOrder,
    /// See one's own runs and batches, and fetch their documents.
    RunsRead,
    /// Fetch the data that runs were made of.
    DataRead,
    /// See, make, change and remove one's own schedules.
    SchedulesWrite,
    /// See, edit, release and reject documents that are held for review.
    ReviewsRelease,
    /// Upload templates of reports, try them, put them in and out of use.
    TemplatesWrite,
    /// See what administrators see: satellites, quarantine, audit trail, health.
    AdminRead,
    /// Set and remove the brands of the service and of customers.
    BrandWrite,
}

/// A word that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no scope; allowed are {all}", all = Scope::ALL.map(Scope::as_str).join(", "))]
pub struct NoScope(String);

impl Scope {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::ReportsRead,
        Self::RunsOrder,
        Self::RunsRead,
        Self::DataRead,
        Self::SchedulesWrite,
        Self::ReviewsRelease,
        Self::TemplatesWrite,
        Self::AdminRead,
        Self::BrandWrite,
    ];

    /// The word in the store, in pages and in the API's description.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReportsRead => "reports:read",
            Self::RunsOrder => "runs:order",
            Self::RunsRead => "runs:read",
            Self::DataRead => "data:read",
            Self::SchedulesWrite => "schedules:write",
            Self::ReviewsRelease => "reviews:release",
            Self::TemplatesWrite => "templates:write",
            Self::AdminRead => "admin:read",
            Self::BrandWrite => "brand:write",
        }
    }

    /// What it is for, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ReportsRead => "List reports and see what they take",
            Self::RunsOrder => "Start runs and batches, cancel them, make them again",
            Self::RunsRead => "See runs and batches, and fetch their documents",
            Self::DataRead => "Fetch the data that runs were made of",
            Self::SchedulesWrite => "See, make, change and remove schedules",
            Self::ReviewsRelease => "Edit, release and reject documents that are held for review",
            Self::TemplatesWrite => {
                "Upload templates of reports, try them, put them in and out of use"
            }
            Self::AdminRead => "See satellites, quarantine, audit trail, health and brands",
            Self::BrandWrite => "Set and remove the brands of the service and of customers",
        }
    }

    /// The listener whose role it asks for.
    #[must_use]
    pub fn site(self) -> Site {
        match self {
            Self::AdminRead | Self::BrandWrite => Site::Admin,
            _ => Site::Forms,
        }
    }

    /// Whether a service token can have it. A schedule belongs to a person, with whose rights it runs, and templates are
    /// managed by people of groups that may.
    #[must_use]
    pub fn is_for_services(self) -> bool {
        !matches!(self, Self::SchedulesWrite | Self::TemplatesWrite)
    }

    /// Those of a site, in their order.
    pub fn of_site(site: Site) -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(move |scope| scope.site() == site)
    }

    /// Those of some words, each once.
    ///
    /// # Errors
    /// For the first word that is none.
    pub fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<Self>, NoScope> {
        words.into_iter().map(str::parse).collect()
    }
}

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(text: &str) -> Result<Self, NoScope> {
        let mut all = Self::ALL.into_iter();
        all.find(|scope| scope.as_str() == text)
            .ok_or_else(|| NoScope(text.to_owned()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_others_refused() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        for word in ["", "runs", "runs:*", "RUNS:READ", "runs:read ", "*"] {
            let refused = word.parse::<Scope>().unwrap_err().to_string();
            assert!(refused.contains("allowed are reports:read,"), "{refused}");
        }
        let read = Scope::read(["runs:read", "runs:read", "data:read"]).unwrap();
        assert_eq!(read.len(), 2);
        assert!(Scope::read(["runs:read", "all"]).is_err());
    }
}
