use super::*;
use crate::testing::{TestStore, stores};

fn event(number: u64) -> AuditEvent<'static> {
    AuditEvent {
        at_ms: 1_000 + number,
        actor: "main:alice\nsession.start allowed",
        name: "alice",
        action: "session.start",
        decision: Decision::Denied,
        reason: "wrong-password",
        subject: "forms",
        address: "192.0.2.7",
    }
}

async fn stores_with(records: u64) -> [TestStore; 2] {
    let stores = stores().await;
    for store in &stores {
        for number in 0..records {
            assert_eq!(
                store.audit(event(number)).await.unwrap(),
                i64::try_from(number).unwrap() + 1
            );
        }
    }
    stores
}

#[tokio::test]
async fn an_untouched_chain_is_intact() {
    for records in [0, 1, 5] {
        for store in stores_with(records).await {
            assert_eq!(
                store.verify_audit().await.unwrap(),
                ChainState::Intact { records }
            );
        }
    }
}

/// What has been written must verify for ever: these are the hashes of the first two records since there are any.
#[tokio::test]
async fn the_form_of_a_record_stays() {
    for store in stores_with(2).await {
        let hashes: Vec<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM audit ORDER BY sequence")
            .fetch_all(store.pool())
            .await
            .unwrap();
        let hashes: Vec<String> = hashes
            .iter()
            .map(|hash| spokegate_contract::hex::encode(hash))
            .collect();
        assert_eq!(
            hashes,
            [
                "8dddde7803b3016d256556d11bffbba94b00170302e1738e756fefbf5637b784",
                "f64c53b9dadb42fbd3817cff7ac5de31b0aa98d62cea6630f85651a51a83bdf5",
            ]
        );
    }
}

#[tokio::test]
async fn any_change_or_removal_breaks_the_chain() {
    let check = async |tampering: &'static str, expected: u64| {
        for store in stores_with(5).await {
            sqlx::query(tampering).execute(store.pool()).await.unwrap();
            assert_eq!(
                store.verify_audit().await.unwrap(),
                ChainState::BrokenAt { sequence: expected },
                "{tampering}"
            );
        }
    };
    check(
        "UPDATE audit SET decision = 'allowed' WHERE sequence = 3",
        3,
    )
    .await;
    check("UPDATE audit SET at = 1 WHERE sequence = 1", 1).await;
    check(
        "UPDATE audit SET reason = '', subject = reason || subject WHERE sequence = 5",
        5,
    )
    .await;
    check("UPDATE audit SET hash = previous WHERE sequence = 2", 2).await;
    check("DELETE FROM audit WHERE sequence = 3", 4).await;
    check("DELETE FROM audit WHERE sequence = 1", 2).await;
    check(
        "UPDATE audit SET sequence = sequence + 10 WHERE sequence = 5",
        15,
    )
    .await;
}

#[tokio::test]
async fn concurrent_records_make_one_chain() {
    for store in stores().await {
        let other = store.again().await;
        let writers = (0..100).map(|number| match number % 2 {
            0 => store.audit(event(number)),
            _ => other.audit(event(number)),
        });
        let done = futures_util::future::join_all(writers).await;
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        assert_eq!(
            store.verify_audit().await.unwrap(),
            ChainState::Intact { records: 100 }
        );
    }
}

#[tokio::test]
async fn text_from_outside_stays_on_one_line_and_pages_go_backwards() {
    for store in stores_with(5).await {
        pages(&store).await;
    }
}

async fn pages(store: &Store) {
    let page = store.audit_page(None, 2).await.unwrap();
    assert_eq!(
        page.iter()
            .map(|record| record.sequence)
            .collect::<Vec<_>>(),
        [5, 4]
    );
    assert_eq!(page[0].actor, "main:alice\\u{a}session.start allowed");
    let page = store.audit_page(Some(4), 10).await.unwrap();
    assert_eq!(
        page.iter()
            .map(|record| record.sequence)
            .collect::<Vec<_>>(),
        [3, 2, 1]
    );
}

#[tokio::test]
async fn a_long_field_says_that_it_was_cut() {
    for store in stores().await {
        let reason = "r".repeat(FIELD_BYTES_MAX + 1);
        let long = AuditEvent {
            reason: &reason,
            ..event(1)
        };
        store.audit(long).await.unwrap();
        let kept = store.audit_page(None, 1).await.unwrap().remove(0).reason;
        assert!(kept.len() <= FIELD_BYTES_MAX, "{}", kept.len());
        assert!(kept.ends_with("r… (cut, of 513 bytes)"), "{kept}");
        let whole = AuditEvent {
            reason: &reason[1..],
            ..event(2)
        };
        store.audit(whole).await.unwrap();
        let kept = store.audit_page(None, 1).await.unwrap().remove(0).reason;
        assert_eq!(kept, reason[1..]);
        assert_eq!(
            store.verify_audit().await.unwrap(),
            ChainState::Intact { records: 2 }
        );
    }
}
