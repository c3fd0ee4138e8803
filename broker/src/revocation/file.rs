//! The file of revocation lists.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context as _;
use spokegate_identity::{LIST_BYTES_MAX, LISTS_MAX, RevocationList, Roots, pem, split_lists};

/// Bytes of a file: each list in PEM, with room for comments.
const FILE_BYTES_MAX: u64 = (LIST_BYTES_MAX * 2 * LISTS_MAX) as u64;

/// The lists in the file, not yet verified.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let read = || {
        format!(
            "read revocation lists from {} (revocation.crl_file)",
            path.display()
        )
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .with_context(read)?;
    split_lists(&bytes).with_context(read)
}

/// The lists in the file. A file that is not there yet holds none; one in which no list counts is an error.
pub(super) fn read_at_start(path: &Path, roots: &Roots) -> anyhow::Result<Vec<RevocationList>> {
    if !path.exists() {
        tracing::warn!(
            path = %path.display(),
            "there is no revocation list yet: every certificate counts as good until one comes"
        );
        return Ok(Vec::new());
    }
    let mut lists: Vec<RevocationList> = Vec::new();
    let mut refusal = None;
    for der in read(path)? {
        match RevocationList::verify(&der, roots) {
            Ok(list) => match lists.iter_mut().find(|other| other.has_root_of(&list)) {
                Some(other) if other.number() < list.number() => *other = list,
                Some(_) => {}
                None => lists.push(list),
            },
            Err(error) => {
                tracing::error!(
                    path = %path.display(),
                    %error,
                    "a revocation list is not in force"
                );
                refusal = Some(error);
            }
        }
    }
    match refusal {
        Some(error) if lists.is_empty() => Err(error).with_context(|| {
            let path = path.display();
            format!("take a revocation list from {path} (revocation.crl_file), hint: it must be signed by a root in tls.client_ca")
        }),
        _ => Ok(lists),
    }
}

/// Replaces the file at once and for good.
pub(super) fn write(path: &Path, lists: &[RevocationList]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = std::fs::File::create(&new)?;
    for list in lists {
        file.write_all(pem::encode("X509 CRL", list.der()).as_bytes())?;
    }
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
