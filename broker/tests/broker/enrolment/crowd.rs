//! Many who wait at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::door::{Caller, Centre, broker, issued};
use crate::support::SOON;

/// 500 callers from 10 addresses: 256 wait for the centre, the others are told to come again, nobody hangs.
#[tokio::test(flavor = "multi_thread")]
async fn of_500_callers_256_wait_and_the_others_are_told_to_come_again() {
    let broker = broker("requests_per_address_burst = 100").await;
    let (caller, mut centre) = (Caller::new(&broker), Centre::connect(&broker).await);
    let callers = (0..500).map(|n: u16| {
        let caller = caller.from(u8::try_from(n % 10).unwrap() + 10);
        async move { caller.join(&format!("{n:016x}")).await.status }
    });
    let all = tokio::spawn(join_all(callers.map(tokio::spawn)));
    let mut ids = Vec::new();
    while ids.len() < 256 {
        ids.push(centre.request().await.id);
    }
    for id in ids {
        centre.answer(id, issued()).await;
    }
    // Who was told to come again may have been let in after all, once others were answered.
    let rest = tokio::spawn(async move {
        loop {
            let id = centre.request().await.id;
            centre.answer(id, issued()).await;
        }
    });
    let statuses = tokio::time::timeout(3 * SOON, all).await.unwrap().unwrap();
    rest.abort();
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(status.unwrap()).or_insert(0) += 1;
    }
    assert_eq!(counts.values().sum::<i32>(), 500);
    assert!(counts[&200] >= 256, "{counts:?}");
    assert!(counts[&503] > 0, "{counts:?}");
    assert_eq!(counts.len(), 2, "{counts:?}");
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
