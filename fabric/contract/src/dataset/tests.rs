use std::collections::BTreeMap;
use std::io;

use super::*;
use serde_json::json;

fn folder() -> BTreeMap<String, Vec<u8>> {
    let about = json!({
        "id": "devices", "title": "Devices", "description": "All of them.", "shape": "rows",
        "kinds": ["pull"], "max_age_s": 60, "personal_data": true,
    });
    let mut files: BTreeMap<String, Vec<u8>> = [
        ("devices/dataset.json", about.to_string()),
        ("devices/v1/params.schema.json", "{}".into()),
        ("devices/v1/row.schema.json", r#"{"type":"object"}"#.into()),
    ]
    .map(|(path, text)| (path.to_owned(), text.into_bytes()))
    .into();
    let digests: BTreeMap<_, _> = files
        .iter()
        .map(|(path, bytes)| (path, sha256_hex(bytes)))
        .collect();
    let index = json!({"datasets": [{"id": "devices", "version": 1}], "files": digests});
    files.insert("registry.json".into(), index.to_string().into_bytes());
    files
}

fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Registry, RegistryError> {
    Registry::load(|path| {
        files
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    })
}

#[test]
fn a_whole_folder_loads() {
    let registry = load(&folder()).unwrap();
    let devices = registry.get(&"devices".parse().unwrap(), 1).unwrap();
    assert_eq!((devices.shape, devices.max_age_s), (Shape::Rows, 60));
    assert!(devices.allows(Kind::Pull) && !devices.allows(Kind::Push));
    assert_eq!(registry.newest(&devices.id).map(|d| d.version), Some(1));
    assert!(registry.get(&devices.id, 2).is_none());
    assert_eq!(registry.iter().count(), 1);
}

#[track_caller]
fn refused(change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>), expected: &str) {
    let mut files = folder();
    change(&mut files);
    let error = load(&files).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_changed_folder_is_refused() {
    refused(
        |f| drop(f.remove("registry.json")),
        "cannot read schema file registry.json",
    );
    refused(
        |f| drop(f.remove("devices/dataset.json")),
        "cannot read schema file devices/dataset.json",
    );
    refused(
        |f| drop(f.insert("devices/v1/row.schema.json".into(), b"{}".to_vec())),
        "devices/v1/row.schema.json is not the one that registry.json lists",
    );
    refused(
        |f| {
            drop(f.insert(
                "registry.json".into(),
                br#"{"datasets":[{"id":"devices","version":1}],"files":{}}"#.to_vec(),
            ))
        },
        "devices/dataset.json is not listed",
    );
    refused(
        |f| drop(f.insert("registry.json".into(), b"[".to_vec())),
        "registry.json is not what belongs there",
    );
}
