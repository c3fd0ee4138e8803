#![doc = include_str!("../README.md")]

use std::path::{Path, PathBuf};

/// A built executable, beside a test's own folder: `make test` builds them all before it runs the tests.
///
/// # Panics
/// When it is not built.
pub fn binary(own_folder: &str, name: &str) -> PathBuf {
    let target = Path::new(own_folder).parent();
    let path = target
        .expect("cargo gives a folder inside its own")
        .join("debug")
        .join(name);
    assert!(
        path.is_file(),
        "{}: not built, run `cargo build --workspace --bins`",
        path.display()
    );
    path
}
