//! All documents of a batch in one archive, written while it is sent: nothing of it is kept in memory or on the disk.

use std::collections::BTreeSet;
use std::io::{self, Write};

use axum::body::Body;
use futures_util::StreamExt as _;
use spokegate_daemon::Tasks;
use tokio::runtime::Handle;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::artefacts::{ArtefactError, ArtefactKey, Artefacts, Opened};
use crate::web::pieces::{self, Pieces};

/// The list of results in the archive.
pub(crate) const RESULTS: &str = "results.csv";

/// One line of the results, and its files.
pub(super) struct Entry {
    pub(super) tenant_id: String,
    pub(super) tenant: String,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) run: String,
    /// Name in the archive, digest, and which one it is.
    pub(super) files: Vec<(String, String, ArtefactKey)>,
}

/// The archive as the body of an answer.
pub(super) fn body(tasks: &Tasks, artefacts: &Artefacts, entries: Vec<Entry>) -> Body {
    let reader = Reader {
        artefacts: artefacts.clone(),
        runtime: Handle::current(),
    };
    let write = move |pieces| write(pieces, entries, &reader);
    pieces::body(tasks, "send a batch", write)
}

/// Reads artefacts where nothing else can go on meanwhile.
struct Reader {
    artefacts: Artefacts,
    runtime: Handle,
}

impl Reader {
    fn open(&self, key: &ArtefactKey, sha256: &str) -> Result<Opened, ArtefactError> {
        self.runtime.block_on(self.artefacts.verified(key, sha256))
    }

    fn copy(&self, mut opened: Opened, to: &mut impl Write) -> io::Result<()> {
        while let Some(piece) = self.runtime.block_on(opened.body.next()) {
            to.write_all(&piece?)?;
        }
        Ok(())
    }
}

fn write(pieces: Pieces, mut entries: Vec<Entry>, reader: &Reader) -> io::Result<()> {
    let options = options();
    let mut archive = ZipWriter::new_stream(pieces);
    let mut taken = BTreeSet::from([RESULTS.to_owned()]);
    for entry in &mut entries {
        let mut packed = Vec::new();
        for (name, sha256, key) in entry.files.drain(..) {
            let opened = match reader.open(&key, &sha256) {
                Ok(opened) => opened,
                Err(ArtefactError::Missing) => {
                    entry.reason = "The document is no longer kept.".into();
                    continue;
                }
                Err(ArtefactError::Changed(_)) => {
                    entry.reason =
                        "The document that is kept is not the one that was recorded.".into();
                    continue;
                }
                Err(error) => return Err(io::Error::other(error)),
            };
            let name = free_name(&name, &mut taken);
            archive.start_file(name.as_str(), options)?;
            reader.copy(opened, &mut archive)?;
            packed.push((name, sha256, key));
        }
        entry.files = packed;
    }
    archive.start_file(RESULTS, options)?;
    archive.write_all(results(&entries).as_bytes())?;
    archive.finish()?.into_inner().flush()
}

/// How files are packed: while they are sent.
pub(crate) fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(1))
        .last_modified_time(zip::DateTime::default())
}

/// A name that no other file of the archive has.
pub(crate) fn free_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let mut free = name.to_owned();
    let mut number = 1_u32;
    while !taken.insert(free.to_lowercase()) {
        number += 1;
        free = format!("{stem}-{number}.{ending}");
    }
    free
}

/// A table for people who open it in a spreadsheet: what looks like a formula is none.
fn results(entries: &[Entry]) -> String {
    let mut table = line(&[
        "customer", "name", "state", "reason", "files", "sha256", "run",
    ]);
    for entry in entries {
        let join = |which: fn(&(String, String, ArtefactKey)) -> &str| {
            entry.files.iter().map(which).collect::<Vec<_>>().join(" ")
        };
        let (names, digests) = (join(|file| &file.0), join(|file| &file.1));
        table += &line(&[
            &entry.tenant_id,
            &entry.tenant,
            &entry.state,
            &entry.reason,
            &names,
            &digests,
            &entry.run,
        ]);
    }
    table
}

fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
    cells.join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tenant: &str, reason: &str) -> Entry {
        Entry {
            tenant_id: tenant.into(),
            tenant: format!("{tenant} \"Ltd\""),
            state: "failed".into(),
            reason: reason.into(),
            run: "0".into(),
            files: Vec::new(),
        }
    }

    #[test]
    fn a_cell_is_never_a_formula_nor_two_cells() {
        let check = |cell: &str, expected: &str| assert_eq!(quoted(cell), expected);
        check("plain", "\"plain\"");
        check("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\"");
        for start in ["=", "+", "-", "@"] {
            check(&format!("{start}1+1"), &format!("\"'{start}1+1\""));
        }
        let table = results(&[entry("acme", "=cmd()")]);
        assert!(
            table.ends_with(
                "\"acme\",\"acme \"\"Ltd\"\"\",\"failed\",\"'=cmd()\",\"\",\"\",\"0\"\r\n"
            ),
            "{table}"
        );
    }

    #[test]
    fn no_two_files_have_one_name() {
        let mut taken = BTreeSet::from([RESULTS.to_owned()]);
        let names = ["a.docx", "A.docx", "a.docx", "a.pdf", "results.csv"];
        let names = names.map(|name| free_name(name, &mut taken));
        assert_eq!(
            names,
            ["a.docx", "A-2.docx", "a-3.docx", "a.pdf", "results-2.csv"]
        );
    }
}
