//! The process's one Prometheus registry.

use std::sync::{LazyLock, Mutex, PoisonError};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Histogram bounds for durations in milliseconds.
const DURATION_MS_BOUNDS: [f64; 14] = [
    1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0,
    60_000.0,
];

static INSTALLED: LazyLock<Mutex<Option<PrometheusHandle>>> = LazyLock::new(Mutex::default);

/// The registry could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot install the metrics registry: {0}")]
pub struct MetricsError(String);

/// Installs the registry that the macros of the `metrics` crate write to, once per process;
/// later calls return the same one. Names that end in `_ms` become histograms.
pub fn install() -> Result<Registry, MetricsError> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = installed.as_ref() {
        return Ok(Registry(handle.clone()));
    }
    let suffix = metrics_exporter_prometheus::Matcher::Suffix("_ms".to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(suffix, &DURATION_MS_BOUNDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(|error| MetricsError(error.to_string()))?;
    *installed = Some(handle.clone());
    Ok(Registry(handle))
}

/// A view of the process's metrics.
#[derive(Clone)]
pub struct Registry(PrometheusHandle);

impl Registry {
    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what was observed since the last call into the histograms; called on a timer, so
    /// that memory stays bounded when nobody scrapes.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_install_shows_the_same_metrics() {
        let first = install().unwrap();
        metrics::counter!("spokegate_test_total").increment(2);
        metrics::histogram!("spokegate_test_duration_ms").record(3.0);
        let second = install().unwrap();
        for text in [first.render(), second.render()] {
            assert!(text.contains("spokegate_test_total 2"), "{text}");
            assert!(
                text.contains("spokegate_test_duration_ms_bucket{le=\"5\"} 1"),
                "{text}"
            );
        }
    }
}
