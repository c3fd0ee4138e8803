use std::sync::Arc;
use std::thread::{ThreadId, current};

use spokegate_daemon::Shutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::*;

const GRACE: Duration = Duration::from_secs(5);

/// Starts a task on a strand and gives its thread.
async fn thread_of(strands: &Strands, tasks: &Tasks, number: usize) -> (ThreadId, String) {
    let (tx, rx) = oneshot::channel();
    {
        let _there = strands.enter(number);
        tasks.spawn("asked", async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let name = current().name().unwrap_or_default().to_owned();
            tx.send((current().id(), name)).unwrap();
        });
    }
    rx.await.unwrap()
}

#[tokio::test]
async fn a_strand_is_one_thread_and_another_is_another() {
    let (strands, tasks) = (Strands::start_some(2).unwrap(), Tasks::new());
    let first = thread_of(&strands, &tasks, 0).await;
    assert_eq!(first.1, "strand-0");
    assert_eq!(thread_of(&strands, &tasks, 0).await, first);
    assert_ne!(thread_of(&strands, &tasks, 1).await.0, first.0);
    assert_ne!(first.0, current().id());
    assert!(Strands::start().unwrap().count() >= 1);
}

#[tokio::test]
async fn a_task_that_panics_leaves_the_others_of_its_strand() {
    let (strands, tasks) = (Strands::start_some(1).unwrap(), Tasks::new());
    let before = thread_of(&strands, &tasks, 0).await;
    let (to_echo, mut asked) = mpsc::channel::<oneshot::Sender<()>>(1);
    let (tx, failed) = oneshot::channel();
    {
        let _there = strands.enter(0);
        tasks.spawn("neighbour", async move {
            while let Some(answer) = asked.recv().await {
                answer.send(()).unwrap();
            }
        });
        tasks.spawn_watched("session", bomb(), |failure| tx.send(failure).unwrap());
    }
    assert_eq!(failed.await.unwrap().reason, "panicked: bang");
    let (answer, answered) = oneshot::channel();
    to_echo.send(answer).await.unwrap();
    answered.await.unwrap();
    assert_eq!(thread_of(&strands, &tasks, 0).await, before);
    assert!(tasks.failure().is_none());
}

#[tokio::test]
async fn a_connection_goes_on_where_it_was_brought_and_loses_no_byte() {
    let (strands, tasks) = (Strands::start_some(1).unwrap(), Tasks::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    let mut server = Socket::new(listener.accept().await.unwrap().0);
    let mut heard = [0; 6];
    client.write_all(b"before, while").await.unwrap();
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"before");
    {
        let _there = strands.enter(0);
        server.come_here().unwrap();
        tasks.spawn("echo", async move {
            let name = current().name().unwrap_or_default().to_owned();
            assert_eq!(name, "strand-0");
            let (mut reader, mut writer) = tokio::io::split(server);
            tokio::io::copy(&mut reader, &mut writer).await?;
            writer.shutdown().await
        });
    }
    client.write_all(b" and after").await.unwrap();
    client.shutdown().await.unwrap();
    let mut echoed = String::new();
    client.read_to_string(&mut echoed).await.unwrap();
    assert_eq!(echoed, ", while and after");
    assert_eq!(tasks.shutdown(GRACE).await, Shutdown::Drained);
    strands.end(&tasks).await;
    assert!(lock(&strands.threads).is_empty());
}

#[tokio::test]
async fn what_does_not_end_is_dropped_and_the_threads_end() {
    let (strands, tasks) = (Strands::start_some(2).unwrap(), Tasks::new());
    let (held, mut dropped) = mpsc::channel::<()>(1);
    for number in 0..2 {
        let (held, _there) = (held.clone(), strands.enter(number));
        tasks.spawn("deaf", async move {
            std::future::pending::<()>().await;
            drop(held);
        });
    }
    drop(held);
    assert_eq!(
        tasks.shutdown(Duration::from_millis(1)).await,
        Shutdown::Aborted
    );
    assert_eq!(dropped.recv().await, None);
    strands.end(&tasks).await;
    // What comes too late ends at once, and harms nobody.
    let (held, mut dropped) = mpsc::channel::<()>(1);
    let late = Tasks::new();
    {
        let _there = strands.enter(0);
        late.spawn("late", async move {
            std::future::pending::<()>().await;
            drop(held);
        });
    }
    assert_eq!(dropped.recv().await, None);
    assert_eq!(late.running(), 0);
}

#[tokio::test]
async fn the_last_to_hold_the_strands_may_be_a_task_on_one() {
    let (strands, tasks) = (Arc::new(Strands::start_some(1).unwrap()), Tasks::new());
    let threads = std::mem::take(&mut *lock(&strands.threads));
    let (go, gone) = oneshot::channel::<()>();
    {
        let (held, _there) = (Arc::clone(&strands), strands.enter(0));
        tasks.spawn("last", async move {
            gone.await.unwrap();
            drop(held);
        });
    }
    drop(strands);
    assert!(!threads[0].is_finished());
    go.send(()).unwrap();
    let joined = tasks.blocking("join", || threads.into_iter().all(|it| it.join().is_ok()));
    assert_eq!(joined.await, Some(true));
}

async fn bomb() {
    panic!("bang");
}
