//! The navigation of both sites. A page that is not listed here is reached from one that is.

/// Entries that belong together.
#[derive(Debug)]
pub struct Group {
    /// What they have in common; empty where there is one group.
    pub title: &'static str,
    /// In the order in which they are shown.
    pub entries: &'static [Entry],
}

/// One page.
#[derive(Debug)]
pub struct Entry {
    /// Its address.
    pub address: &'static str,
    /// What a page's `active` says when this entry is to be marked.
    pub key: &'static str,
    /// What people call it.
    pub label: &'static str,
}

const fn entry(address: &'static str, key: &'static str, label: &'static str) -> Entry {
    Entry {
        address,
        key,
        label,
    }
}

const FORMS: &[Group] = &[Group {
    title: "",
    entries: &[
        entry("/", "reports", "Reports"),
        entry("/runs", "history", "History"),
        entry("/schedules", "schedules", "Schedules"),
        entry("/reviews", "reviews", "Reviews"),
        // For whoever may manage them.
        entry("/templates", "templates", "Templates"),
    ],
}];

const ADMIN: &[Group] = &[
    Group {
        title: "",
        entries: &[
            entry("/", "home", "Overview"),
            entry("/health", "health", "Health"),
        ],
    },
    Group {
        title: "Reporting",
        entries: &[
            entry("/runs", "runs", "Runs"),
            entry("/schedules", "schedules", "Schedules"),
        ],
    },
    Group {
        title: "Fabric",
        entries: &[
            entry("/customers", "customers", "Customers"),
            entry("/satellites", "satellites", "Satellites"),
            entry("/flows", "flows", "Flows"),
            entry("/datasets", "datasets", "Datasets"),
            entry("/quarantine", "quarantine", "Quarantine"),
        ],
    },
    Group {
        title: "Documents",
        entries: &[
            entry("/templates", "templates", "Templates"),
            entry("/branding", "branding", "Branding"),
        ],
    },
    Group {
        title: "Own systems",
        entries: &[
            entry("/sources", "sources", "Sources"),
            entry("/secrets", "secrets", "Secrets"),
        ],
    },
    Group {
        title: "People",
        entries: &[
            entry("/sessions", "sessions", "Sessions"),
            entry("/throttle", "throttle", "Held back"),
            entry("/tokens", "tokens", "API tokens"),
            entry("/second-factors", "second-factors", "Second factors"),
            entry("/explain-sign-in", "explain", "Explain a sign-in"),
        ],
    },
    Group {
        title: "Proof",
        entries: &[entry("/audit", "audit", "Audit trail")],
    },
];

pub(super) fn of(admin: bool) -> &'static [Group] {
    if admin { ADMIN } else { FORMS }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{admin_routes, forms_routes};

    #[test]
    fn every_entry_leads_to_a_page() {
        for (groups, routes) in [(FORMS, forms_routes()), (ADMIN, admin_routes())] {
            let entries = groups.iter().flat_map(|group| group.entries);
            for entry in entries {
                let mut table = routes.table().iter();
                assert!(
                    table.any(|route| route.method == "GET" && route.path == entry.address),
                    "{entry:?}"
                );
            }
        }
    }
}
