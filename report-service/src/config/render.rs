//! What the process that fills a template may take: `[render]`.

use serde::Deserialize;
use spokegate_confine::SandboxMode;
use spokegate_daemon::config::{Faults, Section};

/// The bounds of one document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RenderConfig {
    /// Whether every layer of the process's confinement must hold.
    pub sandbox: SandboxMode,
    /// Memory on top of the program's own, in MB.
    pub memory_mb: u32,
    /// Longest time, in seconds.
    pub limit_s: u32,
    /// Largest document, in MB.
    pub document_mb: u32,
}

impl Default for RenderConfig {
    /// As `defaults.toml` has it.
    fn default() -> Self {
        Self {
            sandbox: SandboxMode::Require,
            memory_mb: 512,
            limit_s: 120,
            document_mb: 512,
        }
    }
}

impl Section for RenderConfig {
    fn validate(&self, faults: &mut Faults) {
        let bounds = [
            ("memory_mb", self.memory_mb, 64..=65_536),
            ("limit_s", self.limit_s, 1..=3_600),
            ("document_mb", self.document_mb, 1..=4_096),
        ];
        for (key, value, allowed) in bounds {
            faults.bounds(key, value, allowed);
        }
    }
}
