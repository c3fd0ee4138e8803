//! Nothing that a client sends, or does not send, panics or stalls the broker: real TLS, real sockets, any bytes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its tasks end with it"
)]

#[path = "hostile/crowds.rs"]
mod crowds;
#[path = "hostile/malformed.rs"]
mod malformed;
#[path = "hostile/slow.rs"]
mod slow;
#[path = "hostile/strangers.rs"]
mod strangers;
#[expect(dead_code, reason = "the broker's other tests use all of it")]
#[path = "support/harness.rs"]
mod support;
#[path = "hostile/twins.rs"]
mod twins;

use std::cell::Cell;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{Client, Connect, TestBroker};

/// Keeps the bystander below its own rate.
const BETWEEN_TRIPS: Duration = Duration::from_millis(5);

/// A bystander's longest trip is shorter. A broker that one peer stalls takes that peer's whole time limit; a machine
/// that is busy with other things takes a part of a second.
const PROMPT: Duration = Duration::from_secs(3);

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// From now on counts panics that are not of a test's own making: in the broker, in its router, in any library.
fn count_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let inner = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let of_a_test = |at: &std::panic::Location| at.file().contains("tests/");
            if !panic.location().is_some_and(of_a_test) {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            inner(panic);
        }));
    });
}

/// A customer who has nothing to do with the trouble: its satellite and the sanitizer's session.
struct Bystander {
    sanitizer: Client,
    satellite: Client,
    sent: u32,
}

impl Bystander {
    async fn enter(broker: &TestBroker) -> Self {
        count_panics();
        Self {
            sanitizer: broker.sanitizer("globex").await,
            satellite: broker.listening_satellite("globex", "hq").await,
            sent: 0,
        }
    }

    /// One message up and one down, and how long both took.
    async fn round_trip(&mut self) -> Duration {
        let started = Instant::now();
        self.sent += 1;
        let payload = self.sent.to_be_bytes();
        assert!(
            self.satellite
                .publish("sg/1/globex/hq/up/status", &payload)
                .await
        );
        assert_eq!(self.sanitizer.data().await.1, payload);
        assert!(
            self.sanitizer
                .publish("sg/1/globex/hq/down/ack", &payload)
                .await
        );
        assert_eq!(self.satellite.data().await.1, payload);
        started.elapsed()
    }

    /// Round trips while `trouble` goes on; gives what came of it and the longest trip.
    async fn during<T>(&mut self, trouble: impl Future<Output = T>) -> (T, Duration) {
        let over = Cell::new(false);
        let trouble = async {
            let outcome = trouble.await;
            over.set(true);
            outcome
        };
        let trips = async {
            let mut longest = Duration::ZERO;
            while !over.get() {
                longest = longest.max(self.round_trip().await);
                tokio::time::sleep(BETWEEN_TRIPS).await;
            }
            longest
        };
        tokio::join!(trouble, trips)
    }
}

/// Nothing panicked, no router was lost, and newcomers are served.
async fn unharmed(broker: &TestBroker) {
    assert_eq!(PANICS.load(Ordering::SeqCst), 0, "something panicked");
    assert_eq!(broker.broker.routers_lost(), 0, "a router was lost");
    let mut newcomer = broker.satellite("initech", "hq").await;
    assert!(newcomer.ping().await);
}

/// A connection that has sent CONNECT and is accepted.
async fn connected(broker: &TestBroker, name: &str) -> Client {
    let certificate = broker.authority.satellite("acme", name);
    let mut client = broker.dial(&certificate).await;
    let connect = Connect::new(&format!("acme.{name}"));
    assert_eq!(client.connect(&connect).await, Some(0));
    client
}
