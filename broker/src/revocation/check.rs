//! The files that a configuration names, read without a broker running.

use std::path::Path;

use spokegate_identity::{RevocationList, Roots, TlsFiles, admitting_server_config};

use super::file;

/// What is wrong with the files that a configuration names, in words.
pub(crate) fn check_files(files: &TlsFiles, crl_file: Option<&Path>) -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(error) = admitting_server_config(files, &[], None) {
        problems.push(format!("{error:#}"));
    }
    let Some((path, roots)) = crl_file.zip(Roots::read(&files.ca).ok()) else {
        return problems;
    };
    if let Err(error) = file::read_at_start(path, &roots) {
        problems.push(format!("{error:#}"));
    }
    problems
}

/// The lists in a file that one of the roots has signed.
pub(crate) fn lists_in(path: &Path, roots: &Roots) -> anyhow::Result<Vec<RevocationList>> {
    file::read_at_start(path, roots)
}
