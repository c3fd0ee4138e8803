use super::*;

fn row() -> TokenRow {
    TokenRow {
        id: "0011223344556677".into(),
        token_sha256: vec![1; 32],
        kind: TokenKind::Service,
        name: "nightly".into(),
        person_id: "main:carol".into(),
        person_name: "carol".into(),
        person_title: "Carol".into(),
        groups: Vec::new(),
        scopes: vec!["runs:read".into()],
        reports: vec!["weekly".into(), "monthly".into()],
        tenants: vec!["acme".into()],
        created_at: 1_000,
        expires_at: 2_000,
        checked_at: 1_000,
        used_at: None,
        ended: None,
    }
}

#[test]
fn a_row_is_judged_by_its_end_and_its_scopes() {
    let check = |change: fn(&mut TokenRow), scope: Scope, now_ms: u64, expected: &str| {
        let mut row = row();
        change(&mut row);
        let found = judge(&row, scope, now_ms).map_err(|refused| refused.to_string());
        let found = found.err().unwrap_or_else(|| "good".into());
        assert_eq!(found, expected, "at {now_ms}: {row:?}");
    };
    check(|_| (), Scope::RunsRead, 1_999, "good");
    check(|_| (), Scope::RunsRead, 2_000, "expired");
    check(|_| (), Scope::RunsOrder, 1_999, "wrong-scope");
    check(|_| (), Scope::AdminRead, 1_999, "wrong-scope");
    check(
        |row| row.ended = Some((1, String::new())),
        Scope::RunsRead,
        1_999,
        "revoked",
    );
    check(
        |row| row.scopes.clear(),
        Scope::RunsRead,
        1_999,
        "wrong-scope",
    );
    // A word that only begins alike is another.
    check(
        |row| row.scopes = vec!["runs:read2".into()],
        Scope::RunsRead,
        1_999,
        "wrong-scope",
    );
}

#[test]
fn a_program_may_what_its_lists_say() {
    let (weekly, daily) = ("weekly".parse().unwrap(), "daily".parse().unwrap());
    let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
    let rights = service_rights(&row());
    assert!(rights.runs_for(&weekly, &acme) && !rights.releases_for(&weekly, &acme, false));
    assert!(!rights.runs_for(&daily, &acme) && !rights.runs_for(&weekly, &globex));
    let all = service_rights(&TokenRow {
        reports: vec!["*".into()],
        tenants: vec!["*".into()],
        scopes: vec!["reviews:release".into()],
        ..row()
    });
    assert!(
        all.runs_for(&daily, &globex)
            && all.releases_for(&daily, &globex, false)
            && !all.releases_for(&daily, &globex, true)
            && !all.manages_templates()
    );
    let none = service_rights(&TokenRow {
        reports: Vec::new(),
        tenants: vec!["not an id".into()],
        ..row()
    });
    assert!(!none.runs(&weekly) && !none.sees(&acme));
}

#[test]
fn only_the_form_of_a_token_has_a_hash() {
    let body = URL_SAFE_NO_PAD.encode([7; 32]);
    assert!(digest(&format!("sgt_{body}")).is_some());
    for text in [
        String::new(),
        body.clone(),
        format!("SGT_{body}"),
        format!("sgt_{body}A"),
        format!("sgt_{}", &body[1..]),
        format!("sgt_ {body}"),
        format!("sgt_{body}="),
        format!("sgt_{}", "00".repeat(32)),
    ] {
        assert!(digest(&text).is_none(), "{text}");
    }
}
