//! What holds of a folder holds of a bucket: the same tests on both, the second over a real S3 server.

use super::*;
use crate::runs::Format;
use crate::testing::Storage;
use crate::testing::storage::{KEY, SECRET, artefacts, config, set};

const MIB: usize = 1 << 20;

struct Place {
    artefacts: Artefacts,
    secrets: Secrets,
    folder: tempfile::TempDir,
    storage: Option<Storage>,
}

impl Place {
    async fn both() -> [Self; 2] {
        [Self::disk().await, Self::s3().await]
    }

    async fn disk() -> Self {
        Self::with("", None).await
    }

    async fn s3() -> Self {
        let storage = Storage::start().await;
        let lines = storage.config();
        Self::with(&lines, Some(storage)).await
    }

    async fn with(lines: &str, storage: Option<Storage>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().join("files");
        std::fs::create_dir(&files).unwrap();
        let (artefacts, secrets) = artefacts(lines, folder.path(), &files).await;
        Self {
            artefacts,
            secrets,
            folder,
            storage,
        }
    }

    async fn set(&self, name: &str, value: &str) {
        set(&self.secrets, name, value).await;
    }

    async fn put(&self, key: &ArtefactKey, bytes: &[u8]) -> Result<(), ArtefactError> {
        let draft = self.artefacts.draft(key);
        std::fs::write(&draft, bytes).unwrap();
        self.artefacts.put(key, &draft).await
    }

    /// Names in the folder of documents.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("files")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn storage(&self) -> &Storage {
        self.storage.as_ref().unwrap()
    }
}

fn key(part: ArtefactPart) -> ArtefactKey {
    let run: RunId = "0123456789abcdef0123456789abcdef".parse().unwrap();
    ArtefactKey::new(&run, part)
}

fn word() -> ArtefactKey {
    key(ArtefactPart::Document(Format::Word))
}

/// Bytes that do not repeat soon.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(next).collect()
}

fn is_missing<T>(result: &Result<T, ArtefactError>) -> bool {
    matches!(result, Err(ArtefactError::Missing))
}

#[tokio::test]
async fn what_is_put_comes_back_to_the_byte_in_pieces_and_as_a_file() {
    for place in Place::both().await {
        // Nothing, little, one part exactly, one byte more, and several parts.
        for count in [0, 1, 5 * MIB, 5 * MIB + 1, 12 * MIB + 17] {
            let sent = bytes(count);
            place.put(&word(), &sent).await.unwrap();
            assert!(place.artefacts.exists(&word()).await.unwrap());
            let opened = place.artefacts.open(&word()).await.unwrap();
            assert_eq!(opened.bytes, count as u64);
            assert!(place.artefacts.read(&word()).await.unwrap() == sent);
            let file = place.artefacts.local(&word()).await.unwrap();
            assert!(std::fs::read(file.path()).unwrap() == sent);
            drop(file);
            let left = match place.storage {
                None => vec!["0123456789abcdef0123456789abcdef.docx".to_owned()],
                Some(_) => Vec::new(),
            };
            assert_eq!(place.files(), left, "no draft and no copy stays");
        }
    }
}

#[tokio::test]
async fn what_goes_is_gone_and_nothing_else() {
    for place in Place::both().await {
        let other: RunId = "f".repeat(32).parse().unwrap();
        let other = ArtefactKey::new(&other, ArtefactPart::Data);
        place.put(&other, b"other").await.unwrap();
        for part in ArtefactPart::all() {
            place.put(&key(part), b"x").await.unwrap();
        }
        place
            .artefacts
            .delete(&key(ArtefactPart::Data))
            .await
            .unwrap();
        place
            .artefacts
            .delete(&key(ArtefactPart::Data))
            .await
            .unwrap();
        assert!(
            !place
                .artefacts
                .exists(&key(ArtefactPart::Data))
                .await
                .unwrap()
        );
        assert!(place.artefacts.exists(&word()).await.unwrap());
        let run = "0123456789abcdef0123456789abcdef".parse().unwrap();
        place.artefacts.forget(&run).await.unwrap();
        place.artefacts.forget(&run).await.unwrap();
        for part in ArtefactPart::all() {
            let key = key(part);
            assert!(!place.artefacts.exists(&key).await.unwrap());
            assert!(is_missing(&place.artefacts.open(&key).await.map(drop)));
            assert!(is_missing(&place.artefacts.local(&key).await.map(drop)));
            assert!(is_missing(&place.artefacts.read(&key).await));
        }
        assert_eq!(place.artefacts.read(&other).await.unwrap(), b"other");
    }
}

