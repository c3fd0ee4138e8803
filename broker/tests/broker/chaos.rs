//! Everything at once: take-overs, broken connections, random bytes and traffic in one tenant, while another tenant's
//! round trips go on undisturbed and no router is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::{Client, Connect, Publish, SOON, TestBroker, packets};

const ROUNDS: u32 = 60;

/// A repeatable stream of numbers (xorshift).
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % sides
    }
}

async fn misbehave(broker: Arc<TestBroker>, seed: u32) {
    let mut dice = Dice(seed);
    let certificate = broker
        .authority
        .satellite("acme", &format!("s{}", seed % 3));
    let id = format!("acme.s{}", seed % 3);
    for _ in 0..ROUNDS {
        let mut client = broker.dial(&certificate).await;
        client.send(&Connect::new(&id).encode()).await;
        client
            .send(&packets::subscribe(
                1,
                &[(&format!("sg/1/acme/s{}/down/#", seed % 3), 1)],
            ))
            .await;
        let body = vec![0; dice.roll(60_000) as usize];
        for n in 0..dice.roll(20) as u16 {
            let topic = format!("sg/1/acme/s{}/up/reply", seed % 3);
            client
                .send(
                    &Publish {
                        packet_id: n + 1,
                        ..Publish::new(&topic, &body)
                    }
                    .encode(),
                )
                .await;
        }
        match dice.roll(4) {
            0 => client.send(&[0xe0, 0]).await,
            1 => {
                let noise: Vec<u8> = (0..200).map(|_| dice.roll(256) as u8).collect();
                client.send(&noise).await;
            }
            2 => tokio::time::sleep(Duration::from_millis(u64::from(dice.roll(20)))).await,
            _ => {}
        }
    }
}

/// A sanitizer that comes and goes, reads little and acknowledges less.
async fn flicker(broker: Arc<TestBroker>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let certificate = broker.authority.service("sanitizer");
        let mut client = broker.dial(&certificate).await;
        client.send(&Connect::new("sanitizer.acme").encode()).await;
        client
            .send(&packets::subscribe(1, &[("sg/1/acme/+/up/#", 1)]))
            .await;
        for n in 0..3_u16 {
            let publish = Publish::new("sg/1/acme/s1/down/ack", b"x");
            client
                .send(
                    &Publish {
                        packet_id: n + 1,
                        ..publish
                    }
                    .encode(),
                )
                .await;
        }
        let _ = tokio::time::timeout(Duration::from_millis(15), client.is_closed()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn one_tenant_in_turmoil_does_not_show_in_another() {
    let limits = "messages_per_s = 100000\nconnections_per_address_per_s = 100000\nconnections_per_address_burst = 100000";
    let broker = Arc::new(TestBroker::with(limits).await);
    let mut sanitizer = broker.sanitizer("globex").await;
    let mut hq = broker.listening_satellite("globex", "hq").await;
    let stop = Arc::new(AtomicBool::new(false));
    let flickering = tokio::spawn(flicker(Arc::clone(&broker), Arc::clone(&stop)));
    let turmoil: Vec<_> = (1..=6)
        .map(|seed| tokio::spawn(misbehave(Arc::clone(&broker), seed)))
        .collect();
    let mut trips = 0_u32;
    while !turmoil.iter().all(tokio::task::JoinHandle::is_finished) {
        let payload = trips.to_be_bytes();
        assert!(hq.publish("sg/1/globex/hq/up/reply", &payload).await);
        let seen = tokio::time::timeout(SOON, sanitizer.data()).await.unwrap();
        assert_eq!(seen.1, payload);
        trips += 1;
    }
    stop.store(true, Ordering::SeqCst);
    for task in turmoil {
        task.await.unwrap();
    }
    flickering.await.unwrap();
    assert!(trips > 20, "{trips}");
    // The troubled tenant works as before, in the same cell: no router was lost.
    let mut acme = broker.sanitizer("acme").await;
    let mut client: Client = broker.listening_satellite("acme", "s9").await;
    assert!(client.publish("sg/1/acme/s9/up/status", b"well").await);
    loop {
        let (topic, payload) = acme.data().await;
        if topic == "sg/1/acme/s9/up/status" {
            assert_eq!(payload, b"well");
            break;
        }
    }
    assert_eq!(broker.broker.routers_lost(), 0);
}
