//! How far the confinement of each process reaches, for `GET /v1/status` and `/metrics`.

use crate::sandbox::Layers;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The layers of each kind of process, as the last one of it has told.
#[derive(Debug, Default)]
pub(super) struct Confinement(Mutex<BTreeMap<&'static str, Layers>>);

impl Confinement {
    /// A process has confined itself.
    pub(super) fn reached(&self, stage: &'static str, layers: Layers) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(stage) == Some(&layers) {
            return;
        }
        for (names, held) in [
            (&layers.held, 1.0),
            (&layers.covered, 0.0),
            (&layers.missing, 0.0),
        ] {
            for layer in names {
                metrics::gauge!("spokegate_sanitizer_sandbox_layer", "stage" => stage, "layer" => layer.clone())
                    .set(held);
            }
        }
        let covered = layers.covered.join(" ");
        if layers.missing.is_empty() {
            tracing::info!(stage, covered, "a process is confined");
        } else {
            let missing = layers.missing.join(" ");
            tracing::warn!(
                stage,
                missing,
                "a process is confined, but not by all layers"
            );
        }
        all.insert(stage, layers);
    }

    /// What `GET /v1/status` shows.
    pub(super) fn to_json(&self) -> Value {
        json!(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