#[tokio::test]
async fn a_newer_one_takes_the_place_of_the_older() {
    for place in Place::both().await {
        place.put(&word(), b"draft").await.unwrap();
        place.put(&word(), b"edited").await.unwrap();
        assert_eq!(place.artefacts.read(&word()).await.unwrap(), b"edited");
    }
}

#[tokio::test]
async fn what_was_kept_on_the_disk_before_is_read_replaced_and_removed() {
    let place = Place::s3().await;
    let old = place.folder.path().join("files").join(word().file_name());
    std::fs::write(&old, "old").unwrap();
    assert_eq!(place.artefacts.read(&word()).await.unwrap(), b"old");
    assert!(place.artefacts.exists(&word()).await.unwrap());
    place.put(&word(), b"new").await.unwrap();
    assert!(!old.exists());
    assert_eq!(place.artefacts.read(&word()).await.unwrap(), b"new");
    std::fs::write(&old, "old").unwrap();
    place.artefacts.delete(&word()).await.unwrap();
    assert!(!old.exists() && is_missing(&place.artefacts.read(&word()).await));
}

#[tokio::test]
async fn objects_are_named_by_prefix_run_and_format() {
    let place = Place::s3().await;
    place.put(&word(), b"x").await.unwrap();
    let object = "reports/0123456789abcdef0123456789abcdef/docx";
    assert_eq!(std::fs::read(place.storage().object(object)).unwrap(), b"x");
    assert_eq!(
        place.artefacts.elsewhere().unwrap().split('/').next_back(),
        Some("documents")
    );
}

#[tokio::test]
async fn what_the_storage_refuses_is_told_in_words() {
    let place = Place::s3().await;
    place.artefacts.check().await.unwrap();
    place.put(&word(), b"x").await.unwrap();
    let told = async |place: &Place, expected: &str| {
        let checked = place.artefacts.check().await.unwrap_err().to_string();
        assert!(checked.contains(expected), "{checked}");
        let read = place.artefacts.read(&word()).await.unwrap_err();
        assert!(read.to_string().contains(expected), "{read}");
        let put = place.put(&word(), b"y").await.unwrap_err();
        assert!(put.to_string().contains(expected), "{put}");
        for text in [checked, read.to_string(), put.to_string()] {
            assert!(!text.contains(SECRET) && !text.contains("X-Amz"), "{text}");
        }
    };
    place.set("storage-secret", "another secret").await;
    told(&place, "the signature is wrong").await;
    place.set("storage-secret", SECRET).await;
    place.set("storage-key", "NOSUCHKEY").await;
    told(&place, "it does not know the key").await;
    place.set("storage-key", KEY).await;
    place.artefacts.check().await.unwrap();
    std::fs::remove_dir_all(place.storage().object("")).unwrap();
    let told = place.artefacts.check().await.unwrap_err().to_string();
    assert!(told.contains("there is no bucket \"documents\""), "{told}");
}

#[tokio::test]
async fn every_refusal_says_what_to_do_and_whether_it_may_pass() {
    let place = Place::s3().await;
    let s3 = place.artefacts.s3.as_ref().unwrap();
    let check = |status: u16, code: &str, expected: &str, passing: bool| {
        let error = s3.refusal(status.try_into().unwrap(), code);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.is_passing(), passing, "{error}");
    };
    check(404, "NoSuchKey", "not kept", false);
    check(404, "", "not kept", false);
    check(404, "NoSuchBucket", "artefacts.s3.bucket", false);
    check(403, "AccessDenied", "allow it to get, put", false);
    check(403, "", "allow it to get, put", false);
    check(403, "SignatureDoesNotMatch", "storage-secret", false);
    check(403, "RequestTimeTooSkewed", "time of this machine", false);
    check(301, "PermanentRedirect", "artefacts.s3.region", false);
    check(412, "PreconditionFailed", "(412 PreconditionFailed)", false);
    check(500, "InternalError", "(500 InternalError)", true);
    check(503, "SlowDown", "(503 SlowDown)", true);
    check(429, "", "(429)", true);
    check(400, "RequestTimeout", "(400 RequestTimeout)", true);
}

#[tokio::test]
async fn what_is_said_about_encryption_is_signed() {
    let storage = Storage::start().await;
    let kms = "encryption = \"aws:kms\"\nkms_key = \"alias/documents\"\n";
    let lines = format!("{}{kms}", storage.config());
    let place = Place::with(&lines, Some(storage)).await;
    for count in [3, 6 * MIB] {
        let sent = bytes(count);
        place.put(&word(), &sent).await.unwrap();
        assert!(place.artefacts.read(&word()).await.unwrap() == sent);
    }
}

