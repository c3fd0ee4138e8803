use proptest::prelude::*;

use super::*;

/// Computed apart from this code, with Python's `cryptography` from the documented format.
#[test]
fn the_format_is_the_documented_one() {
    let key = |byte: &str| OpeningKey::from_stored(&byte.repeat(32)).unwrap();
    let (ephemeral, ours) = (key("01"), key("02"));
    let sealed = seal_with(&ephemeral, &ours.recipient(), b"bundle").unwrap();
    let expected = concat!(
        "73706f6b6567617465207365616c656420763100",
        "a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209",
        "116f19c9c7ae7d29c97b9be4820a20fe84d2c7356477"
    );
    assert_eq!(hex::encode(&sealed), expected);
    assert_eq!(ours.open(&sealed).unwrap().as_slice(), b"bundle");
}

#[test]
fn what_is_sealed_is_opened_by_its_recipient_only() {
    let (ours, theirs) = (OpeningKey::generate(), OpeningKey::generate());
    let sealed = seal(&ours.recipient(), b"bundle").unwrap();
    assert_eq!(sealed.len(), HEADER_BYTES + 6 + TAG_BYTES);
    assert_eq!(ours.open(&sealed).unwrap().as_slice(), b"bundle");
    assert_eq!(theirs.open(&sealed), Err(SealedError::Unopened));
    let again = seal(&ours.recipient(), b"bundle").unwrap();
    assert_ne!(sealed, again, "an ephemeral key of its own");
}

#[test]
fn keys_have_one_stored_form() {
    let key = OpeningKey::generate();
    let again = OpeningKey::from_stored(&key.to_stored()).unwrap();
    assert_eq!(again.recipient(), key.recipient());
    assert_eq!(key.recipient().to_string().parse(), Ok(key.recipient()));
    let shown = format!("{key:?}");
    assert!(!shown.contains(key.to_stored().as_str()), "{shown}");
    for text in ["", "00", &"0A".repeat(32), &"0a".repeat(33)] {
        assert_eq!(text.parse::<Recipient>(), Err(SealedError::Recipient));
        assert_eq!(
            OpeningKey::from_stored(text).err(),
            Some(SealedError::Recipient)
        );
    }
}

/// Points of small order (RFC 7748 §6.1): the shared secret would be zero for everyone.
#[test]
fn weak_points_are_refused_on_both_sides() {
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one] {
        assert_eq!(seal(&Recipient(point), b"x"), Err(SealedError::Weak));
        let sealed = [NAME.as_slice(), &point, &[0; 20]].concat();
        let refused = OpeningKey::generate().open(&sealed);
        assert_eq!(refused, Err(SealedError::Unopened));
    }
}

#[test]
fn lengths_are_bounded() {
    let key = OpeningKey::generate();
    let longest = vec![7; PLAIN_BYTES_MAX];
    let sealed = seal(&key.recipient(), &longest).unwrap();
    assert_eq!(sealed.len(), SEALED_BYTES_MAX);
    assert_eq!(key.open(&sealed).unwrap().as_slice(), longest);
    let longer = vec![7; PLAIN_BYTES_MAX + 1];
    assert_eq!(seal(&key.recipient(), &longer), Err(SealedError::TooLong));
    assert_eq!(
        key.open(&[sealed, vec![0]].concat()),
        Err(SealedError::Unopened)
    );
    let nothing = seal(&key.recipient(), b"").unwrap();
    assert_eq!(key.open(&nothing).unwrap().as_slice(), b"");
    for length in 0..nothing.len() {
        assert_eq!(key.open(&nothing[..length]), Err(SealedError::Unopened));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn texts_round_trip(plain in prop::collection::vec(any::<u8>(), 0..400)) {
        let key = OpeningKey::generate();
        let sealed = seal(&key.recipient(), &plain).unwrap();
        let opened = key.open(&sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), plain);
    }

    #[test]
    fn one_changed_bit_closes_it(plain in prop::collection::vec(any::<u8>(), 0..100), at in any::<usize>()) {
        let key = OpeningKey::generate();
        let mut sealed = seal(&key.recipient(), &plain).unwrap();
        let bit = at % (sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(key.open(&sealed), Err(SealedError::Unopened));
    }

    #[test]
    fn foreign_bytes_are_not_opened(bytes in prop::collection::vec(any::<u8>(), 0..200), named in any::<bool>()) {
        let bytes = if named { [NAME.as_slice(), &bytes].concat() } else { bytes };
        prop_assert_eq!(OpeningKey::generate().open(&bytes), Err(SealedError::Unopened));
    }
}
