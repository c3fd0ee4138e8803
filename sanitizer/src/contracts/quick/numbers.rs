//! Bounds of numbers and of counts.

/// Least and most of a count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) min: usize,
    pub(super) max: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            min: 0,
            max: usize::MAX,
        }
    }
}

impl Bounds {
    pub(super) fn hold(self, count: usize) -> bool {
        (self.min..=self.max).contains(&count)
    }
}

/// `minimum`, `maximum` and their exclusive forms. Numbers of a body are exact in a double, and a bound past 2^53 stays on
/// its side of all of them when it is rounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberRules {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) above: f64,
    pub(super) below: f64,
}

impl Default for NumberRules {
    fn default() -> NumberRules {
        NumberRules {
            min: f64::NEG_INFINITY,
            max: f64::INFINITY,
            above: f64::NEG_INFINITY,
            below: f64::INFINITY,
        }
    }
}

impl NumberRules {
    #[expect(
        clippy::cast_precision_loss,
        reason = "integers of a body stay within 2^53"
    )]
    pub(super) fn hold_integer(&self, value: i64) -> bool {
        self.hold(value as f64)
    }

    pub(super) fn hold(&self, value: f64) -> bool {
        self.min <= value && value <= self.max && self.above < value && value < self.below
    }
}
