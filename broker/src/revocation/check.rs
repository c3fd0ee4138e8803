//! The files that a configuration names, read without a broker running.

use std::path::Path;

use spokegate_identity::{RevocationList, Roots, TlsFiles, TrustDomain, admitting_server_config};

use super::file;

/// What is wrong with the files that a configuration names, in words.
pub(crate) fn check_files(
    trust_domain: &TrustDomain,
    files: &TlsFiles,
    crl_file: Option<&Path>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(error) = admitting_server_config(files, &[], None) {
        problems.push(format!("{error:#}"));
    }
    problems.extend(check_trust_domain(trust_domain, &files.ca));
    let Some((path, roots)) = crl_file.zip(Roots::read(&files.ca).ok()) else {
        return problems;
    };
    if let Err(error) = file::read_at_start(path, &roots) {
        problems.push(format!("{error:#}"));
    }
    problems
}

/// That the roots are of the installation whose certificates the broker is told to know. Authorities of another make name none.
fn check_trust_domain(configured: &TrustDomain, ca: &Path) -> Option<String> {
    // A file that cannot be read is told of already.
    let named = TrustDomain::of_authorities(ca).unwrap_or_default();
    let first = named.first()?;
    if named.contains(configured) {
        return None;
    }
    Some(format!(
        "trust_domain: is \"{configured}\", but the authority in {} is that of \"{first}\": nobody whom it certifies would be let in\n  hint: trust_domain = \"{first}\"",
        ca.display()
    ))
}

/// The lists in a file that one of the roots has signed.
pub(crate) fn lists_in(path: &Path, roots: &Roots) -> anyhow::Result<Vec<RevocationList>> {
    file::read_at_start(path, roots)
}
