use super::*;
use crate::runs::{BatchId, Formats, RunState, Tally};
use crate::schedule::{Plan, Rule, Timing};
use crate::store::batches::BatchRow;
use crate::testing::stores;

fn schedule(owner: &str, next_at_ms: u64) -> Schedule {
    Schedule {
        id: ScheduleId::random().unwrap(),
        title: "First of the month".into(),
        report: "customer-overview".into(),
        owner_id: owner.into(),
        owner_title: "Owner".into(),
        plan: Plan {
            all: true,
            tenants: Vec::new(),
            off: vec!["globex".parse().unwrap()],
            each: true,
            params: serde_json::Map::new(),
            formats: Formats::Both,
            review: false,
            timing: Timing {
                rule: Rule::Week { days: vec![1, 5] },
                at: "06:00".parse().unwrap(),
                zone: "Europe/Berlin".into(),
                starts: Some("2026-01-01".parse().unwrap()),
                ends: None,
            },
            mail: None,
        },
        paused: false,
        note: String::new(),
        next_at_ms: Some(next_at_ms),
        last_at_ms: 0,
        last_place: String::new(),
        claimed_at_ms: 0,
        created_at_ms: 1,
    }
}

#[tokio::test]
async fn a_schedule_comes_back_as_it_was_and_to_its_owner_alone() {
    for store in stores().await {
        let mine = schedule("main:alice", 5_000);
        store.schedule_put(&mine).await.unwrap();
        let found = store.schedule_of("main:alice", &mine.id).await.unwrap();
        assert_eq!(found, Some(mine.clone()));
        assert_eq!(store.schedule_of("main:bob", &mine.id).await.unwrap(), None);
        store.schedule_delete("main:bob", &mine.id).await.unwrap();
        assert_eq!(store.schedules_of("main:alice").await.unwrap().len(), 1);
        store.schedule_delete("main:alice", &mine.id).await.unwrap();
        assert!(store.schedules().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_is_due_is_taken_up_once() {
    for store in stores().await {
        let due = schedule("main:alice", 5_000);
        store.schedule_put(&due).await.unwrap();
        assert!(store.schedules_due(4_999, 0).await.unwrap().is_empty());
        assert_eq!(
            store.schedules_due(5_000, 0).await.unwrap(),
            vec![due.clone()]
        );
        assert!(
            store
                .schedule_claim(&due, Some(9_000), 6_000)
                .await
                .unwrap()
        );
        assert!(
            !store
                .schedule_claim(&due, Some(9_000), 6_000)
                .await
                .unwrap(),
            "by another"
        );
        // Not due again while it is worked on, nor after; taken up again where it was interrupted.
        assert!(store.schedules_due(9_000, 6_000).await.unwrap().is_empty());
        let broken = store.schedules_due(9_000, 6_001).await.unwrap().remove(0);
        assert_eq!((broken.claimed_at_ms, broken.last_at_ms), (6_000, 6_000));
        assert!(store.schedule_claim_again(&broken, 9_500).await.unwrap());
        assert!(!store.schedule_claim_again(&broken, 9_500).await.unwrap());
        assert!(!store.schedule_ordered(&due.id, 0).await.unwrap());
        store
            .schedule_finish(&due.id, "", Some("/runs/x"))
            .await
            .unwrap();
        store.schedule_finish(&due.id, "note", None).await.unwrap();
        let after = store.schedules_due(9_000, 0).await.unwrap().remove(0);
        assert_eq!(
            (after.last_place.as_str(), after.note.as_str()),
            ("/runs/x", "note")
        );
        store.schedule_pause(&due.id, true, "why").await.unwrap();
        assert!(
            store
                .schedules_due(u64::MAX, u64::MAX)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_batch_is_its_owners_and_is_forgotten_with_its_runs() {
    for store in stores().await {
        let batch = BatchRow {
            id: BatchId::random().unwrap(),
            report: "customer-overview".into(),
            title: "Overview".into(),
            owner_id: "main:alice".into(),
            owner_title: "Alice".into(),
            schedule: String::new(),
            tenants: vec!["acme".parse().unwrap(), "globex".parse().unwrap()],
            created_at_ms: 1_000,
            cancelled_at_ms: 0,
        };
        store.batch_insert(&batch).await.unwrap();
        assert_eq!(store.batch_of("main:bob", &batch.id).await.unwrap(), None);
        store.batch_cancel("main:bob", &batch.id, 5).await.unwrap();
        assert_eq!(
            store.batch_of("main:alice", &batch.id).await.unwrap(),
            Some(batch.clone())
        );
        store
            .batch_cancel("main:alice", &batch.id, 5)
            .await
            .unwrap();
        store
            .batch_cancel("main:alice", &batch.id, 6)
            .await
            .unwrap();
        let listed = store.batches_of("main:alice", 5).await.unwrap();
        assert_eq!(listed[0].cancelled_at_ms, 5, "the first time counts");
        let tally = store.batch_tally(&batch.id).await.unwrap();
        assert!(tally == Tally::default() && tally.is_over());
        store.batches_forget(1_000).await.unwrap();
        assert_eq!(store.batches_of("main:alice", 5).await.unwrap().len(), 1);
        store.batches_forget(1_001).await.unwrap();
        assert!(store.batches_of("main:alice", 5).await.unwrap().is_empty());
    }
}

#[test]
fn a_tally_counts_each_run_once() {
    let mut tally = Tally::default();
    RunState::ALL
        .into_iter()
        .for_each(|state| tally.add(state, 2));
    assert_eq!((tally.total, tally.queued, tally.percent()), (10, 2, 60));
    assert!(!tally.is_over());
}

#[tokio::test]
async fn every_filter_of_runs_is_understood_by_both_databases() {
    use crate::store::runs::RunFilter;
    for store in stores().await {
        let all = RunFilter {
            report: Some("customer-overview".parse().unwrap()),
            tenant: Some("acme".parse().unwrap()),
            state: Some(RunState::Done),
            from_ms: 1,
            before_ms: 2,
        };
        for filter in [all, RunFilter::default()] {
            let found = store.runs_of("main:alice", &filter, 0, 5).await.unwrap();
            assert!(found.is_empty());
        }
    }
}
