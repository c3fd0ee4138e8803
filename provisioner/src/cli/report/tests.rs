//! Verbs against the API's description.

use std::collections::BTreeSet;

use clap::CommandFactory as _;
use serde_json::Value;

use super::encoded;
use crate::cli::Operator;

/// Each operation, and the verb that asks it.
const VERBS: &[(&str, &[&str])] = &[
    ("listReports", &["list"]),
    ("getReport", &["show"]),
    ("listOptions", &["options"]),
    ("orderRun", &["run"]),
    ("getRun", &["status"]),
    ("getBatch", &["status"]),
    ("cancelRun", &["cancel"]),
    ("cancelBatch", &["cancel"]),
    ("repeatRun", &["again"]),
    ("getDocument", &["download"]),
    ("getDocuments", &["download"]),
    ("listData", &["data"]),
    ("getData", &["data"]),
    ("getBatchData", &["data"]),
    ("listPages", &["preview"]),
    ("getPage", &["preview"]),
    ("getProof", &["proof"]),
    ("verifyRun", &["proof"]),
    ("listRuns", &["history"]),
    ("listBatches", &["batches"]),
    ("listSchedules", &["schedule", "list"]),
    ("getSchedule", &["schedule", "show"]),
    ("makeSchedule", &["schedule", "set"]),
    ("setSchedule", &["schedule", "set"]),
    ("runSchedule", &["schedule", "run"]),
    ("testMail", &["schedule", "test-mail"]),
    ("switchTenant", &["schedule", "switch"]),
    ("pauseSchedule", &["schedule", "pause"]),
    ("resumeSchedule", &["schedule", "resume"]),
    ("removeSchedule", &["schedule", "remove"]),
    ("listReviews", &["review", "list"]),
    ("getDraft", &["review", "draft"]),
    ("listDraftPages", &["review", "preview"]),
    ("getDraftPage", &["review", "preview"]),
    ("replaceDraft", &["review", "replace"]),
    ("decideReview", &["review", "release"]),
    ("decideReview", &["review", "reject"]),
    ("listTemplates", &["template", "list"]),
    ("getTemplates", &["template", "show"]),
    ("getTemplate", &["template", "show"]),
    ("uploadTemplate", &["template", "upload"]),
    ("getTemplateFile", &["template", "download"]),
    ("getMarkedTemplate", &["template", "download"]),
    ("tryTemplate", &["template", "try"]),
    ("activateTemplate", &["template", "activate"]),
    ("rollBackTemplate", &["template", "roll-back"]),
    ("removeTemplate", &["template", "remove"]),
    ("getStarterTemplate", &["template", "starter"]),
    ("getHealth", &["admin", "health"]),
    ("listSatellites", &["admin", "satellites"]),
    ("listQuarantine", &["admin", "quarantine"]),
    ("readSatelliteLog", &["admin", "logs"]),
    ("searchAudit", &["admin", "audit"]),
    ("listFlows", &["admin", "flows", "list"]),
    ("getFlows", &["admin", "flows", "download"]),
    ("getBrand", &["admin", "brand", "show"]),
    ("getTenantBrand", &["admin", "brand", "show"]),
    ("setBrand", &["admin", "brand", "set"]),
    ("setTenantBrand", &["admin", "brand", "set"]),
    ("removeTenantBrand", &["admin", "brand", "remove"]),
    ("getBrandLogo", &["admin", "brand", "logo"]),
    ("getTenantLogo", &["admin", "brand", "logo"]),
    ("setBrandLogo", &["admin", "brand", "set-logo"]),
    ("setTenantLogo", &["admin", "brand", "set-logo"]),
    ("removeBrandLogo", &["admin", "brand", "remove-logo"]),
    ("removeTenantLogo", &["admin", "brand", "remove-logo"]),
];

#[test]
fn every_operation_has_a_verb_and_every_verb_is_there() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let described: BTreeSet<&str> = operations
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let named: BTreeSet<&str> = VERBS.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(described, named, "each operation has its verb in VERBS");
    let operator = Operator::command();
    for (operation, words) in VERBS {
        let mut command = operator.find_subcommand("report").unwrap();
        for word in *words {
            let below = command.find_subcommand(word);
            command = below.unwrap_or_else(|| panic!("{operation}: there is no verb {words:?}"));
        }
        assert!(!command.has_subcommands(), "{operation}: {words:?}");
    }
}

#[test]
fn a_text_in_an_address_is_its_bytes() {
    let check = |text: &str, expected: &str| assert_eq!(encoded(text), expected);
    check("Over-view_2.docx~", "Over-view_2.docx~");
    check("a b&c=d#e?f/g%", "a%20b%26c%3Dd%23e%3Ff%2Fg%25");
    check("\u{e4}\r\n", "%C3%A4%0D%0A");
    check("", "");
}
