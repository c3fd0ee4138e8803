use proptest::prelude::*;
use spokegate_contract::hex;
use spokegate_contract::limits::SIGNATURE_BYTES_MAX;

use super::*;

/// Both computed apart from this code, with Python's hashlib and hmac over the documented bytes.
#[test]
fn the_join_proof_is_the_documented_one() {
    let secret = JoinSecret::from_bytes([7; 32]);
    let key = JoinProofKey::of(&secret);
    assert_eq!(
        hex::encode(key.expose()),
        "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0"
    );
    let point = PublicKey::from_bytes(&[[4; 1].as_slice(), &[9; 64]].concat()).unwrap();
    assert_eq!(
        hex::encode(&join(&key, &point)),
        "1ec5f1316dc2772b820786064583cb6cec6b5c9cce88a1ec60e39c3956736e1f"
    );
    assert_eq!(format!("{key:?} {secret:?}"), "[redacted] [redacted]");
}

#[test]
fn the_signed_bytes_are_the_documented_ones() {
    let id = RequestId::from_bytes([1; 16]);
    let point = PublicKey::from_bytes(&[[4; 1].as_slice(), &[9; 64]].concat()).unwrap();
    let mut renewal = b"spokegate renew v1\0".to_vec();
    renewal.extend([1; 16]);
    renewal.push(4);
    renewal.extend([9; 64]);
    assert_eq!(renewal_message(&id, &point), renewal);
    let message = admission_message(&id, b"", b"");
    assert_eq!(
        &message[..39],
        [b"spokegate admission v1\0".as_slice(), &[1; 16]].concat()
    );
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex::encode(&message[39..]), empty.repeat(2));
}

#[test]
fn a_join_proof_holds_for_its_key_and_its_secret_only() {
    let (ours, theirs) = (key(), key());
    let secret = JoinSecret::generate();
    let proof_key = JoinProofKey::of(&secret);
    let proof = join(&proof_key, &ours.public_key());
    let check = |key: &JoinProofKey, public_key: &PublicKey, proof: &[u8], expected| {
        assert_eq!(verify_join(key, public_key, proof), expected);
    };
    check(&proof_key, &ours.public_key(), &proof, Ok(()));
    check(&proof_key, &theirs.public_key(), &proof, Err(Mismatch));
    let other = JoinProofKey::of(&JoinSecret::generate());
    check(&other, &ours.public_key(), &proof, Err(Mismatch));
    check(&proof_key, &ours.public_key(), &proof[..31], Err(Mismatch));
    check(&proof_key, &ours.public_key(), &[], Err(Mismatch));
    let longer = [proof.as_slice(), &[0]].concat();
    check(&proof_key, &ours.public_key(), &longer, Err(Mismatch));
}

#[test]
fn a_renewal_holds_for_its_certificate_request_and_key_only() {
    let (current, new, other) = (key(), key().public_key(), key());
    let (id, other_id) = (RequestId::random(), RequestId::random());
    let signature = renewal(&current, &id, &new).unwrap();
    assert!(signature.len() <= SIGNATURE_BYTES_MAX);
    let check = |by: &PublicKey, id: &RequestId, new: &PublicKey, signature: &[u8], expected| {
        assert_eq!(verify_renewal(by, id, new, signature), expected);
    };
    let by = current.public_key();
    check(&by, &id, &new, &signature, Ok(()));
    check(&other.public_key(), &id, &new, &signature, Err(Mismatch));
    check(&by, &other_id, &new, &signature, Err(Mismatch));
    check(&by, &id, &other.public_key(), &signature, Err(Mismatch));
    check(&by, &id, &new, &signature[1..], Err(Mismatch));
    check(&by, &id, &new, &[], Err(Mismatch));
}

#[test]
fn an_admission_holds_for_its_request_certificate_and_roots_only() {
    let (authority, other) = (key(), key());
    let (id, other_id) = (RequestId::random(), RequestId::random());
    let signature = admission(&authority, &id, b"certificate", b"roots").unwrap();
    let check = |by: &SigningKey, id: &RequestId, what: (&str, &str), expected| {
        let what = (what.0.as_bytes(), what.1.as_bytes());
        let by = by.public_key();
        assert_eq!(verify_admission(&by, id, what, &signature), expected);
    };
    check(&authority, &id, ("certificate", "roots"), Ok(()));
    check(&other, &id, ("certificate", "roots"), Err(Mismatch));
    check(
        &authority,
        &other_id,
        ("certificate", "roots"),
        Err(Mismatch),
    );
    check(&authority, &id, ("certificatf", "roots"), Err(Mismatch));
    check(&authority, &id, ("certificate", "root"), Err(Mismatch));
    check(&authority, &id, ("roots", "certificate"), Err(Mismatch));
    check(&authority, &id, ("certificater", "oots"), Err(Mismatch));
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    let (current, new) = (key(), key().public_key());
    let id = RequestId::random();
    let signature = renewal(&current, &id, &new).unwrap();
    let what: (&[u8], &[u8]) = (new.as_bytes(), b"");
    assert_eq!(
        verify_admission(&current.public_key(), &id, what, &signature),
        Err(Mismatch)
    );
}

