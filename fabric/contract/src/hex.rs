//! Bytes as lower-case hexadecimal digits: the one spelling that the wire has for them.

use std::fmt::Write;

/// The digits of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes of `text`; none when it is odd, or holds anything but lower-case digits.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)?.checked_shl(4)? | digit(*low)?))
        .collect()
}

/// Whether `text` is `digits` lower-case digits.
pub fn is_digits(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| digit(byte).is_some())
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling() {
        assert_eq!(decode("00ff0a"), Some(vec![0, 255, 10]));
        assert_eq!(decode(""), Some(Vec::new()));
        for text in ["0", "0F", "0g", "0x", " 0", "00 ", "é"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        assert!(is_digits("0a", 2));
        assert!(!is_digits("0a", 4) && !is_digits("0A", 2));
    }

    proptest! {
        #[test]
        fn bytes_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn what_is_read_is_what_is_written(text in "[0-9a-fA-F]{0,8}|\\PC{0,8}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
