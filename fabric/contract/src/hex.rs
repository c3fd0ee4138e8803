//! Bytes as lower-case hexadecimal digits: the one spelling that Spokegate has for them.

/// The digits of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(letter(byte >> 4));
        text.push(letter(byte & 0x0f));
    }
    text
}

fn letter(value: u8) -> char {
    char::from(match value {
        0..10 => value.wrapping_add(b'0'),
        _ => value.wrapping_sub(10).wrapping_add(b'a'),
    })
}

/// The bytes of `text`; none when it is odd, or holds anything but lower-case digits.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().copied().map(byte).collect()
}

/// At most `bytes_max` bytes.
pub fn decode_up_to(text: &str, bytes_max: usize) -> Option<Vec<u8>> {
    (text.len() <= bytes_max.saturating_mul(2)).then(|| decode(text))?
}

/// Exactly `N` bytes. Leaves no copy of them on the heap.
pub fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    for (into, pair) in bytes.iter_mut().zip(pairs) {
        *into = byte(*pair)?;
    }
    Some(bytes)
}

/// Whether `text` is `digits` lower-case digits.
pub fn is_digits(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| digit(byte).is_some())
}

fn byte([high, low]: [u8; 2]) -> Option<u8> {
    Some(digit(high)?.checked_shl(4)? | digit(low)?)
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
        assert_eq!(decode_up_to("00ab", 3), Some(vec![0, 0xab]));
        assert_eq!(decode_up_to("00abff00", 3), None);
        assert_eq!(decode_array::<3>("00abff"), Some([0, 0xab, 0xff]));
        for text in [
            "00abf", "00abff0", "00abff00", "00ab", "00ABFF", "00abfg", "+0abff", "00abfé", "",
        ] {
            assert_eq!(decode_array::<3>(text), None, "{text:?}");
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