#[test]
fn a_command_is_signed_whole() {
    let (own, other) = (key(), key().public_key());
    let hq: Address = Address::new("acme".parse().unwrap(), "hq".parse().unwrap());
    let branch: Address = Address::new("acme".parse().unwrap(), "branch".parse().unwrap());
    let (id, other_id) = (RequestId::from_bytes([1; 16]), RequestId::random());
    let claim = CommandClaim {
        address: &hq,
        verb: Verb::Restart,
        id: &id,
        number: 3,
        expires_ms: 1_700_000_000_000,
        args: b"\xa0",
    };
    // The digests computed apart from this code, with sha256sum over `acme/hq`, `restart` and the byte a0.
    let mut bytes = b"spokegate command v1\0".to_vec();
    bytes.extend([1; 16]);
    bytes.extend(
        hex::decode("2424d7283eb0174a9c7f7a53a244e4afdaaa1770e9be5976fd05c2120c5b2b70").unwrap(),
    );
    bytes.extend(
        hex::decode("3ace60b0a0c1b6c9345e31494142947aa97d4ef4912e895d8795663393819759").unwrap(),
    );
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1, 139, 207, 229, 104, 0]);
    bytes.extend(
        hex::decode("c19a797fa1fd590cd2e5b42d1cf5f246e29b91684e2f87404b81dc345c7a56a0").unwrap(),
    );
    assert_eq!(command_message(&claim), bytes);
    let signature = command(&own, &claim).unwrap();
    assert!(signature.len() <= SIGNATURE_BYTES_MAX);
    let check = |key: &PublicKey, claim: &CommandClaim<'_>, expected| {
        assert_eq!(verify_command(key, claim, &signature), expected);
    };
    let own = own.public_key();
    check(&own, &claim, Ok(()));
    check(&other, &claim, Err(Mismatch));
    let (address, id, verb) = (&branch, &other_id, Verb::Renew);
    check(&own, &CommandClaim { address, ..claim }, Err(Mismatch));
    check(&own, &CommandClaim { id, ..claim }, Err(Mismatch));
    check(&own, &CommandClaim { verb, ..claim }, Err(Mismatch));
    let (number, expires_ms, args) = (4, claim.expires_ms + 1, b"\xa1".as_slice());
    check(&own, &CommandClaim { number, ..claim }, Err(Mismatch));
    check(
        &own,
        &CommandClaim {
            expires_ms,
            ..claim
        },
        Err(Mismatch),
    );
    check(&own, &CommandClaim { args, ..claim }, Err(Mismatch));
}

#[test]
fn an_audits_end_is_signed_whole() {
    let (own, other) = (key(), key().public_key());
    let end = AuditEnd {
        sequence: 1_000,
        at_ms: 1_700_000_000_000,
        hash: [5; 32],
    };
    let mut bytes = b"spokegate audit root v1\0".to_vec();
    bytes.extend([0, 0, 0, 0, 0, 0, 3, 232, 0, 0, 1, 139, 207, 229, 104, 0]);
    bytes.extend([5; 32]);
    assert_eq!(audit_message(&end), bytes);
    let signature = audit_root(&own, &end).unwrap();
    assert!(signature.len() <= SIGNATURE_BYTES_MAX);
    let check = |key: &PublicKey, end: AuditEnd, expected| {
        assert_eq!(verify_audit_root(key, &end, &signature), expected);
    };
    let own = own.public_key();
    check(&own, end, Ok(()));
    check(&other, end, Err(Mismatch));
    let (sequence, at_ms, hash) = (999, end.at_ms + 1, [6; 32]);
    check(&own, AuditEnd { sequence, ..end }, Err(Mismatch));
    check(&own, AuditEnd { at_ms, ..end }, Err(Mismatch));
    check(&own, AuditEnd { hash, ..end }, Err(Mismatch));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_changed_bit_breaks_a_proof(secret in any::<[u8; 32]>(), at in 0..256_usize) {
        let key = JoinProofKey::of(&JoinSecret::from_bytes(secret));
        let point = PublicKey::from_bytes(&[[4; 1].as_slice(), &[9; 64]].concat()).unwrap();
        let mut proof = join(&key, &point);
        prop_assert_eq!(verify_join(&key, &point, &proof), Ok(()));
        proof[at / 8] ^= 1 << (at % 8);
        prop_assert_eq!(verify_join(&key, &point, &proof), Err(Mismatch));
    }

    #[test]
    fn one_changed_bit_breaks_a_signature(at in 0..560_usize) {
        let (current, new) = (key(), key().public_key());
        let id = RequestId::random();
        let mut signature = renewal(&current, &id, &new).unwrap();
        let bit = at % (signature.len() * 8);
        signature[bit / 8] ^= 1 << (bit % 8);
        let refused = verify_renewal(&current.public_key(), &id, &new, &signature);
        prop_assert_eq!(refused, Err(Mismatch));
    }

    #[test]
    fn foreign_bytes_are_no_signature(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let refused = verify_admission(&key().public_key(), &RequestId::random(), (b"", b""), &bytes);
        prop_assert_eq!(refused, Err(Mismatch));
    }
}

fn key() -> SigningKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    SigningKey::from_pkcs8(&pair.serialize_der()).unwrap()
}
