use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use spokegate_contract::FailureClass;
use spokegate_daemon::ManualClock;
use tokio::sync::Semaphore;

use super::*;

const START_MS: u64 = 1_800_000_000_000;
const AGE_MS: u64 = 60_000;
const BYTES_MAX: usize = 40_000;

/// Answers its parameters and how often it was asked; waits for leave, fails as often as it should.
#[derive(Debug)]
struct Counted {
    asked: AtomicUsize,
    failures: AtomicUsize,
    row_bytes: usize,
    leave: Semaphore,
}

impl Source for Counted {
    fn ask<'a>(
        &'a self,
        params: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Box<dyn Answer>, Failure>> {
        async move {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            self.leave.acquire().await.unwrap().forget();
            let fails = |left: usize| left.checked_sub(1);
            let failures = &self.failures;
            if failures
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails)
                .is_ok()
            {
                let detail = format!("failure {number}");
                return Err(Failure::new(FailureClass::SourceError, &detail));
            }
            let text = json!({ "params": params, "asked": number }).to_string();
            let mut batches = Vec::new();
            for row in [text.into_bytes(), vec![b'x'; self.row_bytes]] {
                let mut batch = Batch::default();
                let written = batch.push(|out| {
                    out.extend_from_slice(&row);
                    Ok::<_, ()>(())
                });
                written.unwrap();
                batches.push(batch);
            }
            Ok(Box::new(Given(Mutex::new(batches.into_iter()))) as Box<dyn Answer>)
        }
        .boxed()
    }

    fn origin(&self) -> String {
        "counted".to_owned()
    }

    fn health(&self) -> BoxFuture<'_, SourceHealth> {
        async { SourceHealth::Up }.boxed()
    }
}

struct Given(Mutex<std::vec::IntoIter<Batch>>);

impl Answer for Given {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Batch>, Failure>> {
        let batch = self.0.get_mut().unwrap().next();
        async move { Ok(batch) }.boxed()
    }
}

struct Scene {
    source: Arc<Counted>,
    shelf: Arc<Shelf>,
    clock: Clock,
    hand: ManualClock,
}

impl Scene {
    fn new(row_bytes: usize) -> Self {
        let (clock, hand) = Clock::manual(START_MS);
        let source = Counted {
            asked: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
            row_bytes,
            leave: Semaphore::new(1_000),
        };
        Self {
            source: Arc::new(source),
            shelf: Arc::new(Shelf::new(BYTES_MAX)),
            clock,
            hand,
        }
    }

    fn cached(&self, dataset: &str, version: u16) -> Cached {
        Cached {
            source: Arc::clone(&self.source) as Arc<dyn Source>,
            dataset: dataset.parse().unwrap(),
            version,
            max_age_ms: AGE_MS,
            shelf: Arc::clone(&self.shelf),
            clock: self.clock.clone(),
        }
    }

    /// Lets nobody through until everybody has asked.
    async fn together<T>(&self, all: impl Future<Output = T>) -> T {
        self.source.leave.forget_permits(1_000);
        let open = async { self.source.leave.add_permits(1_000) };
        // In this order.
        tokio::join!(biased; all, open).0
    }

    fn asked(&self) -> usize {
        self.source.asked.load(Ordering::SeqCst)
    }
}

/// The answer's first row, how many bytes all have, and when it was taken.
async fn ask(source: &Cached, params: Value) -> Result<(Value, usize, u64), Failure> {
    let Value::Object(params) = params else {
        unreachable!("parameters are an object");
    };
    let mut answer = source.ask(&params).await?;
    let captured_at_ms = answer.captured_at_ms().unwrap();
    let (mut first, mut bytes) = (None, 0);
    while let Some(batch) = answer.next().await? {
        for row in batch.rows() {
            bytes += row.len();
            first.get_or_insert_with(|| serde_json::from_slice(row).unwrap());
        }
    }
    Ok((first.unwrap(), bytes, captured_at_ms))
}

/// Which question of the source the answer is from.
async fn number(source: &Cached, params: Value) -> Value {
    ask(source, params).await.unwrap().0["asked"].clone()
}

