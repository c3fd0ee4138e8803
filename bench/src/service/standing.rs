//! What the service costs before anybody asks it for anything: from start to ready, and idle memory.

use std::path::Path;
use std::time::{Duration, Instant};

use spokegate_demo::Fabric;

use super::process::ServiceProcess;
use super::{Effort, PEER};
use crate::figures::Samples;
use crate::memory::resident_kib;
use crate::report::Peer;
use crate::rows::Row;

/// Memory is read this long after the start.
const REST: Duration = Duration::from_secs(3);
const KIB_PER_MIB: f64 = 1_024.0;

/// Starts both sides again and again, in turn.
pub(super) async fn measure(
    fabric: &Fabric,
    repository: &Path,
    effort: &Effort,
) -> anyhow::Result<[Row; 2]> {
    let (mut our_start, mut peer_start) = (Samples::default(), Samples::default());
    let (mut our_memory, mut peer_memory) = (Samples::default(), Samples::default());
    for _ in 0..effort.starts {
        let service = ServiceProcess::start(fabric, &[]).await?;
        our_start.add(service.ready_after);
        tokio::time::sleep(REST).await;
        our_memory.add_number(resident_kib(service.id()) / KIB_PER_MIB);
        drop(service);
        let begin = Instant::now();
        let peer = Peer::start(&repository.join("bench/peer")).await?;
        peer_start.add(begin.elapsed());
        tokio::time::sleep(REST).await;
        peer_memory.add_number(resident_kib(peer.hub_process()) / KIB_PER_MIB);
    }
    Ok([
        Row::pair(
            "service, start to ready",
            (&our_start, &peer_start),
            PEER,
            "ms, less is better",
        ),
        Row::pair(
            "service, idle memory",
            (&our_memory, &peer_memory),
            PEER,
            "MiB, less is better",
        ),
    ])
}
