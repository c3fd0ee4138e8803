use super::*;

fn key() -> SigningKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    SigningKey::from_pkcs8(&pair.serialize_der()).unwrap()
}

fn keys(of: &[&SigningKey]) -> ReleaseKeys {
    let lines: Vec<String> = of.iter().map(|key| key.public_key().to_string()).collect();
    format!("# the release keys\n\n{}\n", lines.join("\n"))
        .parse()
        .unwrap()
}

fn release() -> Release {
    Release {
        version: "1.4.0".parse().unwrap(),
        architecture: Architecture::Arm64,
        digest: [7; 32],
        bytes: 6_000_000,
    }
}

#[test]
fn a_release_is_what_a_trusted_key_signed() {
    let (old, new) = (key(), key());
    let signed = release().sign(&new).unwrap();
    let again = SignedRelease::from_json(signed.to_json().as_bytes()).unwrap();
    assert_eq!(again.verify(&keys(&[&old, &new])), Ok(release()));
    assert_eq!(again.verify(&keys(&[&old])), Err(ReleaseError::Signature));
}

#[test]
fn nothing_of_it_can_be_changed() {
    let key = key();
    let signed = release().sign(&key).unwrap().to_json();
    let check = |from: &str, to: &str| {
        let changed = signed.replacen(from, to, 1);
        assert_ne!(changed, signed);
        let read = SignedRelease::from_json(changed.as_bytes());
        assert!(read.and_then(|read| read.verify(&keys(&[&key]))).is_err());
    };
    check("1.4.0", "1.4.1");
    check("1.4.0", "1.04.0");
    check("arm64", "amd64");
    check("arm64", "riscv64");
    check("0707", "0708");
    check("0707", "07");
    check("6000000", "6000001");
    check("\"signature\":\"", "\"signature\":\"AAAA");
    check("{", "{\"more\":1,");
    assert!(SignedRelease::from_json(&vec![b' '; RELEASE_BYTES_MAX + 1]).is_err());
}

#[test]
fn versions_stand_in_order_and_have_one_spelling() {
    let version = |text: &str| text.parse::<Version>();
    assert!(version("0.9.10").unwrap() > version("0.9.9").unwrap());
    assert!(version("10.0.0").unwrap() > version("9.99.99").unwrap());
    for text in [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "1.2.x",
        "01.2.3",
        "1.2.+3",
        "1.2.3-rc1",
        "1.2.4294967296",
    ] {
        assert_eq!(version(text), Err(ReleaseError::Version), "{text}");
    }
}

#[test]
fn a_file_of_keys_holds_keys() {
    for text in ["", "# none\n", "04ab", "-----BEGIN PUBLIC KEY-----"] {
        assert_eq!(text.parse::<ReleaseKeys>(), Err(ReleaseError::Keys));
    }
    let line = format!("{}\n", key().public_key());
    assert!(line.repeat(8).parse::<ReleaseKeys>().is_ok());
    assert_eq!(
        line.repeat(9).parse::<ReleaseKeys>(),
        Err(ReleaseError::Keys)
    );
}
