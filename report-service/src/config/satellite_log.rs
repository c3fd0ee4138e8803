//! How long lines of satellites' Node-RED stay: `[satellite_log]`.

use serde::Deserialize;
use spokegate_daemon::config::{Faults, Section};

/// How long and how much of it.
#[derive(Clone, Debug, Deserialize)]
pub struct SatelliteLogConfig {
    /// Days that lines are kept.
    pub keep_days: u32,
    /// Bytes of them for each satellite.
    pub bytes_max: u64,
}

impl SatelliteLogConfig {
    /// Milliseconds that lines are kept.
    #[must_use]
    pub fn keep_ms(&self) -> u64 {
        u64::from(self.keep_days) * 86_400_000
    }
}

impl Section for SatelliteLogConfig {
    fn validate(&self, faults: &mut Faults) {
        faults.bounds("keep_days", self.keep_days, 1..=3_650);
        faults.bounds("bytes_max", self.bytes_max, 65_536..=1 << 32);
    }
}
