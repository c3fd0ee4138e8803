use super::*;
use crate::link::{Reason, WorkHead};
use bytes::Bytes;

fn folder(path: &Path, bytes_max: u64, clock: Clock) -> Folder {
    Folder {
        path: path.to_owned(),
        bytes_max,
        age_max: Duration::from_secs(3_600),
        clock,
        next: 0,
    }
}

fn item() -> Item {
    Item {
        work: WorkHead {
            token: 1,
            tenant: "acme".parse().unwrap(),
            satellite: "hq".parse().unwrap(),
            at_ms: 5,
            channel: "reply".to_owned(),
            dataset: None,
            version: None,
            id: None,
            condemned: None,
        },
        payload: Bytes::from_static(&[7; 1_000]),
        suspect: false,
    }
}

fn refusal() -> RefusalHead {
    RefusalHead {
        reason: Reason::Form,
        rule: "tag".into(),
        pointer: "/0".into(),
    }
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn raw_bytes_and_metadata_are_kept_side_by_side() {
    let directory = tempfile::tempdir().unwrap();
    let (clock, _) = Clock::manual(1_800_000_000_000);
    folder(directory.path(), 10_000, clock)
        .write(&item(), &refusal())
        .unwrap();
    let names = names(directory.path());
    assert_eq!(
        names,
        [
            "1800000000000-000001-acme-hq.json",
            "1800000000000-000001-acme-hq.raw"
        ]
    );
    assert_eq!(
        fs::read(directory.path().join(&names[1])).unwrap(),
        [7; 1_000]
    );
    let about: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.path().join(&names[0])).unwrap()).unwrap();
    assert_eq!(
        (about["rule"].as_str(), about["reason"].as_str()),
        (Some("tag"), Some("form"))
    );
}

#[test]
fn the_oldest_go_when_there_is_too_much_or_it_is_too_old() {
    let directory = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::manual(1_800_000_000_000);
    fs::write(directory.path().join("a-note-of-the-operator"), "kept").unwrap();
    let mut folder = folder(directory.path(), 3_000, clock);
    for _ in 0..4 {
        folder.write(&item(), &refusal()).unwrap();
        hand.advance(1_000);
    }
    folder.sweep().unwrap();
    let left = names(directory.path());
    assert!(
        left.iter().any(|name| name.starts_with("1800000003000")),
        "{left:?}"
    );
    assert!(
        !left.iter().any(|name| name.starts_with("1800000000000")),
        "{left:?}"
    );
    hand.advance(3_600_000 + 1);
    folder.sweep().unwrap();
    assert_eq!(names(directory.path()), ["a-note-of-the-operator"]);
}
