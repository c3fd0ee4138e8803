use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const GRACE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_task_that_heeds_the_soft_token_is_drained() {
    let tasks = Tasks::new();
    let finished = Arc::new(AtomicBool::new(false));
    let (soft, flag) = (tasks.soft(), Arc::clone(&finished));
    tasks.spawn("patient", async move {
        soft.cancelled().await;
        tokio::task::yield_now().await;
        flag.store(true, Ordering::SeqCst);
    });
    assert_eq!(tasks.running(), 1);
    assert_eq!(tasks.shutdown(GRACE).await, Shutdown::Drained);
    assert!(finished.load(Ordering::SeqCst));
    assert!(tasks.failure().is_none());
}

#[tokio::test]
async fn a_task_that_does_not_is_aborted_after_the_grace() {
    let tasks = Tasks::new();
    tasks.spawn("deaf", std::future::pending::<()>());
    assert_eq!(
        tasks.shutdown(Duration::from_millis(1)).await,
        Shutdown::Aborted
    );
    assert_eq!(tasks.running(), 0);
}

#[tokio::test]
async fn an_error_stops_the_service_and_is_told() {
    let tasks = Tasks::new();
    tasks.spawn("reader", async { Err::<(), _>("the disk is gone") });
    tasks.soft().cancelled().await;
    assert_eq!(
        tasks.failure().unwrap().to_string(),
        "task \"reader\" failed: the disk is gone"
    );
}

#[tokio::test]
async fn a_panic_in_a_child_stops_the_whole() {
    let tasks = Tasks::new();
    let child = tasks.child();
    child.spawn("bomb", bomb());
    tasks.soft().cancelled().await;
    assert_eq!(
        tasks.failure().unwrap().to_string(),
        "task \"bomb\" panicked: bang"
    );
}

#[tokio::test]
async fn a_watched_task_fails_alone() {
    let tasks = Tasks::new();
    let (tx, rx) = tokio::sync::oneshot::channel();
    tasks.spawn_watched(
        "connection",
        async { Err::<(), _>("reset") },
        move |failure| {
            tx.send(failure).unwrap();
        },
    );
    assert_eq!(rx.await.unwrap().reason, "failed: reset");
    assert!(tasks.failure().is_none());
    assert!(!tasks.soft().is_cancelled());
}

#[tokio::test]
async fn a_child_is_stopped_alone_and_counted_by_its_parent() {
    let tasks = Tasks::new();
    let (one, two) = (tasks.child(), tasks.child());
    for child in [&one, &two] {
        let soft = child.soft();
        child.spawn("server", async move { soft.cancelled().await });
    }
    assert_eq!(tasks.running(), 2);
    assert_eq!(one.shutdown(GRACE).await, Shutdown::Drained);
    assert_eq!((tasks.running(), two.running()), (1, 1));
    assert_eq!(tasks.shutdown(GRACE).await, Shutdown::Drained);
    two.join().await;
}

#[tokio::test]
async fn blocking_work_returns_its_value_and_survives_a_panic() {
    let tasks = Tasks::new();
    assert_eq!(tasks.blocking("sum", || 1 + 1).await, Some(2));
    assert_eq!(
        tasks.blocking("bomb", || -> u32 { panic!("bang") }).await,
        None
    );
    assert_eq!(tasks.running(), 0);
}

async fn bomb() {
    panic!("bang");
}
