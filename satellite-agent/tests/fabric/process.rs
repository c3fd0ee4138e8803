use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use spokegate_contract::envelope::{Ack, Hello, Push};
use spokegate_contract::{Channel, Envelope};

use crate::support::{World, post};

const BINARY: &str = env!("CARGO_BIN_EXE_spokegate-agent");

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_202_survives_kill_9() {
    let world = World::new().await;
    let mut centre = world.centre().await;
    let (config, push_addr) = write_config(&world);
    let (next, mut promised) = (Arc::new(AtomicU64::new(0)), BTreeMap::new());
    for _ in 0..3 {
        let mut agent = Killed(start(&config));
        wait_until_up(push_addr).await;
        let flows = (0..4).map(|_| push_until_refused(push_addr, Arc::clone(&next)));
        let kill = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            agent.0.kill().unwrap();
            agent.0.wait().unwrap();
        };
        let (receipts, ()) = tokio::join!(futures_util::future::join_all(flows), kill);
        promised.extend(receipts.into_iter().flatten());
    }
    assert!(
        promised.len() > 10,
        "{} pushes were answered",
        promised.len()
    );

    let _agent = Killed(start(&config));
    let (mut missing, mut acked) = (promised.clone(), 0);
    let mut seen = BTreeSet::new();
    while !missing.is_empty() {
        let heard = centre
            .next(|topic, payload| match topic.channel {
                Channel::Push(_) => Some(Ok(Push::decode(payload).unwrap())),
                Channel::Hello => Some(Err(Hello::decode(payload).unwrap())),
                _ => None,
            })
            .await;
        let epoch = match heard {
            Ok(push) => {
                if let Some(expected) = promised.get(&push.sequence) {
                    assert_eq!(push.body, *expected, "sequence {}", push.sequence);
                }
                missing.remove(&push.sequence);
                seen.insert(push.sequence);
                push.epoch
            }
            // A write that the kill cut off leaves a gap, which the satellite tells once all before it is acknowledged.
            Err(hello) => {
                acked = acked.max(hello.acked_sequence);
                hello.epoch
            }
        };
        while seen.contains(&(acked + 1)) {
            acked += 1;
        }
        let sequence = acked;
        centre.ack(Ack::Push { epoch, sequence }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_verbs_tell_good_from_bad() {
    let world = World::new().await;
    let (config, push_addr) = write_config(&world);
    assert_eq!(
        told(&run(&["check-config", &config])),
        (
            Some(0),
            "the configuration is good\n".to_owned(),
            String::new()
        )
    );
    for (setting, expected) in [
        ("trust_domain=other.example", "another trust domain"),
        ("tls.certificate=/nowhere/a.pem", "/nowhere/a.pem"),
        ("tls.ca=/nowhere/b.pem", "/nowhere/b.pem"),
        ("schemas=/nowhere/schemas", "/nowhere/schemas"),
    ] {
        let refused = told(&run(&[
            "check-config",
            "--config",
            &config,
            "--set",
            setting,
        ]));
        assert_eq!(refused.0, Some(78), "{setting}: {}", refused.2);
        assert!(refused.2.contains(expected), "{setting}: {}", refused.2);
    }
    let example = run(&["example-config"]);
    assert_eq!(told(&example).1, spokegate_agent::DEFAULTS);

    let down = told(&run(&["healthcheck", "--config", &config]));
    assert_eq!(down.0, Some(1));
    assert!(down.2.contains("does not answer"), "{}", down.2);
    let _agent = Killed(start(&config));
    wait_until_up(push_addr).await;
    let up = async {
        while told(&run(&["healthcheck", "--config", &config])).0 != Some(0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), up)
        .await
        .expect("the agent becomes ready");
    let second = told(&run(&[
        "run",
        "--config",
        &config,
        "--set",
        "ops.listen=127.0.0.1:0",
    ]));
    assert_eq!(second.0, Some(1));
    assert!(
        second.2.contains("cannot open the spool") && second.2.contains("no other agent uses it"),
        "{}",
        second.2
    );
}

/// Ends its process like a power cut.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn write_config(world: &World) -> (String, SocketAddr) {
    let free = || {
        std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    };
    let (push, ops) = (free(), free());
    let text = world.agent_toml(&format!("[ops]\nlisten = \"{ops}\"\n"));
    let text = text.replace("listen = \"127.0.0.1:0\"", &format!("listen = \"{push}\""));
    let path = world.folder.path().join("agent.toml");
    std::fs::write(&path, text).unwrap();
    (path.display().to_string(), push)
}

fn start(config: &str) -> Child {
    Command::new(BINARY)
        .args(["run", "--config", config])
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

async fn wait_until_up(addr: SocketAddr) {
    let up = async {
        while tokio::net::TcpStream::connect(addr).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), up)
        .await
        .expect("the push endpoint listens");
}

/// Pushes one number after the other; answers the sequences that were promised, with what they hold.
async fn push_until_refused(addr: SocketAddr, next: Arc<AtomicU64>) -> Vec<(u64, Vec<u8>)> {
    let mut promised = Vec::new();
    loop {
        let n = next.fetch_add(1, Ordering::SeqCst) + 70_000;
        match post(addr, "alerts", &json!([{ "n": n }])).await {
            Ok((202, receipt)) => {
                let number = u32::try_from(n).unwrap().to_be_bytes();
                let body = [&b"\x81\xa1an\x1a"[..], &number].concat();
                promised.push((receipt["sequence"].as_u64().unwrap(), body));
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => return promised,
        }
    }
}
