//! Codes that change every thirty seconds (RFC 6238 over HMAC-SHA-1, six digits: what every authenticator app makes).

use ring::hmac;
use subtle::ConstantTimeEq as _;

/// Bytes of a shared secret; RFC 4226 §4 asks for at least 16 and recommends 20.
pub const SECRET_BYTES: usize = 20;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// How long a code lasts.
const STEP_MS: u64 = 30_000;
/// Steps to either side that count, for clocks that are off and people who type slowly.
const SKEW: u64 = 1;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step that a moment lies in.
#[must_use]
pub fn step_at(now_ms: u64) -> u64 {
    now_ms / STEP_MS
}

/// The code of a step.
#[must_use]
pub fn code(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    // Dynamic truncation, RFC 4226 §5.3.
    let offset = usize::from(tag.last().copied().unwrap_or(0) & 0x0f);
    let word = tag.iter().skip(offset).take(4);
    let number = word.fold(0_u32, |number, byte| (number << 8) | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// The step of a typed code, when it is right now or a step beside, and later than `last_step`, the one used last.
#[must_use]
pub fn matching_step(secret: &[u8], typed: &str, now_ms: u64, last_step: u64) -> Option<u64> {
    let now = step_at(now_ms);
    let steps = now.saturating_sub(SKEW)..=now.saturating_add(SKEW);
    // Every step is looked at, so that the time does not tell which one it was.
    let matching =
        steps.filter(|step| bool::from(code(secret, *step).as_bytes().ct_eq(typed.as_bytes())));
    matching.filter(|step| *step > last_step).max()
}

/// Base32 without padding (RFC 4648 §6), as apps want secrets and people read them.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(buffer >> bits));
        }
    }
    if bits > 0 {
        text.push(letter(buffer << (5 - bits)));
    }
    text
}

fn letter(bits: u32) -> char {
    char::from(BASE32[(bits & 0x1f) as usize])
}

/// What the QR code says to the app.
#[must_use]
pub fn uri(secret: &[u8], account: &str) -> String {
    let plain = |text: &str| -> String {
        url::form_urlencoded::byte_serialize(text.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    };
    format!(
        "otpauth://totp/Spokegate:{}?secret={}&issuer=Spokegate&algorithm=SHA1&digits={DIGITS}&period={}",
        plain(account),
        base32(secret),
        STEP_MS / 1_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1; six digits are the last six of its eight.
    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        let check = |seconds: u64, expected: &str| {
            assert_eq!(
                code(b"12345678901234567890", step_at(seconds * 1_000)),
                expected
            );
        };
        check(59, "287082");
        check(1_111_111_109, "081804");
        check(1_111_111_111, "050471");
        check(1_234_567_890, "005924");
        check(2_000_000_000, "279037");
        check(20_000_000_000, "353130");
    }

    /// RFC 4226 appendix D.
    #[test]
    fn the_codes_are_those_of_rfc_4226() {
        for (step, expected) in ["755224", "287082", "359152", "969429", "338314"]
            .iter()
            .enumerate()
        {
            assert_eq!(code(b"12345678901234567890", step as u64), *expected);
        }
    }

    #[test]
    fn a_code_counts_now_and_a_step_beside_and_never_again() {
        let secret = b"12345678901234567890";
        let now_ms = 1_111_111_111_000;
        let now = step_at(now_ms);
        let check = |step: u64, last: u64, expected: Option<u64>| {
            let typed = code(secret, step);
            assert_eq!(
                matching_step(secret, &typed, now_ms, last),
                expected,
                "{step} after {last}"
            );
        };
        check(now, 0, Some(now));
        check(now - 1, 0, Some(now - 1));
        check(now + 1, 0, Some(now + 1));
        check(now - 2, 0, None);
        check(now + 2, 0, None);
        check(now, now, None);
        check(now - 1, now, None);
        check(now + 1, now, Some(now + 1));
        assert_eq!(
            matching_step(b"another secret here.", &code(secret, now), now_ms, 0),
            None
        );
        for typed in ["", "05047", "0504711", " 50471"] {
            assert_eq!(matching_step(secret, typed, now_ms, 0), None, "{typed:?}");
        }
    }

    /// RFC 4648 §10, without padding.
    #[test]
    fn base32_is_that_of_rfc_4648() {
        let check = |text: &str, expected: &str| assert_eq!(base32(text.as_bytes()), expected);
        check("", "");
        check("f", "MY");
        check("fo", "MZXQ");
        check("foo", "MZXW6");
        check("foob", "MZXW6YQ");
        check("fooba", "MZXW6YTB");
        check("foobar", "MZXW6YTBOI");
    }

    #[test]
    fn the_app_reads_who_and_what() {
        assert_eq!(
            uri(b"foobar", "zoë b&c"),
            "otpauth://totp/Spokegate:zo%C3%AB%20b%26c?secret=MZXW6YTBOI&issuer=Spokegate&algorithm=SHA1&digits=6&period=30"
        );
    }
}
