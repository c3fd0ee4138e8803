//! What lets in and what does not.

use super::bench::{Bench, KINDS, order, person};
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::auth::tokens::Maker;
use crate::store::StoreKind;
use crate::store::tokens::TokenKind;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story")]
async fn a_token_is_good_until_it_expires_or_is_revoked() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        let token = bench.personal("alice", &[], &[Scope::ReportsRead]).await;
        assert!(token.starts_with("sgt_") && token.len() == 47, "{token}");
        let answer = bench.get(&token, "/reports").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json()["reports"][0]["id"], "customer-overview");
        let store = &bench.state().store;
        let row = store.tokens(Some("main:alice")).await.unwrap().remove(0);
        assert!(row.used_at.is_some(), "the use was noted");
        assert!(
            !format!("{row:?}").contains(&token),
            "the token itself is nowhere"
        );
        // Expired.
        let now = bench.state().clock.now_ms();
        let person = person("alice", &[]);
        let maker = Maker {
            person_id: person.id.as_str(),
            name: "alice",
            title: "Alice",
            groups: &person.groups,
        };
        let made = order(TokenKind::Personal, "old", &[Scope::ReportsRead]);
        let (mut old, text) = bench.state().tokens.make(maker, &made).await.unwrap();
        assert!(store.token_end(&old.id, now, "replaced").await.unwrap());
        let revoked = bench.get(text.expose(), "/reports").await;
        assert_eq!(revoked.problem(), (401, "revoked".into()), "{kind:?}");
        old.id = "00112233aabbccdd".into();
        old.token_sha256 = {
            use sha2::Digest as _;
            sha2::Sha256::digest([7; 32]).to_vec()
        };
        old.expires_at = now;
        store.token_insert(&old).await.unwrap();
        let expired = format!("sgt_{}", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc");
        let expired = bench.get(&expired, "/reports").await;
        assert_eq!(expired.problem(), (401, "expired".into()), "{kind:?}");
        assert!(
            expired
                .header(header::WWW_AUTHENTICATE)
                .contains("error=\"invalid_token\""),
            "{:?}",
            expired.headers
        );
        // Revoked.
        assert!(
            store
                .token_end(&row.id, now, "by-its-person")
                .await
                .unwrap()
        );
        assert!(!store.token_end(&row.id, now, "again").await.unwrap());
        let revoked = bench.get(&token, "/reports").await;
        assert_eq!(revoked.problem(), (401, "revoked".into()), "{kind:?}");
        let refused = bench.audited("token.use", "denied").await;
        let reasons: Vec<&str> = refused.iter().map(|(reason, _)| reason.as_str()).collect();
        assert_eq!(
            reasons,
            ["revoked", "expired", "revoked"],
            "each refused use is on record"
        );
        assert!(
            refused[0].1.starts_with(&format!("token {}", row.id)),
            "{refused:?}"
        );
        // What ended long ago is forgotten.
        assert_eq!(store.tokens_sweep(now + 1).await.unwrap(), 3);
        assert_eq!(
            bench.get(&token, "/reports").await.problem(),
            (401, "unknown-token".into())
        );
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_one_bearer_token_lets_in() {
    let bench = Bench::new(StoreKind::Sqlite).await;
    let token = bench.personal("alice", &[], &[Scope::ReportsRead]).await;
    let session = bench.session(Site::Forms, &person("alice", &[])).await;
    let cookie = format!("{}={session}", Site::Forms.cookie());
    let bearer = format!("Bearer {token}");
    let other = format!("Bearer sgt_{}", "A".repeat(43));
    let cut = format!("Bearer {}", &token[..46]);
    let bare = format!("Bearer {}", &token[4..]);
    for (headers, expected) in [
        (vec![], (401, "no-token")),
        (vec![("authorization", "Bearer")], (401, "no-token")),
        (vec![("authorization", token.as_str())], (401, "no-token")),
        (
            vec![("authorization", other.as_str())],
            (401, "unknown-token"),
        ),
        (
            vec![("authorization", cut.as_str())],
            (401, "unknown-token"),
        ),
        (
            vec![("authorization", bare.as_str())],
            (401, "unknown-token"),
        ),
        (
            vec![
                ("authorization", bearer.as_str()),
                ("authorization", bearer.as_str()),
            ],
            (401, "no-token"),
        ),
        // A session is no token, and a token beside a cookie is refused.
        (vec![("cookie", cookie.as_str())], (400, "cookie")),
        (
            vec![
                ("cookie", cookie.as_str()),
                ("authorization", bearer.as_str()),
            ],
            (400, "cookie"),
        ),
    ] {
        let mut request = Request::builder().uri("/api/v1/reports");
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = bench.ask(Site::Forms, request, Body::empty()).await;
        let (status, kind) = answer.problem();
        assert_eq!((status, kind.as_str()), expected, "{headers:?}");
    }
    // Neither a query nor a page takes one.
    let request = Request::builder().uri(format!("/api/v1/reports?token={token}"));
    let answer = bench.ask(Site::Forms, request, Body::empty()).await;
    assert_eq!(answer.problem().0, 401);
    let request = Request::builder()
        .uri("/")
        .header(header::AUTHORIZATION, &bearer);
    let page = bench.ask(Site::Forms, request, Body::empty()).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "a token opens no page");
    // What is not there, and what is not asked so.
    assert_eq!(
        bench.get(&token, "/nothing").await.problem(),
        (404, "not-found".into())
    );
    let wrong = bench.call(&token, (Method::DELETE, "/reports"), None).await;
    assert_eq!(wrong.problem(), (405, "method".into()));
    assert_eq!(bench.get(&token, "/reports").await.status, StatusCode::OK);
    bench.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_told_to_wait() {
    let more = "[api]\nrequests_per_minute_max = 3\n[throttle]\naddress_failures_max = 2\n";
    let bench = Bench::with(StoreKind::Sqlite, more).await;
    let token = bench.personal("alice", &[], &[Scope::ReportsRead]).await;
    let other = bench.personal("alice", &[], &[Scope::ReportsRead]).await;
    for _ in 0..3 {
        assert_eq!(bench.get(&token, "/reports").await.status, StatusCode::OK);
    }
    let fast = bench.get(&token, "/reports").await;
    assert_eq!(fast.problem(), (429, "too-fast".into()));
    let wait: u64 = fast.header(header::RETRY_AFTER).parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(bench.get(&other, "/reports").await.status, StatusCode::OK);
    // Guesses are counted by address; a good token from there is still good.
    let guess = format!("sgt_{}", "A".repeat(43));
    for expected in ["unknown-token", "unknown-token", "too-many-unknown-tokens"] {
        assert_eq!(bench.get(&guess, "/reports").await.problem().1, expected);
    }
    assert_eq!(bench.get(&other, "/reports").await.status, StatusCode::OK);
    bench.service.shutdown().await;
}
