use super::*;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P384_SHA384,
    PublicKeyData, SanType,
};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/csr");

fn seed(name: &str) -> Vec<u8> {
    std::fs::read(format!("{CORPUS}/{name}")).unwrap()
}

#[track_caller]
fn check(name: &str, expected: Result<(), CsrRule>) {
    assert_eq!(public_key(&seed(name)).map(|_| ()), expected, "{name}");
}

#[test]
fn requests_of_another_encoder_are_read_or_refused_by_name() {
    check("good", Ok(()));
    check("ca-and-foreign-san", Ok(()));
    check("rsa", Err(CsrRule::Key));
    check("ed25519", Err(CsrRule::Key));
    check("p384", Err(CsrRule::Key));
    check("compressed-point", Err(CsrRule::Key));
    check("explicit-curve", Err(CsrRule::Key));
    check("sha512", Err(CsrRule::Algorithm));
    check("bad-signature", Err(CsrRule::Signature));
    check("changed-subject", Err(CsrRule::Signature));
    for malformed in [
        "trailing",
        "cut",
        "indefinite",
        "long-form-length",
        "deep",
        "high-tag",
        "no-attributes",
        "version-1",
        "empty",
    ] {
        check(malformed, Err(CsrRule::Der));
    }
    let seeds = std::fs::read_dir(CORPUS).unwrap();
    let mut replayed = 0;
    for seed in seeds {
        assert_key_or_refusal(&std::fs::read(seed.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 19, "a corpus of {replayed}");
}

/// Asks for all that a certificate must not give: an authority, and another tenant's name.
fn greedy(key: &KeyPair) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "globex");
    let uri = "spiffe://spokegate.local/tenant/globex/satellite/hq";
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.serialize_request(key).unwrap().der().to_vec()
}

#[test]
fn of_a_greedy_request_the_key_is_all_that_is_left() {
    let key = KeyPair::generate().unwrap();
    let request = greedy(&key);
    let text = String::from_utf8_lossy(&request);
    assert!(text.contains("globex"));
    assert_eq!(public_key(&request).unwrap(), key.der_bytes());
}

#[test]
fn keys_that_are_not_p256_are_refused_from_our_own_encoder_too() {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    assert_eq!(public_key(&greedy(&key)), Err(CsrRule::Key));
}

#[test]
fn a_signature_by_another_key_proves_nothing() {
    let (one, two) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut request = greedy(&one);
    let at = request
        .windows(PUBLIC_KEY_BYTES)
        .position(|part| part == one.der_bytes())
        .unwrap();
    request[at..at + PUBLIC_KEY_BYTES].copy_from_slice(two.der_bytes());
    assert_eq!(public_key(&request), Err(CsrRule::Signature));
    // A point that is on no curve is no key at all.
    request[at + 1..at + PUBLIC_KEY_BYTES].fill(0xff);
    assert_eq!(public_key(&request), Err(CsrRule::Signature));
}

#[test]
fn size_is_bounded() {
    let mut params = CertificateParams::default();
    let long = "x".repeat(CSR_BYTES_MAX);
    params.distinguished_name.push(DnType::CommonName, long);
    let request = params
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap();
    assert_eq!(public_key(request.der()), Err(CsrRule::Der));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        assert_key_or_refusal(&bytes);
    }

    #[test]
    fn no_changed_byte_is_signed_and_no_cut_is_whole(at in 0usize..206, change in 1u8.., name in prop::sample::select(vec!["good", "ca-and-foreign-san"])) {
        let mut request = seed(name);
        let at = at % request.len();
        prop_assert!(public_key(&request[..at]).is_err());
        request[at] ^= change;
        prop_assert!(public_key(&request).is_err());
    }
}