#[tokio::test]
async fn an_answer_stands_for_its_age_and_not_longer() {
    let scene = Scene::new(10);
    let devices = scene.cached("devices", 1);
    let first = ask(&devices, json!({})).await.unwrap();
    assert_eq!(first.2, START_MS);
    scene.hand.advance(AGE_MS);
    assert_eq!(ask(&devices, json!({})).await.unwrap(), first);
    assert_eq!(scene.asked(), 1);
    scene.hand.advance(1);
    let second = ask(&devices, json!({})).await.unwrap();
    assert_eq!(
        (&second.0["asked"], second.2),
        (&json!(2), START_MS + AGE_MS + 1)
    );
    assert!(scene.shelf.bytes() < 2 * 700, "the old one is gone");
}

#[tokio::test]
async fn it_stands_for_no_other_dataset_version_or_parameters() {
    let scene = Scene::new(10);
    let (devices, other) = (scene.cached("devices", 1), scene.cached("devices", 2));
    let tickets = scene.cached("tickets", 1);
    let site = json!({ "site": "a", "kind": "server" });
    assert_eq!(number(&devices, site.clone()).await, json!(1));
    for (source, params, expected) in [
        (&devices, json!({ "site": "b", "kind": "server" }), 2),
        (&devices, json!({ "site": "a" }), 3),
        (&devices, json!({}), 4),
        (&other, site.clone(), 5),
        (&tickets, site.clone(), 6),
        (&devices, json!({ "site": "a", "kind": ["server"] }), 7),
        // Its twin: the same in another order.
        (&devices, json!({ "kind": "server", "site": "a" }), 1),
        (&devices, site, 1),
    ] {
        assert_eq!(
            number(source, params.clone()).await,
            json!(expected),
            "{params}"
        );
    }
}

#[tokio::test]
async fn who_asks_the_same_at_the_same_time_waits_for_one_answer() {
    let scene = Scene::new(10);
    let devices = scene.cached("devices", 1);
    let same = join_all((0..20).map(|_| number(&devices, json!({ "n": 1 }))));
    let others = join_all((2..5).map(|n| number(&devices, json!({ "n": n }))));
    let (same, others) = scene.together(async { tokio::join!(same, others) }).await;
    assert_eq!(same, vec![json!(1); 20]);
    assert_eq!(others.len(), 3);
    assert_eq!(scene.asked(), 4);
}

#[tokio::test]
async fn a_failure_is_told_to_those_who_waited_and_to_nobody_else() {
    let scene = Scene::new(10);
    let devices = scene.cached("devices", 1);
    scene.source.failures.store(1, Ordering::SeqCst);
    let all = join_all((0..5).map(|_| ask(&devices, json!({}))));
    for failed in scene.together(all).await {
        assert_eq!(failed.unwrap_err().detail, "failure 1");
    }
    assert_eq!(scene.asked(), 1);
    assert_eq!(
        number(&devices, json!({})).await,
        json!(2),
        "asked again at once"
    );
    assert_eq!(number(&devices, json!({})).await, json!(2), "and kept");
}

#[tokio::test]
async fn who_gives_up_leaves_the_question_to_the_next() {
    let scene = Scene::new(10);
    let devices = scene.cached("devices", 1);
    scene.source.leave.forget_permits(1_000);
    let mut first = Box::pin(number(&devices, json!({})));
    let mut second = Box::pin(number(&devices, json!({})));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(scene.asked(), 1);
    drop(first);
    scene.source.leave.add_permits(1);
    assert_eq!(second.await, json!(2));
}

#[tokio::test]
async fn what_is_kept_has_a_limit_and_the_oldest_goes() {
    let scene = Scene::new(9_000);
    let devices = scene.cached("devices", 1);
    for n in 1..=9 {
        assert_eq!(number(&devices, json!({ "n": n })).await, json!(n));
        assert!(scene.shelf.bytes() <= BYTES_MAX);
        scene.hand.advance(1);
    }
    for (n, expected) in [(9, 9), (6, 6), (5, 10)] {
        assert_eq!(number(&devices, json!({ "n": n })).await, json!(expected));
    }
}

#[tokio::test]
async fn what_is_too_large_is_passed_on_whole_and_not_kept() {
    let scene = Scene::new(BYTES_MAX / 4 + 1);
    let devices = scene.cached("devices", 1);
    for expected in 1..=2 {
        let (first, bytes, captured_at_ms) = ask(&devices, json!({})).await.unwrap();
        assert_eq!(first["asked"], json!(expected));
        assert_eq!(bytes, first.to_string().len() + BYTES_MAX / 4 + 1);
        assert_eq!(captured_at_ms, START_MS);
    }
    assert_eq!(scene.shelf.bytes(), 0);
}
