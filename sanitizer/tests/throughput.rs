//! Figures, on demand: `cargo test --release -p spokegate-sanitizer --test throughput -- --ignored --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "helpers of tests end the test"
)]

mod support;

use serde_json::{Value, json};
use spokegate_contract::envelope::{Ack, Part, Reply};
use spokegate_daemon::Clock;
use std::time::Duration;
use support::agent::body;
use support::{Fabric, device, id};

const ROWS: usize = 100_000;
const ROWS_PER_CHUNK: usize = 400;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, not a promise; the bench crate holds the figures that count"]
async fn rows_per_second_and_latency() {
    let fabric = Fabric::start().await;
    let mut centre = fabric.centre().await;
    let mut calls = fabric.centre().await;
    let mut agent = fabric.agent("acme", "hq").await;
    let clock = Clock::system();

    let mut took_ms = Vec::new();
    for number in 0..50 {
        let before = clock.monotonic_ms();
        assert_eq!(calls.ask(&id(number), "acme", "hq", json!({})).await.0, 202);
        let pull = agent.next_pull().await;
        agent.answer(&pull, &[json!([device("one")])]).await;
        while centre.pull("reply", 5_000).await.is_empty() {}
        took_ms.push(clock.monotonic_ms() - before);
    }
    took_ms.sort_unstable();
    println!(
        "round trip of one row: median {} ms, worst {} ms",
        took_ms[took_ms.len() / 2],
        took_ms[took_ms.len() - 1]
    );

    let rows: Vec<Value> = (0..ROWS_PER_CHUNK)
        .map(|number| device(&format!("host-{number}")))
        .collect();
    let chunk = body(&Value::Array(rows));
    let count = ROWS / ROWS_PER_CHUNK;
    let digest = ring::digest::digest(&ring::digest::SHA256, &chunk.repeat(count))
        .as_ref()
        .try_into()
        .unwrap();
    let before = clock.monotonic_ms();
    calls.ask(&id(100), "acme", "hq", json!({})).await;
    let pull = agent.next_pull().await;
    let chunk_bytes = chunk.len();
    #[expect(clippy::disallowed_methods, reason = "the test's own satellite")]
    let sender = tokio::spawn(async move {
        let mut credit = pull.credit;
        for sequence in 0..u32::try_from(count).unwrap() {
            while sequence >= credit {
                if let Ack::Credit { chunks, .. } = agent.next_ack().await {
                    credit = chunks;
                }
            }
            let last = (sequence + 1 == u32::try_from(count).unwrap()).then_some(digest);
            agent
                .reply(&Reply {
                    id: pull.id,
                    sequence,
                    part: Part::Rows {
                        body: chunk.clone(),
                        last,
                    },
                })
                .await;
        }
        agent
    });
    let mut seen = 0;
    while seen < count {
        let records = centre.pull("reply", 10_000).await;
        assert!(!records.is_empty(), "{seen} of {count}");
        seen += records.len();
        let grant = json!({"credit": [{"tenant": "acme", "satellite": "hq", "id": id(100), "chunks": seen + 8}]});
        assert_eq!(calls.post("/v1/acks", &grant).await.0, 204);
    }
    let took = Duration::from_millis(clock.monotonic_ms() - before);
    println!("{ROWS} rows, {count} chunks of {chunk_bytes} bytes: {took:?}");
    drop(sender.await.unwrap());
}
