//! What opens, and what does not.

use super::*;
use proptest::prelude::*;

const PLACE: Place<'static> = Place {
    scope: "secret",
    name: "psa",
    version: 3,
};

fn elsewhere() -> [Place<'static>; 5] {
    [
        Place {
            scope: "totp",
            ..PLACE
        },
        Place {
            name: "psb",
            ..PLACE
        },
        Place {
            version: 2,
            ..PLACE
        },
        // The same letters, otherwise divided.
        Place {
            scope: "secretp",
            name: "sa",
            ..PLACE
        },
        Place {
            scope: "secre",
            name: "tpsa",
            ..PLACE
        },
    ]
}

fn master(byte: u8) -> MasterKey {
    MasterKey::new(Zeroizing::new([byte; KEY_BYTES]))
}

#[test]
fn a_wrapped_key_opens_with_its_master_key_at_its_place_alone() {
    let key = random_key().unwrap();
    let wrapped = master(1).wrap(PLACE, &key).unwrap();
    assert_eq!(*master(1).unwrap(PLACE, &wrapped).unwrap(), *key);
    assert_eq!(master(2).unwrap(PLACE, &wrapped), Err(NotOurs));
    for place in elsewhere() {
        assert_eq!(master(1).unwrap(place, &wrapped), Err(NotOurs), "{place:?}");
    }
    // The other layer's bytes are no wrapped key.
    let message = seal_message(&Zeroizing::new([1; KEY_BYTES]), PLACE, key.as_slice()).unwrap();
    assert_eq!(master(1).unwrap(PLACE, &message), Err(NotOurs));
}

#[test]
fn a_value_opens_with_its_key_at_its_place_alone() {
    let key = random_key().unwrap();
    let sealed = seal_once(&key, PLACE, b"hunter2");
    assert_eq!(
        open_once(&key, PLACE, &sealed).unwrap().as_slice(),
        b"hunter2"
    );
    assert!(open_once(&random_key().unwrap(), PLACE, &sealed).is_err());
    for place in elsewhere() {
        assert!(open_once(&key, place, &sealed).is_err(), "{place:?}");
    }
}

#[test]
fn no_changed_or_shortened_byte_opens() {
    let key = random_key().unwrap();
    let once = seal_once(&key, PLACE, b"hunter2");
    let message = seal_message(&key, PLACE, b"hunter2").unwrap();
    for at in 0..once.len() {
        let mut bad = once.clone();
        bad[at] ^= 1;
        assert!(open_once(&key, PLACE, &bad).is_err(), "byte {at}");
        assert!(open_once(&key, PLACE, &once[..at]).is_err(), "{at} bytes");
    }
    for at in 0..message.len() {
        let mut bad = message.clone();
        bad[at] ^= 1;
        assert!(open_message(&key, PLACE, &bad).is_err(), "byte {at}");
        assert!(
            open_message(&key, PLACE, &message[..at]).is_err(),
            "{at} bytes"
        );
    }
}

#[test]
fn the_same_text_never_looks_the_same() {
    let key = random_key().unwrap();
    let first = seal_message(&key, PLACE, b"same").unwrap();
    assert_ne!(first, seal_message(&key, PLACE, b"same").unwrap());
    let (one, two) = (master(1).wrap(PLACE, &key), master(1).wrap(PLACE, &key));
    assert_ne!(one.unwrap(), two.unwrap());
}

#[test]
fn a_key_is_known_by_an_identity_that_is_not_a_part_of_it() {
    assert_eq!(master(7).id(), master(7).id());
    assert_ne!(master(7).id(), master(8).id());
    assert_eq!(master(7).id().len(), 16);
    assert!(!master(7).id().contains("0707"));
}

proptest! {
    #[test]
    fn whatever_was_sealed_opens(text in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let key = random_key().unwrap();
        let once = open_once(&key, PLACE, &seal_once(&key, PLACE, &text)).unwrap();
        prop_assert_eq!(once.as_slice(), text.as_slice());
        let message = seal_message(&key, PLACE, &text).unwrap();
        let message = open_message(&key, PLACE, &message).unwrap();
        prop_assert_eq!(message.as_slice(), text.as_slice());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let key = random_key().unwrap();
        prop_assert!(open_message(&key, PLACE, &bytes).is_err());
        prop_assert!(open_once(&key, PLACE, &bytes).is_err());
        prop_assert!(master(1).unwrap(PLACE, &bytes).is_err());
    }
}
