use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn debug_shows_nothing() {
    let source = SecretSource::new(Some(Secret::new("hunter2")), None);
    assert_eq!(
        format!("{source:?}"),
        "SecretSource { value: Some([redacted]), file: None }"
    );
}

#[test]
fn only_the_whole_secret_matches() {
    let secret = Secret::new("hunter2");
    assert!(secret.matches(b"hunter2"));
    for presented in ["", "hunter", "hunter22", "hunter3", "HUNTER2"] {
        assert!(!secret.matches(presented.as_bytes()), "{presented}");
    }
}

#[test]
fn a_file_that_only_its_owner_reads_is_accepted_and_loses_one_line_end() {
    check(b"hunter2\n", 0o600, Ok("hunter2"));
    check(b"hunter2\r\n", 0o400, Ok("hunter2"));
    check(b"two\n\n", 0o600, Ok("two\n"));
}

#[test]
fn an_exposed_or_malformed_file_is_refused() {
    check(
        b"hunter2\n",
        0o640,
        Err("has mode 640; allowed is access by its owner only"),
    );
    check(b"hunter2\n", 0o604, Err("has mode 604"));
    check(b"", 0o600, Err("is empty"));
    check(b"\n", 0o600, Err("is empty"));
    check(b"\xff\xfe", 0o600, Err("is not UTF-8 text"));
    check(&vec![b'a'; 65_537], 0o600, Err("is larger than 64 KiB"));
}

#[test]
fn exactly_one_of_value_and_file_is_taken() {
    let value = Some(Secret::new("x"));
    let file = Some(PathBuf::from("/nowhere"));
    assert!(matches!(
        SecretSource::new(None, None).resolve(),
        Err(SecretError::Missing)
    ));
    assert!(matches!(
        SecretSource::new(value.clone(), file.clone()).resolve(),
        Err(SecretError::Ambiguous)
    ));
    assert!(matches!(
        SecretSource::new(None, file).resolve(),
        Err(SecretError::Unreadable { .. })
    ));
    assert_eq!(
        SecretSource::new(value, None).resolve().unwrap().expose(),
        "x"
    );
}

#[test]
fn a_credential_comes_from_the_directory_of_the_service_manager_only() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ldap"), "bind").unwrap();
    let read = |name| read_credential(name, Some(directory.path()));
    assert_eq!(read("ldap").unwrap().expose(), "bind");
    assert!(matches!(
        read("../ldap"),
        Err(SecretError::NoCredentials(_))
    ));
    assert!(matches!(
        read_credential("ldap", None),
        Err(SecretError::NoCredentials(_))
    ));
}

fn check(content: &[u8], mode: u32, expected: Result<&str, &str>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    match (Secret::read_file(&path), expected) {
        (Ok(secret), Ok(text)) => assert_eq!(secret.expose(), text),
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
        (result, _) => panic!("mode {mode:o}: {result:?}, expected {expected:?}"),
    }
}
