//! Which layers of a process's confinement hold, and what a missing one means.

use crate::setup::SandboxMode;
use serde::{Deserialize, Serialize};

/// The layers of a process's confinement, for `GET /v1/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layers {
    /// What holds.
    pub held: Vec<String>,
    /// What this host does not offer and the system call filter refuses as well: nothing is open for want of it.
    pub covered: Vec<String>,
    /// What does not hold; never anything where confinement is required.
    pub missing: Vec<String>,
}

/// Why a process does not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "confinement layer {layer} is missing: {reason}\n  hint: `spokegate-sanitizer self-test` lists the layers of this host; worker.sandbox = \"best-effort\" starts without those that it does not offer"
)]
pub(crate) struct Missing {
    layer: &'static str,
    reason: String,
}

/// The layer that stands in for others.
pub(super) const SECCOMP: &str = "seccomp";

/// Layers as they are reached, one after the other.
#[derive(Debug)]
pub(super) struct Reached {
    mode: SandboxMode,
    layers: Layers,
}

impl Reached {
    pub(super) fn new(mode: SandboxMode) -> Reached {
        Reached {
            mode,
            layers: Layers::default(),
        }
    }

    /// A layer that nothing stands in for.
    pub(super) fn must(
        &mut self,
        layer: &'static str,
        result: Result<(), String>,
    ) -> Result<(), Missing> {
        match result {
            Ok(()) => self.layers.held.push(layer.to_owned()),
            Err(reason) if self.mode == SandboxMode::Require => {
                return Err(Missing { layer, reason });
            }
            Err(_) => self.layers.missing.push(layer.to_owned()),
        }
        Ok(())
    }

    /// A layer whose ground the system call filter covers too.
    pub(super) fn may(&mut self, layer: &'static str, result: Result<(), String>) {
        let place = match result {
            Ok(()) => &mut self.layers.held,
            Err(_) => &mut self.layers.covered,
        };
        place.push(layer.to_owned());
    }

    /// All of them; without the filter nothing is covered.
    pub(super) fn all(mut self) -> Layers {
        if !self.layers.held.iter().any(|layer| layer == SECCOMP) {
            self.layers.missing.append(&mut self.layers.covered);
        }
        self.layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absent() -> Result<(), String> {
        Err("not here".to_owned())
    }

    #[test]
    fn a_missing_layer_means_no_start_unless_less_is_asked_for() {
        let mut reached = Reached::new(SandboxMode::Require);
        reached.must("user", Ok(())).unwrap();
        let told = reached.must("landlock", absent()).unwrap_err().to_string();
        assert!(
            told.starts_with("confinement layer landlock is missing: not here\n  hint:"),
            "{told}"
        );

        let mut reached = Reached::new(SandboxMode::BestEffort);
        reached.must("landlock", absent()).unwrap();
        reached.must(SECCOMP, Ok(())).unwrap();
        assert_eq!(reached.all().missing, ["landlock"]);
    }

    #[test]
    fn only_the_filter_covers_what_the_host_does_not_offer() {
        let mut reached = Reached::new(SandboxMode::Require);
        reached.may("namespaces", absent());
        reached.may("landlock-scope", Ok(()));
        reached.must(SECCOMP, Ok(())).unwrap();
        let layers = reached.all();
        assert_eq!(layers.covered, ["namespaces"]);
        assert_eq!(layers.held, ["landlock-scope", "seccomp"]);
        assert!(layers.missing.is_empty());

        let mut reached = Reached::new(SandboxMode::BestEffort);
        reached.may("namespaces", absent());
        reached.must(SECCOMP, absent()).unwrap();
        let layers = reached.all();
        assert_eq!(layers.missing, ["seccomp", "namespaces"]);
        assert!(layers.covered.is_empty());
    }
}
