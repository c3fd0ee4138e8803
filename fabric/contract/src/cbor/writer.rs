//! Writes deterministic CBOR heads.

use super::{major, simple};

/// Appends items to a buffer. The caller writes map keys in order: shorter first, then bytewise.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// A writer that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    fn head(&mut self, major: u8, value: u64) {
        let lead = major << 5;
        if let Ok(byte) = u8::try_from(value) {
            if byte < 24 {
                self.out.push(lead | byte);
            } else {
                self.out.extend_from_slice(&[lead | 24, byte]);
            }
        } else if let Ok(short) = u16::try_from(value) {
            self.out.push(lead | 25);
            self.out.extend_from_slice(&short.to_be_bytes());
        } else if let Ok(word) = u32::try_from(value) {
            self.out.push(lead | 26);
            self.out.extend_from_slice(&word.to_be_bytes());
        } else {
            self.out.push(lead | 27);
            self.out.extend_from_slice(&value.to_be_bytes());
        }
    }

    /// An unsigned integer.
    pub fn unsigned(&mut self, value: u64) {
        self.head(major::UNSIGNED, value);
    }

    /// A signed integer.
    pub fn integer(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.head(major::UNSIGNED, value),
            // CBOR stores n as -1 - n, which is the bitwise complement.
            Err(_) => self.head(major::NEGATIVE, (!value).unsigned_abs()),
        }
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        self.head(major::TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    /// A byte string.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.head(major::BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    /// The head of an array of `length` items, which follow.
    pub fn array(&mut self, length: usize) {
        self.head(major::ARRAY, length as u64);
    }

    /// The head of a map of `length` pairs, which follow.
    pub fn map(&mut self, length: usize) {
        self.head(major::MAP, length as u64);
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        self.out
            .push(if value { simple::TRUE } else { simple::FALSE });
    }

    /// Null.
    pub fn null(&mut self) {
        self.out.push(simple::NULL);
    }

    /// A finite float with a fraction, in the shortest of the three widths that keeps its value.
    pub fn float(&mut self, value: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the next line asks whether anything was lost"
        )]
        let single = value as f32;
        if f64::from(single) != value {
            self.out.push(simple::F64);
            self.out.extend_from_slice(&value.to_be_bytes());
        } else if let Some(half) = half(single) {
            self.out.push(simple::F16);
            self.out.extend_from_slice(&half.to_be_bytes());
        } else {
            self.out.push(simple::F32);
            self.out.extend_from_slice(&single.to_be_bytes());
        }
    }
}

/// The bits of a finite single as a half (IEEE 754 binary16), if nothing is lost.
fn half(value: f32) -> Option<u16> {
    let bits = value.to_bits();
    let sign = u16::try_from(bits >> 16 & 0x8000).ok()?;
    let exponent = i32::try_from(bits >> 23 & 0xff).ok()?.wrapping_sub(127);
    let mantissa = bits & 0x007f_ffff;
    if (-14..=15).contains(&exponent) {
        if mantissa & 0x1fff != 0 {
            return None;
        }
        let biased = u32::try_from(exponent.wrapping_add(15)).ok()?;
        return u16::try_from(biased << 10 | mantissa >> 13)
            .ok()
            .map(|half| sign | half);
    }
    // Subnormal halves: 2^-24 to just below 2^-14.
    if (-24..=-15).contains(&exponent) {
        let shift = u32::try_from(exponent.wrapping_neg().wrapping_sub(1)).ok()?;
        let full = mantissa | 0x0080_0000;
        let lost = full & (1_u32 << shift).wrapping_sub(1);
        return (lost == 0).then(|| u16::try_from(full >> shift).ok().map(|half| sign | half))?;
    }
    (bits & 0x7fff_ffff == 0).then_some(sign)
}
