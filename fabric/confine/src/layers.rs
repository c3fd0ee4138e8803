//! Which layers of a process's confinement hold, and what a missing one means.

use serde::{Deserialize, Serialize};

use crate::privileges::{empty_bounding_set, forbid_new_privileges, no_capabilities, told};
use crate::sys;

/// The layers of a process's confinement, for `GET /v1/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// What holds.
    pub held: Vec<String>,
    /// What this host does not offer and the filter of system calls refuses as well: nothing is open for want of it.
    pub covered: Vec<String>,
    /// What does not hold; never anything where confinement is required.
    pub missing: Vec<String>,
}

/// What happens when a layer of the confinement is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// No start.
    Require,
    /// A start without it, and a warning.
    BestEffort,
}

impl SandboxMode {
    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SandboxMode::Require => "require",
            SandboxMode::BestEffort => "best-effort",
        }
    }
}

impl std::str::FromStr for SandboxMode {
    type Err = String;

    fn from_str(text: &str) -> Result<SandboxMode, String> {
        [SandboxMode::Require, SandboxMode::BestEffort]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| "is neither require nor best-effort".to_owned())
    }
}

/// Why a process does not start.
#[derive(Debug, thiserror::Error)]
#[error("confinement layer {layer} is missing: {reason}\n  hint: {hint}")]
pub struct Missing {
    layer: &'static str,
    reason: String,
    hint: &'static str,
}

/// The layer that stands in for others.
pub const SECCOMP: &str = "seccomp";

/// Layers as they are reached, one after the other.
#[derive(Debug)]
pub struct Reached {
    mode: SandboxMode,
    hint: &'static str,
    layers: Layers,
}

impl Reached {
    /// None yet. The hint says what to do where a layer is missing.
    #[must_use]
    pub fn new(mode: SandboxMode, hint: &'static str) -> Reached {
        Reached {
            mode,
            hint,
            layers: Layers::default(),
        }
    }

    /// A layer that nothing stands in for.
    ///
    /// # Errors
    /// Where it is missing and confinement is required.
    pub fn must(&mut self, layer: &'static str, result: Result<(), String>) -> Result<(), Missing> {
        match result {
            Ok(()) => self.layers.held.push(layer.to_owned()),
            Err(reason) if self.mode == SandboxMode::Require => {
                return Err(Missing {
                    layer,
                    reason,
                    hint: self.hint,
                });
            }
            Err(_) => self.layers.missing.push(layer.to_owned()),
        }
        Ok(())
    }

    /// A layer whose ground the filter of system calls covers too.
    pub fn may(&mut self, layer: &'static str, result: Result<(), String>) {
        let place = match result {
            Ok(()) => &mut self.layers.held,
            Err(_) => &mut self.layers.covered,
        };
        place.push(layer.to_owned());
    }

    /// Gives up every right, the way to new ones, and being looked into; from now on this process ends with its parent.
    ///
    /// # Errors
    /// Where confinement is required, the first layer that is missing.
    pub fn give_up_rights(&mut self) -> Result<(), Missing> {
        self.may("bounding-set", empty_bounding_set());
        self.must("capabilities", no_capabilities())?;
        self.must("no-new-privileges", told(forbid_new_privileges()))?;
        self.must("no-dumps", sys::forbid_dumps())?;
        self.must("dies-with-parent", sys::stay_with_parent())
    }

    /// All of them; without the filter nothing is covered.
    #[must_use]
    pub fn all(mut self) -> Layers {
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
        let mut reached = Reached::new(SandboxMode::Require, "ask");
        reached.must("user", Ok(())).unwrap();
        let told = reached.must("landlock", absent()).unwrap_err().to_string();
        assert!(
            told.starts_with("confinement layer landlock is missing: not here\n  hint:"),
            "{told}"
        );

        let mut reached = Reached::new(SandboxMode::BestEffort, "ask");
        reached.must("landlock", absent()).unwrap();
        reached.must(SECCOMP, Ok(())).unwrap();
        assert_eq!(reached.all().missing, ["landlock"]);
    }

    #[test]
    fn only_the_filter_covers_what_the_host_does_not_offer() {
        let mut reached = Reached::new(SandboxMode::Require, "ask");
        reached.may("namespaces", absent());
        reached.may("landlock-scope", Ok(()));
        reached.must(SECCOMP, Ok(())).unwrap();
        let layers = reached.all();
        assert_eq!(layers.covered, ["namespaces"]);
        assert_eq!(layers.held, ["landlock-scope", "seccomp"]);
        assert!(layers.missing.is_empty());

        let mut reached = Reached::new(SandboxMode::BestEffort, "ask");
        reached.may("namespaces", absent());
        reached.must(SECCOMP, absent()).unwrap();
        let layers = reached.all();
        assert_eq!(layers.missing, ["seccomp", "namespaces"]);
        assert!(layers.covered.is_empty());
    }
}
