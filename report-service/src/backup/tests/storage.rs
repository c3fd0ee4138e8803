//! Documents in storage that speaks S3: in a backup, and back into a folder or into storage.

use super::*;
use crate::artefacts::{ArtefactKey, ArtefactPart};
use crate::runs::{Format, RunId};
use crate::testing::Storage;
use crate::testing::storage::{artefacts as set_up, config};

const RUN: &str = "0123456789abcdef0123456789abcdef";

/// Bytes that do not repeat soon.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..count).map(next).collect()
}

/// One of each kind; the first is larger than what is sent or written at once.
fn documents() -> Vec<(ArtefactKey, Vec<u8>)> {
    let run: RunId = RUN.parse().unwrap();
    let of_run = |part| ArtefactKey::new(&run, part);
    vec![
        (
            of_run(ArtefactPart::Document(Format::Word)),
            bytes(11_000_017),
        ),
        (of_run(ArtefactPart::Document(Format::Pdf)), bytes(3)),
        (of_run(ArtefactPart::Data), Vec::new()),
        (of_run(ArtefactPart::Page(2)), bytes(196_608)),
        (ArtefactKey::template("a-report-1.docx"), bytes(200_000)),
    ]
}

async fn put(artefacts: &Artefacts, folder: &Path) {
    for (key, bytes) in documents() {
        let draft = folder.join(".draft");
        std::fs::write(&draft, bytes).unwrap();
        artefacts.put(&key, &draft).await.unwrap();
    }
}

async fn holds(artefacts: &Artefacts) {
    for (key, bytes) in documents() {
        assert!(artefacts.read(&key).await.unwrap() == bytes, "{key:?}");
    }
}

/// An empty place for a store and for documents, whose configuration names that storage.
fn place(folder: &Path, storage: &Storage) -> Config {
    std::fs::create_dir_all(folder.join("store")).unwrap();
    let mut config = config(&storage.config()).unwrap();
    config.files = folder.join("files");
    config.store.url = format!("sqlite://{}/store/reports.db", folder.display());
    config.secrets.master_key_file = folder.parent().map(|above| above.join("master.key"));
    config
}

#[tokio::test]
async fn from_storage_into_a_folder_and_back_into_storage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let files = path.join("files");
    std::fs::create_dir(&files).unwrap();
    let storage = Storage::start().await;
    let (artefacts, _) = set_up(&storage.config(), path, &files).await;
    put(&artefacts, &files).await;
    // Others use the bucket too.
    std::fs::write(storage.object("reports/notes.txt"), "not ours").unwrap();
    let url = format!("sqlite://{}/secrets/store.db", path.display());
    let from = Store::open(&url).await.unwrap();
    let backup = path.join("backup");
    let sum = write::whole(&from, &files, &artefacts, &backup, 1).await;
    assert_eq!(sum.unwrap().files, 5);

    // Into a folder.
    let to = empty(StoreKind::Sqlite).await;
    let target = path.join("target");
    let restored = read::whole(to.url(), Some(&target), &backup).await;
    let (restored, _) = restored.unwrap();
    let in_folder = Artefacts::on_disk(&target);
    holds(&in_folder).await;

    // From the folder into other storage; it fails first.
    let again = path.join("again");
    write::whole(&restored, &target, &in_folder, &again, 1)
        .await
        .unwrap();
    let (other, gone) = (Storage::start().await, Storage::start().await);
    let config = place(&path.join("other"), &gone);
    drop(gone);
    let url = config.store.url().unwrap();
    let clock = Clock::system();
    let (filled, _) = read::whole(&url, None, &again).await.unwrap();
    let into = artefacts_of(&config, &filled, &clock);
    let refused = read::into_storage(&into, &config.files, &again).await;
    let said = format!("{:#}", refused.unwrap_err());
    assert!(
        said.contains("into the storage") && said.contains("the storage 127.0.0.1:"),
        "{said}"
    );
    migrations::to(&filled, 0).await.unwrap();
    filled.close().await;
    let config = place(&path.join("other"), &other);
    let (filled, _) = read::whole(&url, None, &again).await.unwrap();
    let into = artefacts_of(&config, &filled, &clock);
    read::into_storage(&into, &config.files, &again)
        .await
        .unwrap();
    holds(&into).await;
    let left = std::fs::read_dir(&config.files).unwrap().count();
    assert_eq!(left, 0, "nothing stays in the folder");
    let names = |storage: &Storage| {
        let mut names = storage.objects();
        names.retain(|name| name.starts_with("reports/") && !name.ends_with("notes.txt"));
        names
    };
    assert_eq!(names(&other), names(&storage));
}

fn artefacts_of(config: &Config, store: &Store, clock: &Clock) -> Artefacts {
    super::super::artefacts(config, store, clock).unwrap()
}

#[tokio::test]
async fn all_names_are_listed_once_however_many() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    let storage = Storage::start().await;
    let (artefacts, _) = set_up(&storage.config(), folder.path(), &files).await;
    let mut expected = Vec::new();
    for number in 0..1_500 {
        let run = format!("{number:032x}");
        let object = storage.object(&format!("reports/{run}/docx"));
        std::fs::create_dir_all(object.parent().unwrap()).unwrap();
        std::fs::write(object, "x").unwrap();
        expected.push(format!("{run}.docx"));
    }
    let (mut listed, mut after) = (Vec::new(), None::<String>);
    loop {
        let (keys, last) = artefacts.in_storage(after.as_deref()).await.unwrap();
        listed.extend(keys.iter().map(ArtefactKey::file_name));
        if last.is_none() {
            break;
        }
        after = last;
    }
    assert_eq!(listed, expected);
}
