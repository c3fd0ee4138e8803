//! Numbers and what is said of them.

use std::fmt;
use std::time::Duration;

/// Repeated measurements of one thing.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a duration in milliseconds.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(duration.as_secs_f64() * 1_000.0);
    }

    /// Adds a plain number.
    pub fn add_number(&mut self, number: f64) {
        self.0.push(number);
    }

    /// The middle one; the mean of the two middle ones when their count is even.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
            (Some(low), Some(high)) if sorted.len().is_multiple_of(2) => f64::midpoint(*low, *high),
            (_, Some(middle)) => *middle,
            _ => f64::NAN,
        }
    }

    /// The smallest that at least this share of all do not exceed; `share` is between 0 and 1.
    pub fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count is no larger than the count"
        )]
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// Adds all of another one's.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Smallest and largest.
    pub fn range(&self) -> (f64, f64) {
        let fold = |pick: fn(f64, f64) -> f64, start| self.0.iter().copied().fold(start, pick);
        (
            fold(f64::min, f64::INFINITY),
            fold(f64::max, f64::NEG_INFINITY),
        )
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Prints with as many digits as a figure deserves.
pub struct Rounded(pub f64);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            size if size >= 100.0 => write!(f, "{:.0}", self.0),
            size if size >= 10.0 => write!(f, "{:.1}", self.0),
            _ => write!(f, "{:.2}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ranges() {
        let samples = |numbers: &[f64]| Samples(numbers.to_vec());
        assert_eq!(samples(&[3.0, 1.0, 2.0]).median(), 2.0);
        assert_eq!(samples(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        assert_eq!(samples(&[7.0]).median(), 7.0);
        assert!(samples(&[]).median().is_nan());
        assert_eq!(samples(&[3.0, 1.0, 2.0]).range(), (1.0, 3.0));
        let hundred = Samples((1..=100).map(f64::from).collect());
        assert_eq!(hundred.percentile(0.99), 99.0);
        assert_eq!(hundred.percentile(0.5), 50.0);
        assert_eq!(samples(&[7.0]).percentile(0.99), 7.0);
        assert!(samples(&[]).percentile(0.99).is_nan());
    }

    #[test]
    fn rounding() {
        for (number, expected) in [
            (1234.5, "1234"),
            (12.34, "12.3"),
            (1.234, "1.23"),
            (0.5, "0.50"),
        ] {
            assert_eq!(Rounded(number).to_string(), expected);
        }
    }
}
