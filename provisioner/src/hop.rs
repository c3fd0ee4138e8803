//! The two hops, each with an authority of its own.

use std::fmt;
use std::str::FromStr;

use spokegate_identity::ServiceName;

/// Which of the two hops an authority is for. Neither trusts the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Segments, broker, sanitizer: MQTT.
    Fabric,
    /// Sanitizer, report service, provisioner: HTTPS.
    Inner,
}

impl Hop {
    /// The folder of its authority: `fabric` or `inner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fabric => "fabric",
            Self::Inner => "inner",
        }
    }

    /// The hop on which a service presents itself as a client.
    pub fn of(service: ServiceName) -> Self {
        match service {
            ServiceName::Sanitizer => Self::Fabric,
            ServiceName::ReportService | ServiceName::Provisioner => Self::Inner,
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Hop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Fabric, Self::Inner]
            .into_iter()
            .find(|hop| hop.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no authority; allowed are fabric and inner"))
    }
}
