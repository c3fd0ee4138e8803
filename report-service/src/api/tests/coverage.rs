//! What the pages can do and the API cannot: each route of a page that changes something names its operation, or why
//! there is none.

use crate::web::{Rule, admin_routes, forms_routes};
use axum::http::Method;
use std::collections::BTreeSet;

/// The operation of a page's act; for an act of several, all of them.
enum Way {
    Operations(&'static [&'static str]),
    PageOnly(&'static str),
}
use Way::{Operations, PageOnly};

const SESSIONS: &str = "it is about sessions of browsers, which the API does not take";
const PASSWORD: &str = "it asks for the password again, which no program has";
const ADMIN: &str =
    "administrators change things on pages alone: the scopes of their listener read";

/// Each act of a page.
const ACTS: &[(&str, Way)] = &[
    ("/sign-in", PageOnly(SESSIONS)),
    ("/second-factor", PageOnly(SESSIONS)),
    ("/sign-out", PageOnly(SESSIONS)),
    ("/sign-out-everywhere", PageOnly(SESSIONS)),
    ("/confirm-password", PageOnly(PASSWORD)),
    ("/your-sessions/{id}/end", PageOnly(SESSIONS)),
    ("/your-tokens", PageOnly(PASSWORD)),
    (
        "/your-tokens/{id}/revoke",
        PageOnly("a token that leaked must not end the others"),
    ),
    ("/reports/{report}", Operations(&["orderRun"])),
    (
        "/reports/{report}/options/{field}",
        Operations(&["listOptions"]),
    ),
    ("/runs/{run}/cancel", Operations(&["cancelRun"])),
    ("/runs/{run}/again", Operations(&["repeatRun"])),
    ("/runs/{run}/proof", Operations(&["verifyRun"])),
    ("/batches/{batch}/cancel", Operations(&["cancelBatch"])),
    ("/schedules/new/{report}", Operations(&["makeSchedule"])),
    ("/schedules/{schedule}/edit", Operations(&["setSchedule"])),
    (
        "/schedules/{schedule}/act",
        Operations(&[
            "runSchedule",
            "testMail",
            "pauseSchedule",
            "resumeSchedule",
            "switchTenant",
            "removeSchedule",
        ]),
    ),
    ("/reviews/{run}/decide", Operations(&["decideReview"])),
    ("/reviews/{run}/upload", Operations(&["replaceDraft"])),
    (
        "/templates/{report}/upload",
        Operations(&["uploadTemplate"]),
    ),
    (
        "/templates/{report}/roll-back",
        Operations(&["rollBackTemplate"]),
    ),
    (
        "/templates/{report}/{version}/try",
        Operations(&["tryTemplate"]),
    ),
    (
        "/templates/{report}/{version}/activate",
        Operations(&["activateTemplate"]),
    ),
    (
        "/templates/{report}/{version}/remove",
        Operations(&["removeTemplate"]),
    ),
    ("/break-glass/{token}", PageOnly(SESSIONS)),
    ("/break-glass-seen", PageOnly(ADMIN)),
    (
        "/branding",
        Operations(&["setBrand", "setBrandLogo", "removeBrandLogo"]),
    ),
    (
        "/customers/{tenant}/brand",
        Operations(&["setTenantBrand", "setTenantLogo", "removeTenantLogo"]),
    ),
    (
        "/customers/{tenant}/brand/remove",
        Operations(&["removeTenantBrand"]),
    ),
    ("/datasets/{dataset}/{version}/try", PageOnly(ADMIN)),
    ("/explain-sign-in", PageOnly(ADMIN)),
    ("/health/look", PageOnly(ADMIN)),
    ("/schedules/{schedule}/pause", PageOnly(ADMIN)),
    ("/schedules/{schedule}/resume", PageOnly(ADMIN)),
    ("/second-factors/reset", PageOnly(ADMIN)),
    ("/secrets", PageOnly(PASSWORD)),
    ("/secrets/{name}/remove", PageOnly(PASSWORD)),
    ("/sessions/{id}/end", PageOnly(SESSIONS)),
    ("/sessions/{id}/end-all", PageOnly(SESSIONS)),
    ("/sources/{id}/try", PageOnly(ADMIN)),
    ("/throttle/clear", PageOnly(ADMIN)),
    ("/tokens", PageOnly(PASSWORD)),
    ("/tokens/{id}/revoke", PageOnly(PASSWORD)),
];

#[test]
fn every_act_of_a_page_has_an_operation_or_a_reason() {
    let mut acts = BTreeSet::new();
    let mut operations = BTreeSet::new();
    for routes in [forms_routes(), admin_routes()] {
        for entry in routes.table() {
            match (&entry.described, entry.rule) {
                (Some(described), Rule::Api(_)) => {
                    let id = described.operation["operationId"].as_str().unwrap();
                    operations.insert(id.to_owned());
                }
                _ if entry.method != Method::GET => drop(acts.insert(entry.path)),
                _ => {}
            }
        }
    }
    let named: BTreeSet<&str> = ACTS.iter().map(|(path, _)| *path).collect();
    assert_eq!(named.len(), ACTS.len(), "no act is named twice");
    assert_eq!(
        acts, named,
        "each act of a page stands in ACTS, with its operation or a reason"
    );
    for (path, way) in ACTS {
        match way {
            Operations(ids) => {
                for id in *ids {
                    assert!(
                        operations.contains(*id),
                        "{path}: there is no operation {id}"
                    );
                }
            }
            PageOnly(reason) => assert!(reason.len() > 20, "{path}: say why"),
        }
    }
}
