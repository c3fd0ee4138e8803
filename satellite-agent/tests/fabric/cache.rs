use serde_json::{Value, json};
use spokegate_agent::Agent;
use spokegate_contract::cbor;
use spokegate_contract::envelope::{Part, Reply};
use spokegate_daemon::{Clock, Context};

use crate::support::{Centre, World};

async fn pull(centre: &mut Centre, dataset: &str, params: Value) -> Reply {
    let id = centre.ask(dataset, params, 8).await;
    centre.reply(id).await
}

fn rows(n: u64) -> Value {
    json!([{ "n": n }])
}

fn holds(reply: &Reply, expected: &Value) -> bool {
    let mut encoded = Vec::new();
    cbor::from_json(expected, &mut encoded).unwrap();
    matches!(&reply.part, Part::Rows { body, .. } if *body == encoded)
}

/// One file behind two datasets, with a cache and without.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_from_memory_says_when_it_was_taken() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let folder = world.folder.path();
    let file = folder.join("rows.json");
    let write = |n| std::fs::write(&file, rows(n).to_string()).unwrap();
    let source = |dataset: &str, more: &str| {
        format!(
            "[[source]]\ndataset = \"{dataset}\"\nkind = \"file\"\npath = \"rows.json\"\nformat = \"json\"\n{more}"
        )
    };
    let extra = format!(
        "[files]\ndirectory = '{}'\n{}{}",
        folder.display(),
        source("kept", "cache_max_age_s = 600\n"),
        source("fresh", ""),
    );
    let context = Context::new();
    let agent = Agent::bind(world.agent_config(&extra), &context)
        .await
        .unwrap();
    context.readiness.ready().await;
    let before_ms = Clock::system().now_ms();
    write(1);
    let first = pull(&mut centre, "kept", json!({})).await;
    assert!(holds(&first, &rows(1)), "{first:?}");
    let taken_ms = first.captured_at_ms.unwrap();
    assert!((before_ms..=Clock::system().now_ms()).contains(&taken_ms));

    write(2);
    let again = pull(&mut centre, "kept", json!({})).await;
    assert!(holds(&again, &rows(1)), "{again:?}");
    assert_eq!(again.captured_at_ms, Some(taken_ms));
    // Its twins: other parameters, and a source without a cache.
    let other = pull(&mut centre, "kept", json!({ "site": "a" })).await;
    assert!(holds(&other, &rows(2)), "{other:?}");
    assert!(other.captured_at_ms.unwrap() >= taken_ms);
    let fresh = pull(&mut centre, "fresh", json!({})).await;
    assert!(holds(&fresh, &rows(2)), "{fresh:?}");
    assert_eq!(fresh.captured_at_ms, None);

    // A failure is nothing to keep.
    std::fs::remove_file(&file).unwrap();
    let failed = pull(&mut centre, "kept", json!({ "site": "b" })).await;
    assert!(matches!(failed.part, Part::Failure(_)), "{failed:?}");
    write(3);
    let mended = pull(&mut centre, "kept", json!({ "site": "b" })).await;
    assert!(holds(&mended, &rows(3)), "{mended:?}");
    agent.shutdown().await;
    centre.leave().await;
}
