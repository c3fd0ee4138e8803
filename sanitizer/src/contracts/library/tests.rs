use super::*;
use crate::body::{BodyLimits, decode};
use serde_json::{Value, json};
use spokegate_contract::dataset::sha256_hex;
use std::collections::BTreeMap;

fn row() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "host": {"type": "string", "maxLength": 10, "x-text": "ident"},
            "tags": {"type": "object", "maxProperties": 4, "additionalProperties": {"type": "integer"}},
        },
    })
}

/// A folder with two majors of one dataset, and acme's own contract for the first.
fn folder(personal: bool, own: &Value) -> Registry {
    let about = json!({
        "id": "devices", "title": "Devices", "description": "All of them.", "shape": "rows",
        "kinds": ["pull"], "max_age_s": 60, "personal_data": personal,
    });
    let second = json!({"type": "object", "additionalProperties": false, "properties": {"name": {"type": "string"}}});
    let mut files: BTreeMap<&str, String> = BTreeMap::from([
        ("devices/dataset.json", about.to_string()),
        (
            "devices/v1/params.schema.json",
            r#"{"type":"object"}"#.to_owned(),
        ),
        ("devices/v1/row.schema.json", row().to_string()),
        (
            "devices/v2/params.schema.json",
            r#"{"type":"object"}"#.to_owned(),
        ),
        ("devices/v2/row.schema.json", second.to_string()),
        ("tenants/acme/devices/v1/row.schema.json", own.to_string()),
    ]);
    let digests: BTreeMap<_, _> = files
        .iter()
        .map(|(path, text)| (*path, sha256_hex(text.as_bytes())))
        .collect();
    let datasets = json!([{"id": "devices", "version": 1}, {"id": "devices", "version": 2}]);
    let index = json!({"datasets": datasets, "files": digests});
    files.insert("registry.json", index.to_string());
    let read = |path: &str| Ok(files[path].clone().into_bytes());
    Registry::load(read).unwrap()
}

fn judge(library: &Library, version: u16, value: &Value) -> Result<(), String> {
    let mut body = Vec::new();
    spokegate_contract::cbor::from_json(value, &mut body).unwrap();
    let tree = decode(&body, &BodyLimits::default()).unwrap();
    let shaped = library.get(&"devices".parse().unwrap(), version).unwrap();
    shaped.judge(tree.root()).map_err(|refusal| {
        let found = shaped.found(tree.root(), &refusal.pointer);
        let place = shaped.place(&refusal.pointer);
        format!("{place} {} {}", refusal.rule, found.unwrap_or_default())
    })
}

fn narrowed() -> Value {
    let mut own = row();
    own["properties"]["host"]["maxLength"] = json!(3);
    own
}

#[test]
fn a_tenants_own_contract_holds_for_that_tenant_and_version_alone() {
    let registry = folder(true, &narrowed());
    let acme = Library::of_tenant(&registry, &"acme".parse().unwrap()).unwrap();
    let globex = Library::of_tenant(&registry, &"globex".parse().unwrap()).unwrap();
    let (short, long) = (json!({"host": "abc"}), json!({"host": "abcd"}));
    assert_eq!(judge(&acme, 1, &short), Ok(()));
    let refused = Err("/host contract:maxLength ".to_owned());
    assert_eq!(judge(&acme, 1, &long), refused);
    assert_eq!(judge(&globex, 1, &long), Ok(()));
    assert_eq!(judge(&acme, 2, &json!({"name": "abcd"})), Ok(()));
    assert!(judge(&acme, 2, &short).is_err());
    assert!(judge(&acme, 1, &json!({"name": "abc"})).is_err());
}

#[test]
fn a_tenants_own_contract_that_widens_does_not_compile() {
    let mut own = row();
    own["properties"]["host"]["maxLength"] = json!(11);
    let registry = folder(true, &own);
    let (dataset, error) = Library::of_tenant(&registry, &"acme".parse().unwrap()).unwrap_err();
    assert_eq!(dataset.as_str(), "devices");
    assert!(error.to_string().contains("may only narrow"), "{error}");
    assert!(Library::of_tenant(&registry, &"globex".parse().unwrap()).is_ok());
}

#[test]
fn a_refusal_shows_data_only_where_none_is_personal() {
    let (plain, personal) = (folder(false, &row()), folder(true, &row()));
    let tenant = "globex".parse().unwrap();
    for (value, shown, masked) in [
        (
            json!({"tags": {"alice@example.net": "yes"}}),
            "/tags/alice@example.net contract:type \"yes\"",
            "/tags/* contract:type ",
        ),
        (
            json!({"host": "far-too-long-a-name"}),
            "/host contract:maxLength \"far-too-long-a-name\"",
            "/host contract:maxLength ",
        ),
        (
            json!({"tags": {"a": [1]}}),
            "/tags/a contract:type ",
            "/tags/* contract:type ",
        ),
    ] {
        for (registry, expected) in [(&plain, shown), (&personal, masked)] {
            let library = Library::of_tenant(registry, &tenant).unwrap();
            assert_eq!(judge(&library, 1, &value), Err(expected.to_owned()));
        }
    }
}
