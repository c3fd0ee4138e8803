use super::*;

fn plain_of(size_bytes: u64) -> Plain {
    Plain {
        file: QuarantineId::new(1_800_000_000_000, 7),
        tenant: "acme".parse().unwrap(),
        satellite: "hq".parse().unwrap(),
        at: 1_800_000_000_000,
        channel: "push".into(),
        dataset: Some("backup-jobs".parse().unwrap()),
        reason: "contract".into(),
        size_bytes,
    }
}

fn file(recipient: &Recipient, message: &[u8]) -> Vec<u8> {
    let fault = ("contract:enum", "/0/result");
    seal(
        recipient,
        plain_of(message.len() as u64),
        fault,
        None,
        message,
    )
    .unwrap()
}

fn contains(file: &[u8], text: &str) -> bool {
    file.windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn only_the_offline_key_opens_a_file_and_nothing_of_the_message_is_plain() {
    let key = OpeningKey::generate();
    let message = b"a secret-value\nof two lines \xff";
    let file = file(&key.recipient(), message);
    assert_eq!(plain(&file), Ok(plain_of(message.len() as u64)));
    for hidden in ["secret-value", "/0/result", "contract:enum"] {
        assert!(!contains(&file, hidden), "{hidden}");
    }
    let opened = open(&key, &file).unwrap();
    assert_eq!(opened.message.as_slice(), message);
    assert_eq!(
        (opened.whole.rule.as_str(), opened.whole.pointer.as_str()),
        ("contract:enum", "/0/result")
    );
    assert_eq!(
        opened.whole.sha256,
        hex::encode(digest(&SHA256, message).as_ref())
    );
    assert!(opened.plain_is_true);
    let other = open(&OpeningKey::generate(), &file);
    assert_eq!(
        other.err(),
        Some(QuarantineError::Sealed(SealedError::Unopened))
    );
}

#[test]
fn what_was_altered_or_cut_is_seen() {
    let key = OpeningKey::generate();
    let whole = file(&key.recipient(), b"message");
    let text = whole.iter().position(|byte| *byte == b'{').unwrap();
    let mut other_tenant = whole.clone();
    let at = text + whole[text..].windows(4).position(|w| w == b"acme").unwrap();
    other_tenant[at..at + 4].copy_from_slice(b"evil");
    assert!(!open(&key, &other_tenant).unwrap().plain_is_true);
    let mut last = whole.clone();
    *last.last_mut().unwrap() ^= 1;
    assert!(open(&key, &last).is_err());
    // Wherever a write stopped, what is there is no file.
    for length in 0..whole.len() {
        assert!(open(&key, &whole[..length]).is_err(), "{length}");
    }
    assert_eq!(plain(b"junk").err(), Some(QuarantineError::Form));
    let endless = [NAME, &vec![b'x'; LINE_BYTES_MAX * 2]].concat();
    assert_eq!(plain(&endless).err(), Some(QuarantineError::Form));
}

#[test]
fn a_message_is_kept_up_to_its_limit() {
    let key = OpeningKey::generate();
    for (size, kept) in [
        (0, 0),
        (MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX),
        (MESSAGE_BYTES_MAX + 1, MESSAGE_BYTES_MAX),
    ] {
        let file = file(&key.recipient(), &vec![7; size]);
        assert!(file.len() <= FILE_BYTES_MAX, "{size}");
        let opened = open(&key, &file).unwrap();
        assert_eq!(
            (opened.message.len(), opened.whole.plain.size_bytes),
            (kept, size as u64)
        );
    }
    let longest = "x".repeat(LINE_BYTES_MAX);
    let refused = seal(&key.recipient(), plain_of(0), ("rule", &longest), None, b"");
    assert_eq!(refused.err(), Some(QuarantineError::Form));
}

/// Made with `openssl genpkey -algorithm X25519`, `openssl pkey -pubout`.
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEADgeXLuFXI2u83wm9Dp/GE2S4pjXQ/tXMy0IFSRdZqxY=\n-----END PUBLIC KEY-----\n";

#[test]
fn a_recipient_is_digits_or_pem() {
    let digits = "0e07972ee157236bbcdf09bd0e9fc61364b8a635d0fed5cccb4205491759ab16";
    for text in [digits.to_owned(), format!("{digits}\n"), PEM.to_owned()] {
        assert_eq!(recipient(&text).unwrap().to_string(), digits, "{text}");
    }
    let other = crate::pem::encode("PUBLIC KEY", &[0x30; 44]);
    for text in ["", "00", &PEM.replace("PUBLIC KEY", "PRIVATE KEY"), &other] {
        assert_eq!(
            recipient(text).err(),
            Some(QuarantineError::Recipient),
            "{text}"
        );
    }
}
