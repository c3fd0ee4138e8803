//! A source that takes its time: rows come in small pieces, and what is asked, sent and broken off is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use spokegate_demo::Fabric;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How the rows come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Rows of a whole answer; none: it never ends.
    pub(crate) rows: Option<u64>,
    /// Rows at once,
    pub(crate) piece: u64,
    /// and the pause between two pieces.
    pub(crate) pause: Duration,
}

/// In the place of one customer's source.
pub(crate) struct SlowSource {
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    rows: AtomicU64,
    whole: AtomicU64,
    broken_off: AtomicU64,
    open: AtomicBool,
}

impl SlowSource {
    /// Takes the place of a customer's source, at its address.
    pub(crate) async fn start(fabric: &mut Fabric, tenant: &str, pace: Pace) -> Self {
        let satellite = fabric.satellite(tenant).unwrap();
        satellite.stop_source().await;
        let url = satellite.source_url("devices");
        let addr = url.trim_start_matches("http://").split('/').next();
        let listener = loop {
            // Until the kernel has let go of the old listener.
            match TcpListener::bind(addr.unwrap()).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        let counts = Arc::new(Counts::default());
        let (shared, tenant) = (Arc::clone(&counts), tenant.to_owned());
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::task::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counts, tenant) = (Arc::clone(&shared), tenant.clone());
                tokio::task::spawn(async move { serve(stream, &tenant, pace, &counts).await });
            }
        });
        Self { counts }
    }

    /// How often devices were asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.counts.asked.load(Ordering::Relaxed)
    }

    /// Rows that were written, over all answers.
    pub(crate) fn rows(&self) -> u64 {
        self.counts.rows.load(Ordering::Relaxed)
    }

    /// Answers that were written to their end, and such as were not.
    pub(crate) fn ended(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.counts.whole), of(&self.counts.broken_off))
    }

    /// Whether an answer is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.counts.open.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, tenant: &str, pace: Pace, counts: &Counts) {
    let mut request = [0; 4_096];
    let length = stream.read(&mut request).await.unwrap_or_default();
    let request = String::from_utf8_lossy(&request[..length]);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    if !request.contains("/spokegate/devices") {
        // The other datasets have no rows.
        let _ = stream.write_all(b"[]").await;
        let _ = stream.shutdown().await;
        return;
    }
    counts.asked.fetch_add(1, Ordering::Relaxed);
    counts.open.store(true, Ordering::Relaxed);
    let whole = devices(&mut stream, tenant, pace, counts).await.is_ok();
    counts.open.store(false, Ordering::Relaxed);
    let ended = if whole {
        &counts.whole
    } else {
        &counts.broken_off
    };
    ended.fetch_add(1, Ordering::Relaxed);
}

async fn devices(
    stream: &mut TcpStream,
    tenant: &str,
    pace: Pace,
    counts: &Counts,
) -> std::io::Result<()> {
    let mut next = 0;
    while pace.rows.is_none_or(|rows| next < rows) {
        let mut text = String::new();
        for _ in 0..pace.piece.min(pace.rows.unwrap_or(u64::MAX) - next) {
            text.push(if next == 0 { '[' } else { ',' });
            text.push_str(&row(tenant, next));
            next += 1;
        }
        let end: &[u8] = if pace.rows == Some(next) { b"]" } else { b"" };
        stream.write_all(text.as_bytes()).await?;
        stream.write_all(end).await?;
        counts.rows.fetch_add(pace.piece, Ordering::Relaxed);
        tokio::time::sleep(pace.pause).await;
    }
    stream.shutdown().await
}

/// A device whose name tells the customer and its number.
fn row(tenant: &str, number: u64) -> String {
    serde_json::json!({
        "hostname": name(tenant, number), "kind": "server", "os": "Debian GNU/Linux", "os_version": "13",
        "ip": "10.20.0.11", "last_seen": "2026-11-20T06:15:00Z", "online": true, "owner": "Operations",
    })
    .to_string()
}

/// The end of each device's name, which stands nowhere else.
pub(crate) const DEVICE: &str = "-device";

/// The name of a customer's device.
pub(crate) fn name(tenant: &str, number: u64) -> String {
    format!("{tenant}-{number:06}{DEVICE}")
}
