use std::collections::BTreeSet;

use super::*;
use crate::store::runs::RunEnd;
use crate::testing::stores;

const LEASE_MS: u64 = 1_000;

fn worker(name: &str) -> Worker {
    Worker {
        name: name.into(),
        lease_ms: LEASE_MS,
    }
}

async fn order(store: &Store, owner: &str, created_at_ms: u64) -> RunId {
    let id = RunId::random().unwrap();
    let row = RunRow {
        report: "devices".into(),
        title: "Devices".into(),
        owner_id: owner.into(),
        owner_title: owner.into(),
        file_name: "x.docx".into(),
        ..RunRow::queued(id.clone(), created_at_ms)
    };
    store.run_insert(&row).await.unwrap();
    id
}

async fn end(store: &Store, id: &RunId, by: &Worker) -> bool {
    let end = RunEnd {
        state: RunState::Done,
        reason: "",
        finished_at_ms: 9,
        data_sha256: "",
        needs: &[],
        files: &[],
        data: &[],
        data_kept: false,
    };
    store.run_end(id, &by.name, &end).await.unwrap()
}

#[tokio::test]
async fn two_workers_never_have_the_same_run() {
    for store in stores().await {
        let mut ordered = BTreeSet::new();
        for number in 0..40 {
            ordered.insert(order(&store, &format!("p{}", number % 3), number).await);
        }
        let other = store.again().await;
        let take_all = async |store: &Store, name: &str| {
            let mut taken = Vec::new();
            while let Some(run) = store.run_take(&worker(name), true, 100).await.unwrap() {
                taken.push(run.id);
            }
            taken
        };
        let (mut one, two) = tokio::join!(take_all(&store, "one"), take_all(&other, "two"));
        one.extend(two);
        assert_eq!(one.len(), 40);
        assert_eq!(one.into_iter().collect::<BTreeSet<_>>(), ordered);
    }
}

#[tokio::test]
async fn whoever_was_served_longest_ago_is_next() {
    for store in stores().await {
        for number in 0..5 {
            order(&store, "many", number).await;
        }
        order(&store, "late", 10).await;
        order(&store, "later", 11).await;
        let mut served = Vec::new();
        while let Some(run) = store.run_take(&worker("one"), true, 50).await.unwrap() {
            served.push(run.owner_id);
        }
        assert_eq!(
            served,
            ["many", "late", "later", "many", "many", "many", "many"]
        );
    }
}

#[tokio::test]
async fn a_worker_without_a_sign_of_life_loses_its_run_and_has_no_say_in_it() {
    for store in stores().await {
        let (dead, next) = (worker("dead"), worker("next"));
        let id = order(&store, "alice", 1).await;
        let taken = store.run_take(&dead, true, 0).await.unwrap().unwrap();
        assert_eq!((taken.id, taken.state), (id.clone(), RunState::Running));
        assert_eq!(
            store.run_alive(&id, &dead, None, 500).await.unwrap(),
            Some(false)
        );
        // The lease now ends at 1500.
        assert_eq!(store.runs_reclaim(1_500, 1_500).await.unwrap(), []);
        let waits = Reclaimed::Waits(id.clone());
        assert_eq!(store.runs_reclaim(1_501, 1_501).await.unwrap(), [waits]);
        assert!(store.run_take(&next, true, 1_600).await.unwrap().is_some());
        assert_eq!(
            store.run_alive(&id, &dead, None, 1_700).await.unwrap(),
            None
        );
        assert!(!end(&store, &id, &dead).await);
        store.run_give_back(&id, &dead).await.unwrap();
        assert!(end(&store, &id, &next).await);
        assert!(!end(&store, &id, &next).await, "once");
        assert_eq!(store.runs_reclaim(u64::MAX, 0).await.unwrap(), []);
    }
}

#[tokio::test]
async fn after_three_attempts_a_run_fails_in_words() {
    for store in stores().await {
        let id = order(&store, "alice", 1).await;
        let one = worker("one");
        // Given back by a worker that stops: no attempt.
        store.run_take(&one, true, 0).await.unwrap().unwrap();
        store.run_give_back(&id, &one).await.unwrap();
        for attempt in 1..=ATTEMPTS_MAX {
            store.run_take(&one, true, 0).await.unwrap().unwrap();
            let expected = match attempt {
                ATTEMPTS_MAX => Reclaimed::GivenUp(id.clone()),
                _ => Reclaimed::Waits(id.clone()),
            };
            assert_eq!(store.runs_reclaim(2_000, 2_000).await.unwrap(), [expected]);
        }
        let run = store.run(&id).await.unwrap().unwrap();
        assert_eq!(
            (run.state, run.reason.as_str()),
            (RunState::Failed, GIVEN_UP)
        );
        assert_eq!(run.finished_at_ms, Some(2_000));
    }
}

#[tokio::test]
async fn a_run_is_called_off_where_it_is_and_by_its_owner_alone() {
    for store in stores().await {
        let (one, id) = (worker("one"), order(&store, "alice", 1).await);
        let waits = order(&store, "bob", 2).await;
        store.run_take(&one, true, 0).await.unwrap().unwrap();
        let call_off =
            async |owner: &str, id: &RunId| store.run_call_off(owner, id, 7).await.unwrap();
        assert_eq!(call_off("bob", &id).await, CalledOff::Nothing);
        assert_eq!(
            store.run_alive(&id, &one, None, 0).await.unwrap(),
            Some(false)
        );
        assert_eq!(call_off("alice", &id).await, CalledOff::Told);
        assert_eq!(
            store.run_alive(&id, &one, None, 0).await.unwrap(),
            Some(true)
        );
        assert_eq!(call_off("bob", &waits).await, CalledOff::Ended);
        assert_eq!(call_off("bob", &waits).await, CalledOff::Nothing);
    }
}

#[tokio::test]
async fn progress_is_seen_by_all_workers() {
    for store in stores().await {
        let (one, id) = (worker("one"), order(&store, "alice", 1).await);
        let seen = async || store.runs_open().await.unwrap().pop().unwrap().progress;
        assert_eq!(seen().await, Progress::queued());
        store.run_take(&one, true, 0).await.unwrap().unwrap();
        let mut progress = Progress {
            state: RunState::Running,
            ..Progress::queued()
        };
        assert_eq!(seen().await, progress);
        progress.reason = "halfway".into();
        store
            .run_alive(&id, &one, Some(&progress), 1)
            .await
            .unwrap();
        assert_eq!(seen().await, progress);
        store.run_alive(&id, &one, None, 2).await.unwrap();
        assert_eq!(seen().await, progress, "kept");
    }
}

#[tokio::test]
async fn a_duty_has_one_worker_at_a_time() {
    for store in stores().await {
        let (one, two) = (worker("one"), worker("two"));
        let take =
            async |who: &Worker, now_ms| store.duty_take("relay", who, now_ms).await.unwrap();
        assert!(take(&one, 0).await);
        assert!(!take(&two, 1_000).await);
        assert!(take(&one, 900).await, "kept until 1900");
        assert!(!take(&two, 1_900).await);
        assert!(take(&two, 1_901).await);
        assert!(!take(&one, 1_902).await);
        store.duties_give_back(&two).await.unwrap();
        assert!(take(&one, 1_903).await);
    }
}
