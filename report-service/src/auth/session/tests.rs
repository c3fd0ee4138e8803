use super::*;
use crate::testing::stores;

const LIMITS: SessionLimits = SessionLimits {
    idle_ms: 1_800_000,
    admin_idle_ms: 900_000,
    absolute_ms: 43_200_000,
    recheck_ms: 300_000,
    stale_ms: 1_800_000,
    per_person_max: 10,
};

fn row() -> SessionRow {
    SessionRow {
        token_sha256: vec![1; 32],
        id: "0011223344556677".to_owned(),
        site: Site::Forms,
        person_id: "main:alice".to_owned(),
        person_name: "alice".to_owned(),
        person_title: "Alice Forms".to_owned(),
        groups: vec!["forms-users".to_owned()],
        created_at: 1_000_000,
        seen_at: 1_000_000,
        checked_at: 1_000_000,
        idle_until: 2_800_000,
        absolute_until: 44_200_000,
        address: "192.0.2.7".to_owned(),
        agent: "test".to_owned(),
        ended: None,
    }
}

#[test]
fn a_row_is_judged_by_its_limits() {
    let check = |change: fn(&mut SessionRow), site, now, expected| {
        let mut row = row();
        change(&mut row);
        assert_eq!(
            judge(&row, site, now, &LIMITS),
            expected,
            "at {now}: {row:?}"
        );
    };
    check(|_| (), Site::Forms, 1_000_000, Verdict::Live);
    check(|_| (), Site::Forms, 1_299_999, Verdict::Live);
    check(|_| (), Site::Forms, 1_300_000, Verdict::Recheck);
    check(|_| (), Site::Forms, 2_799_999, Verdict::Recheck);
    check(|_| (), Site::Forms, 2_800_000, Verdict::Idle);
    check(
        |row| row.idle_until = u64::MAX,
        Site::Forms,
        44_199_999,
        Verdict::Recheck,
    );
    check(
        |row| row.idle_until = u64::MAX,
        Site::Forms,
        44_200_000,
        Verdict::TooOld,
    );
    check(
        |row| row.ended = Some((1_000_001, "sign-out".into())),
        Site::Forms,
        1_000_001,
        Verdict::Ended,
    );
    check(|_| (), Site::Admin, 1_000_000, Verdict::OtherSite);
    check(
        |row| row.site = Site::Admin,
        Site::Forms,
        1_000_000,
        Verdict::OtherSite,
    );
    check(
        |row| row.site = Site::Admin,
        Site::Admin,
        1_000_000,
        Verdict::Live,
    );
}

#[tokio::test]
async fn only_the_hash_of_a_token_is_stored_and_surplus_sessions_end() {
    for store in stores().await {
        surplus(store.clone()).await;
    }
}

async fn surplus(store: Store) {
    for number in 0..3_u8 {
        let mut row = row();
        row.token_sha256 = vec![number; 32];
        row.id = format!("id-{number}");
        row.created_at += u64::from(number);
        store.session_insert(&row).await.unwrap();
    }
    store
        .session_end_surplus("main:alice", Site::Forms, 2, 5_000_000)
        .await
        .unwrap();
    let oldest = store.session_by_token(&[0; 32]).await.unwrap().unwrap();
    assert_eq!(oldest.ended, Some((5_000_000, "too-many".to_owned())));
    assert_eq!(
        store
            .session_by_token(&[2; 32])
            .await
            .unwrap()
            .unwrap()
            .ended,
        None
    );
    assert_eq!(store.session_by_token(&[9; 32]).await.unwrap(), None);

    assert_eq!(
        store
            .session_end_all("main:alice", 6_000_000, "sign-out")
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        store
            .session_end_all("main:alice", 6_000_000, "sign-out")
            .await
            .unwrap(),
        0
    );
    assert!(store.sessions_live(1_000_000, 10).await.unwrap().is_empty());
}
