//! The files of `schemas/` against the code that reads them: index, lint, examples.

#![cfg(feature = "examples")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use spokegate_contract::dataset::SCHEMA_BASE;
use spokegate_contract::folder::{Folder, INDEX};
use spokegate_contract::{Registry, examples};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

/// The folder, after its index was compared: a rewritten index must be on disk before anyone reads it.
fn folder() -> Folder {
    static COMPARED: Once = Once::new();
    COMPARED.call_once(|| {
        let generated = Folder::read(&root()).unwrap().index();
        let path = root().join(INDEX);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == generated,
            "schemas/{INDEX} is out of date: run `make golden`"
        );
    });
    Folder::read(&root()).unwrap()
}

#[test]
fn the_index_lists_the_shipped_datasets() {
    let registry = folder().registry().unwrap();
    let names: Vec<_> = registry
        .iter()
        .map(|dataset| format!("{} v{}", dataset.id, dataset.version))
        .collect();
    assert_eq!(
        names,
        [
            "backup-jobs v1",
            "certificates v1",
            "devices v1",
            "disk-capacity v1",
            "node-red-log v1",
            "node-red-storage v1",
            "patch-status v1",
            "services v1",
            "tickets v1"
        ]
    );
    assert!(Registry::open(&root()).is_ok());
    for (uri, schema) in registry.common().iter() {
        assert_eq!(schema["$id"], uri);
        assert!(uri.starts_with(SCHEMA_BASE));
    }
}

#[test]
fn examples_are_accepted_or_break_the_rule_they_name_and_no_mutant_passes() {
    let folder = folder();
    let (mut examples, mut mutations) = (0, 0);
    for dataset in folder.registry().unwrap().iter() {
        let tally = examples::run(&folder, dataset);
        assert_eq!(tally.faults, [], "{}", dataset.id);
        examples += tally.accepted + tally.refused;
        mutations += tally.mutations;
    }
    println!("examples of shipped datasets: {examples}, mutations refused: {mutations}");
    assert!(examples >= 7 * 9 && mutations >= 7 * 50);
}
