//! Lengths on paper.

use std::str::FromStr;

/// English metric units, in which drawings are measured, in an inch.
const EMU_PER_INCH: f64 = 914_400.0;
/// The longest side that a drawing may have (ECMA-376 part 1, §20.1.10.42).
const EMU_MAX: f64 = 27_273_042_316_900.0;

/// A length in English metric units: 914,400 to the inch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(u64);

impl Length {
    /// Centimetres.
    #[must_use]
    pub fn cm(value: f64) -> Self {
        Self::inches(value / 2.54)
    }

    /// Inches.
    #[must_use]
    pub fn inches(value: f64) -> Self {
        Self((value * EMU_PER_INCH).round().clamp(1.0, EMU_MAX) as u64)
    }

    /// Points, 72 to the inch.
    #[must_use]
    pub fn points(value: f64) -> Self {
        Self::inches(value / 72.0)
    }

    /// English metric units.
    #[must_use]
    pub fn emu(self) -> u64 {
        self.0
    }
}

/// Text that is not a length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a length\nhint: write it like \"4cm\", \"40mm\", \"1.5in\", \"90pt\" or \"300px\""
)]
pub struct LengthError(String);

impl FromStr for Length {
    type Err = LengthError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || LengthError(text.chars().take(40).collect());
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let per_inch = match unit.trim_start() {
            "cm" => 2.54,
            "mm" => 25.4,
            "in" => 1.0,
            "pt" => 72.0,
            "px" => 96.0,
            _ => return Err(refused()),
        };
        let number: f64 = number.parse().map_err(|_| refused())?;
        if number <= 0.0 {
            return Err(refused());
        }
        Ok(Self::inches(number / per_inch))
    }
}

#[cfg(test)]
mod tests {
    use super::Length;

    #[test]
    fn lengths_are_read_in_every_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(
                text.parse::<Length>().ok().map(Length::emu),
                expected,
                "{text}"
            );
        };
        check("1in", Some(914_400));
        check("2.54 cm", Some(914_400));
        check("25.4mm", Some(914_400));
        check(" 72pt ", Some(914_400));
        check("96px", Some(914_400));
        check("96", None);
        check("0cm", None);
        check("-1cm", None);
        check("1..2cm", None);
        check("cm", None);
        check("4 km", None);
        check("9999999999999999cm", Some(27_273_042_316_900));
    }
}
