//! From values to places on the sheet, with round numbers along the axis.

/// About how many lines a grid has.
const LINES: f64 = 5.0;

/// An axis of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) step: f64,
}

impl Scale {
    /// An axis that shows all values; from nothing up, unless `free`.
    pub(super) fn over(values: impl Iterator<Item = f64>, free: bool) -> Self {
        let mut whole = true;
        let values = values.inspect(|value| whole &= value.fract() == 0.0);
        let start = if free { f64::INFINITY } else { 0.0 };
        let (mut low, mut high) = values
            .fold((start, -start.min(f64::MAX)), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if free && low > high {
            (low, high) = (0.0, 0.0);
        }
        if free && low >= 0.0 && low < high * 0.5 {
            low = 0.0;
        }
        high = high.max(low);
        if high - low < f64::MIN_POSITIVE {
            high = low + 1.0;
        }
        let mut step = round_step((high - low) / LINES);
        // Nobody counts half a thing.
        if whole {
            step = step.max(1.0);
        }
        Self {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
        }
    }

    /// Where a value stands, from 0 to 1.
    pub(super) fn share(&self, value: f64) -> f32 {
        ((value - self.low) / (self.high - self.low)) as f32
    }

    /// The numbers along the axis with their texts.
    pub(super) fn marks(&self) -> Vec<(f64, String)> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        let decimals = (-self.step.log10().floor()).clamp(0.0, 9.0) as usize;
        (0..=count.min(20))
            .map(|index| {
                let value = self.low + self.step * index as f64;
                let value = if value.abs() < self.step / 2.0 {
                    0.0
                } else {
                    value
                };
                (value, crate::filters::written(value, decimals))
            })
            .collect()
    }
}

/// The next 1, 2 or 5 with zeros.
fn round_step(rough: f64) -> f64 {
    let unit = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| rough <= unit * factor * 1.000_001);
    unit * factor.unwrap_or(10.0)
}

#[cfg(test)]
mod tests {
    use super::Scale;

    fn check(values: &[f64], free: bool, expected: &[&str]) {
        let scale = Scale::over(values.iter().copied(), free);
        let marks: Vec<_> = scale.marks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(marks, expected, "{values:?}");
        for &value in values {
            assert!((-0.001..=1.001).contains(&scale.share(value)), "{value}");
        }
    }

    #[test]
    fn axes_have_round_numbers() {
        check(&[3.0, 9.0], false, &["0", "2", "4", "6", "8", "10"]);
        check(&[0.3], false, &["0.0", "0.1", "0.2", "0.3"]);
        check(&[-4.0, 2.0], false, &["-4", "-2", "0", "2"]);
        check(&[12_345.0], false, &["0", "5,000", "10,000", "15,000"]);
        check(&[101.0, 103.0], true, &["101", "102", "103"]);
        check(&[101.5, 103.0], true, &["101.5", "102.0", "102.5", "103.0"]);
        check(&[], false, &["0", "1"]);
        check(&[], true, &["0", "1"]);
        check(&[1.0, 2.0], false, &["0", "1", "2"]);
        check(&[7.0, 7.0], true, &["7", "8"]);
        check(
            &[7.5, 7.5],
            true,
            &["7.4", "7.6", "7.8", "8.0", "8.2", "8.4", "8.6"],
        );
    }
}
