use super::*;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

fn encode(value: &Value) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    from_json(value, &mut out)?;
    Ok(out)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Vectors of RFC 8949 appendix A, where the profile has them.
#[test]
fn known_encodings() {
    for (value, expected) in [
        (json!(0), "00"),
        (json!(23), "17"),
        (json!(24), "1818"),
        (json!(100), "1864"),
        (json!(1000), "1903e8"),
        (json!(1_000_000), "1a000f4240"),
        (json!(1_000_000_000_000_u64), "1b000000e8d4a51000"),
        (json!(9_007_199_254_740_991_u64), "1b001fffffffffffff"),
        (json!(-1), "20"),
        (json!(-1000), "3903e7"),
        (json!(0.0), "00"),
        (json!(-0.0), "00"),
        (json!(1.0), "01"),
        (json!(1.5), "f93e00"),
        (json!(-4.1), "fbc010666666666666"),
        (json!(0.000_061_035_156_25), "f90400"),
        (json!(5.960_464_477_539_063e-8), "f90001"),
        (json!(0.5 + 1.0 / 4096.0), "fa3f001000"),
        (json!(1.1), "fb3ff199999999999a"),
        (json!(null), "f6"),
        (json!(true), "f5"),
        (json!("IETF"), "6449455446"),
        (json!("Zoe\u{308}"), "645a6fc3ab"),
        (json!([1, [2, 3]]), "8201820203"),
        (json!({"b": 1, "a": 2, "aa": 3}), "a3616102616201626161 03"),
    ] {
        assert_eq!(
            encode(&value).map(|b| hex(&b)),
            Ok(expected.replace(' ', "")),
            "{value}"
        );
    }
}

#[test]
fn what_cannot_be_sent_is_named_with_its_place() {
    let deep = (0..17).fold(json!(1), |inner, _| json!([inner]));
    let fits = (0..16).fold(json!(1), |inner, _| json!([inner]));
    assert!(encode(&fits).is_ok());
    for (value, expected) in [
        (
            json!(9_007_199_254_740_992_u64),
            "a number beyond ±9007199254740991 at the top",
        ),
        (
            json!([{"a/b": [1, 1e300]}]),
            "a number beyond ±9007199254740991 at /0/a~1b/1",
        ),
        (
            json!({"t": "x".repeat(65_537)}),
            "a text longer than 65536 bytes at /t",
        ),
        (
            json!({"\u{e9}": 1, "e\u{301}": 2}),
            "two keys that are the same text at /é",
        ),
        (
            deep,
            "nesting deeper than 16 levels at /0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0",
        ),
    ] {
        assert_eq!(
            encode(&value).map_err(|e| e.to_string()),
            Err(expected.to_owned())
        );
    }
}

#[track_caller]
fn unsigned(bytes: &[u8], expected: Result<u64, ReadError>) {
    let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
    assert_eq!(
        reader
            .unsigned(1_000_000)
            .and_then(|n| reader.finish().map(|()| n)),
        expected,
        "{bytes:02x?}"
    );
}

#[test]
fn only_the_shortest_form_is_read() {
    unsigned(&[0x17], Ok(23));
    unsigned(&[0x18, 0x18], Ok(24));
    unsigned(&[0x18, 0x17], Err(ReadError::Form));
    unsigned(&[0x19, 0x00, 0xff], Err(ReadError::Form));
    unsigned(&[0x1a, 0x00, 0x00, 0xff, 0xff], Err(ReadError::Form));
    unsigned(
        &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        Err(ReadError::Form),
    );
    unsigned(&[0x1a, 0x00, 0x0f, 0x42, 0x40], Ok(1_000_000));
    unsigned(&[0x1a, 0x00, 0x0f, 0x42, 0x41], Err(ReadError::Limit));
    unsigned(&[0x1f], Err(ReadError::Form));
    unsigned(&[0x1c], Err(ReadError::Form));
    unsigned(&[0x20], Err(ReadError::Type));
    unsigned(&[], Err(ReadError::Short));
    unsigned(&[0x19, 0x01], Err(ReadError::Short));
    unsigned(&[0x00, 0x00], Err(ReadError::Trailing));
}

proptest! {
    #[test]
    fn floats_keep_their_value(value in -1e15f64..1e15) {
        let bytes = encode(&json!(value)).unwrap();
        let read = match bytes.as_slice() {
            [0xf9, a, b] => half_to_f64(u16::from_be_bytes([*a, *b])),
            [0xfa, rest @ ..] => f64::from(f32::from_be_bytes(rest.try_into().unwrap())),
            [0xfb, rest @ ..] => f64::from_be_bytes(rest.try_into().unwrap()),
            _ => value,
        };
        prop_assert_eq!(read, value);
    }

    #[test]
    fn halves_are_found(bits in 0u16..0x7c00) {
        let value = half_to_f64(bits);
        prop_assume!(value.fract() != 0.0);
        let bytes = encode(&json!(value)).unwrap();
        let expected = [&[0xf9][..], &bits.to_be_bytes()].concat();
        prop_assert_eq!(bytes, expected);
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut reader = Reader::new(Bytes::from(bytes));
        if let Ok(mut map) = reader.map(4) {
            while let Ok(Some(value)) = map.optional("v") {
                let _ = value.unsigned(10);
            }
        }
    }
}

fn half_to_f64(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let size = if exponent == 0 {
        mantissa * 2f64.powi(-24)
    } else {
        (1.0 + mantissa / 1024.0) * 2f64.powi(exponent - 15)
    };
    if bits & 0x8000 == 0 { size } else { -size }
}
