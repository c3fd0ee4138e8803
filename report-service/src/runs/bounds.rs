//! What one answer or one push of a dataset may hold; pure.

use spokegate_contract::dataset::DatasetLimits;
use spokegate_contract::{Failure, FailureClass};

/// JSON is larger than the CBOR that a limit counts, never more than this many times for real data.
const JSON_FACTOR: u64 = 2;

/// Counts one answer against the limits of its dataset.
pub(crate) struct Bounds {
    limits: DatasetLimits,
    rows: u64,
    bytes: u64,
}

impl Bounds {
    pub(crate) fn new(limits: DatasetLimits) -> Self {
        Self {
            limits,
            rows: 0,
            bytes: 0,
        }
    }

    /// Counts a body in JSON.
    pub(crate) fn bytes(&mut self, bytes: usize) -> Result<(), Failure> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        let most = self.limits.bytes;
        check(self.bytes <= most.saturating_mul(JSON_FACTOR), || {
            format!("more than the {most} bytes that the dataset allows (limits.bytes)")
        })
    }

    /// Counts rows.
    pub(crate) fn rows(&mut self, rows: u64) -> Result<(), Failure> {
        self.rows = self.rows.saturating_add(rows);
        let most = self.limits.rows;
        check(self.rows <= most, || {
            format!("more than the {most} rows that the dataset allows (limits.rows)")
        })
    }
}

fn check(within: bool, detail: impl FnOnce() -> String) -> Result<(), Failure> {
    if within {
        Ok(())
    } else {
        Err(Failure::new(FailureClass::TooLarge, &detail()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_counted_over_all_its_chunks() {
        let mut bounds = Bounds::new(DatasetLimits { rows: 5, bytes: 50 });
        assert_eq!((bounds.rows(3), bounds.rows(2)), (Ok(()), Ok(())));
        assert_eq!((bounds.bytes(60), bounds.bytes(40)), (Ok(()), Ok(())));
        let failure = bounds.rows(1).unwrap_err();
        assert_eq!(failure.class, FailureClass::TooLarge);
        assert_eq!(
            failure.detail,
            "more than the 5 rows that the dataset allows (limits.rows)"
        );
        let failure = bounds.bytes(1).unwrap_err();
        assert!(failure.detail.contains("the 50 bytes"), "{failure:?}");
    }
}
