//! Half-precision floats, and which floats have a shorter form.

/// The value of an IEEE 754 half.
pub(super) fn half_to_f64(bits: u16) -> f64 {
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if bits & 0x3ff == 0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent.saturating_sub(25)),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

/// Whether a finite single has an exact half.
pub(super) fn fits_half(value: f32) -> bool {
    let bits = value.to_bits();
    let exponent = i32::try_from((bits >> 23) & 0xff)
        .unwrap_or(i32::MAX)
        .saturating_sub(127);
    let must_be_zero = match exponent {
        -14..=15 => 13,
        -24..=-15 => (-1i32).saturating_sub(exponent),
        _ => return value == 0.0,
    };
    let mask = 1u32
        .checked_shl(must_be_zero.unsigned_abs())
        .unwrap_or(0)
        .wrapping_sub(1);
    bits & 0x7f_ffff & mask == 0
}

/// Whether a finite double has an exact single.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the truncation is what is tested"
)]
pub(super) fn fits_single(value: f64) -> bool {
    f64::from(value as f32).to_bits() == value.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_fits_and_its_neighbours_do_not() {
        for bits in 0..0x7c00u16 {
            let value = half_to_f64(bits);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a half is exact in a single"
            )]
            let single = value as f32;
            assert!(fits_single(value) && fits_half(single), "{bits:#x}");
            let neighbour = f32::from_bits(single.to_bits() + 1);
            assert!(!fits_half(neighbour), "{bits:#x}");
        }
        assert!(!fits_single(0.1) && fits_single(0.5) && !fits_half(65536.5) && !fits_half(1e-9));
    }
}
