use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn files(folder: &tempfile::TempDir) -> TlsFiles {
    TlsFiles::in_directory(folder.path())
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn set(secrets: &Secrets, of: &str, value: &str) -> Result<bool, KeepError> {
    secrets.keep(&name(of), Some(value.to_owned().into()))
}

#[test]
fn a_secret_outlives_the_process_and_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::open(&files(&folder)).unwrap();
    assert_eq!(secrets.get(&name("A")), None);
    set(&secrets, "A", "one").unwrap();
    set(&secrets, "B", "two \"and\" three").unwrap();
    set(&secrets, "A", "four").unwrap();
    let mode = std::fs::metadata(&secrets.path)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let secrets = Secrets::open(&files(&folder)).unwrap();
    let all: Vec<_> = secrets.all().into_iter().collect();
    let all: Vec<_> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(all, [("A", "four"), ("B", "two \"and\" three")]);
    secrets.keep(&name("A"), None).unwrap();
    secrets.keep(&name("NEVER"), None).unwrap();
    let secrets = Secrets::open(&files(&folder)).unwrap();
    assert_eq!(secrets.get(&name("A")), None);
    assert_eq!(
        secrets.get(&name("B")).unwrap().as_str(),
        "two \"and\" three"
    );
    assert!(!format!("{secrets:?}").contains("two"));
}

#[test]
fn there_are_so_many_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::open(&files(&folder)).unwrap();
    for number in 0..SECRETS_MAX {
        set(&secrets, &format!("S{number}"), "x").unwrap();
    }
    let refused = set(&secrets, "MORE", "x").unwrap_err();
    assert!(matches!(refused, KeepError::TooMany), "{refused}");
    assert_eq!(secrets.get(&name("MORE")), None);
    set(&secrets, "S0", "y").unwrap();
    secrets.keep(&name("S1"), None).unwrap();
    set(&secrets, "MORE", "x").unwrap();
}

#[test]
fn a_file_that_cannot_be_read_is_told_without_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = Secrets::open(&files(&folder)).unwrap().path;
    for text in ["{\"A\": \"canary", "{\"A\": 5}", "{\"PATH\": \"canary\"}"] {
        std::fs::write(&path, text).unwrap();
        let error = Secrets::open(&files(&folder)).unwrap_err().to_string();
        assert!(error.contains("hint: remove the file"), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}
