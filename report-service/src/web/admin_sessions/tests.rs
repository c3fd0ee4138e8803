use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::auth::tokens::{Maker, NewToken};
use crate::store::tokens::TokenKind;
use crate::web::runs::tests::{Bench, text};
use axum::http::{StatusCode, header};
use std::collections::BTreeSet;

/// A token that somebody made; its public id.
async fn token(bench: &Bench, name: &str, kind: TokenKind) -> String {
    let person_id = format!("main:{name}");
    let maker = Maker {
        person_id: &person_id,
        name,
        title: name,
        groups: &[],
    };
    let order = NewToken {
        kind,
        name: "x".into(),
        scopes: BTreeSet::from([Scope::RunsRead]),
        days: 9,
        reports: Vec::new(),
        tenants: Vec::new(),
    };
    let (row, _) = bench
        .service
        .state()
        .tokens
        .make(maker, &order)
        .await
        .unwrap();
    row.id
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_of_a_person_end_alone_or_with_the_tokens() {
    let bench = Bench::new().await;
    let state = bench.service.state();
    let carol = bench.browser("carol", Site::Admin).await;
    let own = token(&bench, "alice", TokenKind::Personal).await;
    let program = token(&bench, "alice", TokenKind::Service).await;
    let others = token(&bench, "bob", TokenKind::Personal).await;
    let ended = async |id: &str| {
        let row = state.store.token_by_id(id).await.unwrap().unwrap();
        row.ended.map(|(_, reason)| reason)
    };
    let session = async || {
        bench.browser("alice", Site::Forms).await;
        let now_ms = state.clock.now_ms();
        let rows = state.store.sessions_of("main:alice", now_ms).await.unwrap();
        format!("/sessions/{}/end-all", rows[0].id)
    };
    let place = |answer: &axum::response::Response| {
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        answer.headers()[header::LOCATION]
            .to_str()
            .unwrap()
            .to_owned()
    };
    // The sessions alone; the page says what goes on.
    let (_, page) = carol.get("/sessions").await;
    assert!(page.contains("API tokens go on without one"), "{page}");
    let answer = carol.post(&session().await, &[]).await;
    assert_eq!(place(&answer), "/sessions?ended=true");
    assert_eq!(ended(&own).await, None);
    let odd = carol.post(&session().await, &[("tokens", "all")]).await;
    assert_eq!(odd.status(), StatusCode::BAD_REQUEST, "{}", text(odd).await);
    assert_eq!(ended(&own).await, None);
    // With the tokens: those of the person, and of nobody else.
    let answer = carol.post(&session().await, &[("tokens", "revoke")]).await;
    assert_eq!(place(&answer), "/sessions?revoked=true");
    assert_eq!(ended(&own).await.as_deref(), Some("with-all-sessions"));
    assert_eq!((ended(&program).await, ended(&others).await), (None, None));
    let now_ms = state.clock.now_ms();
    let left = state.store.sessions_of("main:alice", now_ms).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
    let (_, page) = carol.get("/sessions?revoked=true").await;
    assert!(page.contains("API tokens revoked"), "{page}");
    let trail = state.store.audit_page(None, 20).await.unwrap();
    let mut acts = trail.iter().filter(|entry| entry.action == "token.revoke");
    let act = acts.next().expect("it is recorded");
    assert_eq!(
        (act.subject.as_str(), act.name.as_str()),
        (own.as_str(), "carol")
    );
    assert!(acts.next().is_none());
}
