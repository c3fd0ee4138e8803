//! Lower-case hexadecimal digits, in one spelling.

/// Two digits for each byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly `N` bytes in lower case, or nothing.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode_up_to(text, N)?.try_into().ok()
}

/// At most `bytes_max` bytes in lower case, or nothing.
pub(crate) fn decode_up_to(text: &str, bytes_max: usize) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() / 2 > bytes_max {
        return None;
    }
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_of_a_given_length() {
        assert_eq!(encode(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(decode::<3>("00abff"), Some([0, 0xab, 0xff]));
        for text in [
            "00abf", "00abff0", "00abff00", "00ab", "00ABFF", "00abfg", "+0abff", "00abfé", "",
        ] {
            assert_eq!(decode::<3>(text), None, "{text:?}");
        }
        assert_eq!(decode_up_to("00ab", 3), Some(vec![0, 0xab]));
        assert_eq!(decode_up_to("00abff00", 3), None);
    }
}
