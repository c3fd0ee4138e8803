//! The suite `broker`: the first hop alone, against Mosquitto with the same certificates, clients and shapes.

mod admission;
pub(crate) mod authority;
pub(crate) mod client;
mod fan_in;
mod idle;
mod noise;
mod round_trip;
pub(crate) mod servers;

use std::time::Duration;

use spokegate_daemon::cli::tell;

use crate::figures::Samples;
use crate::rows::Row;
use authority::Authority;
pub(crate) use round_trip::percentile;
use servers::{Kind, Server};

/// Who the peer is.
const PEER: &str = "Mosquitto 2.0.11";

/// Both sides, in the order in which they are measured.
const SIDES: [Kind; 2] = [Kind::Ours, Kind::Peer];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Measurements of each side.
    runs: usize,
    /// Length of one stretch of load.
    stretch: Duration,
    /// Satellites in the figure of a whole installation.
    satellites: usize,
}

impl Effort {
    /// What the results in the repository come from.
    pub fn full() -> Self {
        Self {
            runs: 5,
            stretch: Duration::from_secs(4),
            satellites: 5_000,
        }
    }

    /// A quick look.
    pub fn quick() -> Self {
        Self {
            runs: 1,
            stretch: Duration::from_secs(2),
            satellites: 1_000,
        }
    }
}

/// Measures what `wanted` names (all when empty) and returns the rows.
pub async fn run(effort: &Effort, wanted: &[String]) -> anyhow::Result<Vec<Row>> {
    let authority = Authority::new()?;
    let mut rows = Vec::new();
    let is_wanted =
        |figure: &str| wanted.is_empty() || wanted.iter().any(|name| name.as_str() == figure);
    if is_wanted("fan-in") {
        rows.extend(fan_in::measure(effort, &authority).await?);
    }
    if is_wanted("round-trip") {
        rows.extend(round_trip::measure(effort, &authority).await?);
    }
    if is_wanted("admission") {
        rows.extend(admission::measure(effort, &authority).await?);
    }
    if is_wanted("idle") {
        rows.push(idle::measure(effort, &authority).await?);
    }
    if is_wanted("noise") {
        rows.extend(noise::measure(effort, &authority).await?);
    }
    if is_wanted("whole") {
        rows.extend(idle::whole(effort, &authority).await?);
    }
    Ok(rows)
}

/// Round trips of one tenant's two clients over Mosquitto, in milliseconds: a hundred a second.
pub(crate) async fn mosquitto_round_trips(length: Duration) -> anyhow::Result<Vec<f64>> {
    let authority = Authority::new()?;
    let tenants = servers::tenants(1, 1);
    let server = Server::start(Kind::Peer, &authority, &tenants).await?;
    let pairs = round_trip::pairs(&server, &authority, &tenants).await?;
    round_trip::trips(pairs, 100.0, length).await
}

/// Samples of both sides.
#[derive(Debug, Default)]
struct Both {
    ours: Samples,
    peer: Samples,
}

impl Both {
    fn add(&mut self, kind: Kind, number: f64) {
        match kind {
            Kind::Ours => self.ours.add_number(number),
            Kind::Peer => self.peer.add_number(number),
        }
    }

    fn row(&self, name: impl Into<String>, unit: &str) -> Row {
        let row = Row::pair(name, (&self.ours, &self.peer), PEER, unit);
        tell(&format!(
            "{}: {:.3} against {:.3} {unit}",
            row.name,
            row.ours,
            row.peer.unwrap_or(f64::NAN)
        ));
        row
    }
}
