use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use spokegate_contract::hex;

use super::*;

fn place(address: (&str, &str), name: &str) -> (Address, SecretName) {
    let (tenant, satellite) = address;
    let address = Address::new(tenant.parse().unwrap(), satellite.parse().unwrap());
    (address, name.parse().unwrap())
}

fn key() -> (PublicKey, String) {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let public = PublicKey::from_bytes(pair.public_key_raw()).unwrap();
    (public, pair.serialize_pem())
}

/// Sealed apart from this code, with Python's `cryptography` from the documented format; the keys are 32 bytes of 1 and of 2.
#[test]
fn the_format_is_the_documented_one() {
    let key = concat!(
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAgICAgICAgICAgIC",
        "AgICAgICAgICAgICAgICAgICAgKhRANCAARVD0cQA/Pfl8PfUGrHl/ZyH7Gh+3uP",
        "b4PSJEmKZciOJBNgk9cBLlCac3FcvQsAo8wP9LXAGz/6GWqx+zJwNrjm"
    );
    let kind = "PRIVATE KEY";
    let pem = format!("-----BEGIN {kind}-----\n{key}\n-----END {kind}-----\n");
    let sealed: [u8; 108] = hex::decode_array(concat!(
        "73706f6b65676174652073656372657420763100",
        "046ff03b949241ce1dadd43519e6960e0a85b41a69a05c328103aa2bce1594ca16",
        "3c4f753a55bf01dc53f6c0b0c7eee78b40c6ff7d25a96e2282b989cef71c144a",
        "75fbdda71db105cee199057ad4784a0e0211bc74a3d034"
    ))
    .unwrap();
    let (address, name) = place(("acme", "hq"), "MAIL_PASSWORD");
    let opened = open(&pem, &address, &name, &sealed).unwrap();
    assert_eq!(opened.as_slice(), b"hunter2");
}

#[test]
fn a_secret_is_opened_by_its_satellite_at_its_place_only() {
    let ((public, private), (_, other)) = (key(), key());
    let (address, name) = place(("acme", "hq"), "MAIL_PASSWORD");
    let sealed = seal(&public, &address, &name, b"hunter2").unwrap();
    assert_eq!(sealed.len(), HEADER_BYTES + 7 + TAG_BYTES);
    let opened = open(&private, &address, &name, &sealed).unwrap();
    assert_eq!(opened.as_slice(), b"hunter2");
    let again = seal(&public, &address, &name, b"hunter2").unwrap();
    assert_ne!(sealed, again, "an ephemeral key of its own");

    let refused = |private: &str, (address, name): (Address, SecretName), sealed: &[u8]| {
        assert_eq!(
            open(private, &address, &name, sealed),
            Err(SecretError::Unopened)
        );
    };
    let here = || place(("acme", "hq"), "MAIL_PASSWORD");
    refused(&other, here(), &sealed);
    refused(&private, place(("acme", "hq2"), "MAIL_PASSWORD"), &sealed);
    refused(&private, place(("acme2", "hq"), "MAIL_PASSWORD"), &sealed);
    refused(&private, place(("acme", "hq"), "MAIL_PASSWORD2"), &sealed);
    for length in 0..sealed.len() {
        refused(&private, here(), &sealed[..length]);
    }
    for at in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        refused(&private, here(), &altered);
    }
}

#[test]
fn lengths_and_keys_have_their_bounds() {
    let (public, private) = key();
    let (address, name) = place(("acme", "hq"), "X");
    let seal_of = |bytes: usize| seal(&public, &address, &name, &vec![b'x'; bytes]);
    let longest = seal_of(SECRET_BYTES_MAX).unwrap();
    assert_eq!(longest.len(), SEALED_SECRET_BYTES_MAX);
    assert!(open(&private, &address, &name, &longest).is_ok());
    assert_eq!(seal_of(SECRET_BYTES_MAX + 1), Err(SecretError::TooLong));
    let mut off = [1; 65];
    off[0] = 4;
    let off = PublicKey::from_bytes(&off).unwrap();
    assert_eq!(seal(&off, &address, &name, b"x"), Err(SecretError::Key));
    let foreign = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    for pem in ["", "x", &foreign.serialize_pem()] {
        let opened = open(pem, &address, &name, &longest);
        assert_eq!(opened, Err(SecretError::Private));
    }
}
