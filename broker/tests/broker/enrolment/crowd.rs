//! Many who wait at once.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::door::{Caller, Centre, broker, issued};
use crate::support::SOON;

/// 500 callers from 10 addresses: 256 wait for the centre, all others are told to come again meanwhile, nobody hangs.
#[tokio::test(flavor = "multi_thread")]
async fn of_500_callers_256_wait_and_the_others_are_told_to_come_again() {
    let broker = broker("requests_per_address_burst = 100").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let (told, mut statuses) = mpsc::unbounded_channel();
    for n in 0..500_u16 {
        let caller = caller.from(u8::try_from(n % 10).unwrap() + 10);
        let told = told.clone();
        tokio::spawn(async move { told.send(caller.join(&format!("{n:016x}")).await.status) });
    }
    let mut next = async || {
        tokio::time::timeout(4 * SOON, statuses.recv())
            .await
            .unwrap()
    };
    let mut ids = Vec::new();
    while ids.len() < 256 {
        ids.push(centre.request().await.id);
    }
    // While nobody has been answered no place becomes free.
    for n in 0..244 {
        assert_eq!(
            next().await,
            Some(503),
            "answer {n} of those who find no place"
        );
    }
    for id in ids {
        centre.answer(id, issued()).await;
    }
    for n in 0..256 {
        assert_eq!(next().await, Some(200), "answer {n} of those who waited");
    }
}

/// One address that keeps all the connections it may leaves the others theirs.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_use_up_the_door() {
    let broker = broker("connections_per_address_max = 4\nrequests_per_address_burst = 1000").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let caller = Arc::new(caller);
    for n in 0..20 {
        let caller = Arc::clone(&caller);
        tokio::spawn(async move { caller.join(&format!("{n:016x}")).await.status });
    }
    let mut waiting = Vec::new();
    while waiting.len() < 4 {
        waiting.push(centre.request().await);
    }
    let other = caller.from(77);
    let serve = async {
        let enrol = centre.request().await;
        assert_eq!(enrol.peer.as_deref(), Some("127.0.1.77"));
        centre.answer(enrol.id, issued()).await;
    };
    let (answer, ()) = tokio::join!(other.join("ffffffffffffffff"), serve);
    assert_eq!(answer.status, 200);
}
