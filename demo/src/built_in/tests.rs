use super::*;

/// The rows of a dataset, decoded.
fn rows(dataset: &str, parameters: &Parameters) -> Vec<serde_json::Value> {
    let source = Source {
        tenant: "acme".to_owned(),
        started_ms: 1_790_000_000_000,
        token: Secret::new("t"),
    };
    serde_json::from_str(&source.rows(dataset, parameters).unwrap()).unwrap()
}

#[test]
fn a_limit_gives_that_many_rows_and_a_filter_holds() {
    let check = |dataset, kind: Option<&str>, only_missing, limit, expected| {
        let parameters = Parameters {
            kind: kind.map(str::to_owned),
            only_missing,
            limit,
        };
        assert_eq!(
            rows(dataset, &parameters).len(),
            expected,
            "{dataset} {kind:?} {only_missing:?} {limit:?}"
        );
    };
    check("devices", None, None, None, 24);
    check("devices", None, None, Some(1), 1);
    check("devices", None, None, Some(5_000), 5_000);
    check("devices", Some("server"), None, None, 4);
    check("devices", Some("server"), None, Some(30), 30);
    check("devices", Some("toaster"), None, None, 0);
    check("devices", Some("toaster"), None, Some(30), 0);
    check("patch-status", None, None, None, 12);
    check("patch-status", None, Some(true), Some(40), 40);
    check("backup-jobs", None, None, None, 12);
    check("backup-jobs", None, None, Some(900), 900);
}