#[tokio::test]
async fn a_secret_that_is_not_set_is_named() {
    let place = Place::s3().await;
    let name = "storage-secret".parse().unwrap();
    place.secrets.remove(&name, "test").await.unwrap();
    let error = place.artefacts.check().await.unwrap_err().to_string();
    assert!(
        error.contains("there is no secret \"storage-secret\""),
        "{error}"
    );
    assert!(
        place.secrets.users().contains_key(&name),
        "the pages say who uses it"
    );
}

#[tokio::test]
async fn an_upload_survives_connections_that_break() {
    let place = Place::s3().await;
    let sent = bytes(17 * MIB);
    place.storage().cut(3, 0);
    place.put(&word(), &sent).await.unwrap();
    assert!(place.artefacts.read(&word()).await.unwrap() == sent);
    assert!(place.storage().connections() > 3);
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let place = Place::s3().await;
    let sent = bytes(9 * MIB);
    place.put(&word(), &sent).await.unwrap();
    place.storage().cut(3, 2 * MIB as u64);
    let opened = place.artefacts.open(&word()).await.unwrap();
    assert_eq!(opened.bytes, sent.len() as u64);
    let before = place.storage().connections();
    let pieces: Vec<Bytes> = opened.body.map(Result::unwrap).collect().await;
    assert!(pieces.concat() == sent);
    assert!(place.storage().connections() >= before + 3);
}

#[tokio::test]
async fn the_rest_of_another_object_is_not_taken_for_it() {
    let place = Place::s3().await;
    place.put(&word(), &bytes(9 * MIB)).await.unwrap();
    place.storage().cut(1, 2 * MIB as u64);
    let mut opened = place.artefacts.open(&word()).await.unwrap();
    let first = opened.body.next().await.unwrap();
    assert!(first.is_ok());
    place.put(&word(), &vec![7; 9 * MIB]).await.unwrap();
    let pieces: Vec<io::Result<Bytes>> = opened.body.collect().await;
    assert!(pieces.last().unwrap().is_err(), "it breaks off instead");
}

#[tokio::test]
async fn a_storage_that_is_gone_is_told_and_leaves_no_draft() {
    let mut place = Place::s3().await;
    place.put(&word(), &bytes(9 * MIB)).await.unwrap();
    place.storage().cut(0, 0);
    let mut opened = place.artefacts.open(&word()).await.unwrap();
    assert!(opened.body.next().await.unwrap().is_ok());
    place.storage = None;
    let pieces: Vec<io::Result<Bytes>> = opened.body.collect().await;
    let error = pieces.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(error.contains("the storage 127.0.0.1:"), "{error}");
    for error in [
        place.artefacts.check().await.unwrap_err(),
        place.artefacts.read(&word()).await.unwrap_err(),
        place.artefacts.exists(&word()).await.unwrap_err(),
        place.artefacts.delete(&word()).await.unwrap_err(),
        place.artefacts.local(&word()).await.map(drop).unwrap_err(),
        place.put(&word(), b"x").await.unwrap_err(),
    ] {
        assert!(
            matches!(error, ArtefactError::Unreachable { .. }),
            "{error}"
        );
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let good = "[artefacts]\nplace = \"s3\"\n[artefacts.s3]\nendpoint = \"https://s3.example.net\"\nbucket = \"documents\"\n\
                access_key = \"secret:a\"\nsecret_key = \"secret:b\"\n";
    assert!(config(good).is_ok());
    let refused = |lines: &str, key: &str| {
        let faults = config(lines).unwrap_err();
        assert!(
            faults.contains(&format!("artefacts.s3.{key}")),
            "{key}: {faults}"
        );
    };
    refused(&good.replace("https://s3", "http://s3"), "endpoint");
    refused(&good.replace("https://s3.example.net", ""), "endpoint");
    refused(&good.replace("example.net", "example.net/path"), "endpoint");
    refused(&good.replace("\"documents\"", "\"Documents\""), "bucket");
    refused(
        &good.replace("access_key = \"secret:a\"\n", ""),
        "access_key",
    );
    for (line, key) in [
        ("part_mb = 4", "part_mb"),
        ("timeout_ms = 1", "timeout_ms"),
        ("prefix = \"../\"", "prefix"),
        ("region = \"\"", "region"),
        ("kms_key = \"x\"", "kms_key"),
    ] {
        refused(&format!("{good}{line}\n"), key);
    }
    let numbers = good.replace("s3.example.net", "10.0.0.1");
    assert!(config(&numbers).is_ok());
    refused(&format!("{numbers}path_style = false\n"), "path_style");
    let plain = good.replace("\"secret:a\"", "\"AKIAPLAIN\"");
    assert!(!config(&plain).unwrap_err().contains("AKIAPLAIN"));
}
