//! The pages on which tokens are made and revoked.

use super::bench::{Bench, KINDS, person};
use crate::auth::Site;
use crate::store::StoreKind;
use axum::http::{Method, StatusCode, header};

const POST: Method = Method::POST;
const GET: Method = Method::GET;

/// The token on the page that shows it.
fn shown(page: &str) -> String {
    let after = page
        .split("<code id=\"token\">")
        .nth(1)
        .unwrap_or_else(|| panic!("{page}"));
    after.split('<').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_makes_a_token_sees_it_once_and_revokes_it() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        let alice = bench.session(Site::Forms, &person("alice", &[])).await;
        let fields = [
            ("name", "My <laptop>"),
            ("days", "30"),
            ("scope", "reports:read"),
        ];
        let made = bench
            .browse(Site::Forms, &alice, (POST, "/your-tokens"), &fields)
            .await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.text());
        assert_eq!(made.header(header::CACHE_CONTROL), "no-store");
        let token = shown(&made.text());
        assert_eq!(bench.get(&token, "/reports").await.status, StatusCode::OK);
        let list = bench
            .browse(Site::Forms, &alice, (GET, "/your-tokens"), &[])
            .await
            .text();
        assert!(
            list.contains("My &#60;laptop&#62;") && list.contains("reports:read"),
            "{list}"
        );
        assert!(
            !list.contains(&token) && !list.contains("sgt_"),
            "it is shown once only"
        );
        // Another person's token looks like none.
        let id = bench.state().store.tokens(None).await.unwrap().remove(0).id;
        let revoke = format!("/your-tokens/{id}/revoke");
        let bob = bench.session(Site::Forms, &person("bob", &[])).await;
        let others = bench.browse(Site::Forms, &bob, (POST, &revoke), &[]).await;
        assert_eq!(others.status, StatusCode::NOT_FOUND);
        assert_eq!(bench.get(&token, "/reports").await.status, StatusCode::OK);
        let done = bench
            .browse(Site::Forms, &alice, (POST, &revoke), &[])
            .await;
        assert_eq!(done.header(header::LOCATION), "/your-tokens?revoked=true");
        assert_eq!(bench.get(&token, "/reports").await.problem().1, "revoked");
        for action in ["token.make", "token.revoke"] {
            let entries = bench.audited(action, "allowed").await;
            assert_eq!(entries.len(), 1, "{action}");
            assert!(!entries[0].1.contains("sgt_"), "{entries:?}");
        }
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_with_faults_makes_nothing_and_limits_hold() {
    let more = "[api]\ntokens_per_person_max = 1\ntoken_days_max = 10\n";
    let bench = Bench::with(StoreKind::Sqlite, more).await;
    let alice = bench.session(Site::Forms, &person("alice", &[])).await;
    let make = async |fields: &[(&str, &str)]| {
        bench
            .browse(Site::Forms, &alice, (POST, "/your-tokens"), fields)
            .await
    };
    for (fields, expected) in [
        (vec![("days", "5"), ("scope", "runs:read")], "Write a name"),
        (
            vec![("name", "x"), ("days", "11"), ("scope", "runs:read")],
            "from 1 to 10",
        ),
        (vec![("name", "x"), ("scope", "runs:read")], "from 1 to 10"),
        (
            vec![("name", "x"), ("days", "5")],
            "Choose what the token is for",
        ),
        (
            vec![("name", "x"), ("days", "5"), ("scope", "admin:read")],
            "Choose what the token is for",
        ),
    ] {
        let answer = make(&fields).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{fields:?}"
        );
        assert!(
            answer.text().contains(expected),
            "{fields:?}: {}",
            answer.text()
        );
    }
    let good = [("name", "x"), ("days", "10"), ("scope", "runs:read")];
    assert_eq!(make(&good).await.status, StatusCode::OK);
    let second = make(&good).await;
    assert!(
        second.text().contains("that is the most"),
        "{}",
        second.text()
    );
    assert_eq!(bench.state().store.tokens(None).await.unwrap().len(), 1);
    bench.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_makes_service_tokens_and_revokes_any() {
    let bench = Bench::new(StoreKind::Sqlite).await;
    let carol = bench.session(Site::Admin, &person("carol", &["a"])).await;
    let fields = [
        ("name", "nightly"),
        ("days", "30"),
        ("scope", "reports:read"),
        ("reports", "*"),
        ("tenants", "acme globex"),
    ];
    let made = bench
        .browse(Site::Admin, &carol, (POST, "/tokens"), &fields)
        .await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let token = shown(&made.text());
    assert_eq!(bench.get(&token, "/reports").await.status, StatusCode::OK);
    let list = bench
        .browse(Site::Admin, &carol, (GET, "/tokens"), &[])
        .await
        .text();
    assert!(
        list.contains("nightly") && list.contains("acme, globex"),
        "{list}"
    );
    let mut wrong = fields;
    wrong[4] = ("tenants", "");
    let refused = bench
        .browse(Site::Admin, &carol, (POST, "/tokens"), &wrong)
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let id = bench.state().store.tokens(None).await.unwrap().remove(0).id;
    let revoke = format!("/tokens/{id}/revoke");
    let done = bench
        .browse(Site::Admin, &carol, (POST, &revoke), &[])
        .await;
    assert_eq!(done.header(header::LOCATION), "/tokens?revoked=true");
    assert_eq!(bench.get(&token, "/reports").await.problem().1, "revoked");
    // The page of programs is no page of people.
    let list = bench
        .browse(Site::Admin, &carol, (GET, "/your-tokens"), &[])
        .await
        .text();
    assert!(
        !list.contains("nightly") && list.contains("admin:read"),
        "{list}"
    );
    bench.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_sign_in_asks_for_the_password_first() {
    let bench = Bench::new(StoreKind::Sqlite).await;
    let alice = bench.session(Site::Forms, &person("alice", &[])).await;
    let long_ago = "UPDATE session SET created_at = created_at - 400000";
    let turn = bench.state().store.turn().await.unwrap();
    sqlx::query(long_ago).execute(turn.pool()).await.unwrap();
    drop(turn);
    let fields = [("name", "x"), ("days", "1"), ("scope", "reports:read")];
    let asked = bench
        .browse(Site::Forms, &alice, (POST, "/your-tokens"), &fields)
        .await;
    assert_eq!(
        asked.header(header::LOCATION),
        "/confirm-password?back=%2Fyour-tokens"
    );
    assert!(bench.state().store.tokens(None).await.unwrap().is_empty());
    bench.service.shutdown().await;
}
