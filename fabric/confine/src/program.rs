//! The program that a service starts again as its own worker.

use anyhow::Context as _;
use std::path::PathBuf;

/// This program when it has that name, else the one of that name beside this one: a test or the demonstration is not the
/// service itself.
///
/// # Errors
/// When there is none.
pub fn own(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    if own.file_name().is_some_and(|found| found == file.as_str()) {
        return Ok(own);
    }
    // Test programs stand one folder below the others.
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(&file))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "no {name} beside {}; hint: cargo build --bin {name}",
            own.display()
        )
    })
}
