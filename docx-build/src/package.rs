//! The zip package around a document: read under limits, written with compression.

use std::io::{Cursor, Read as _, Write as _};

use docx_jinja::limits::{ENTRIES_MAX, INFLATED_BYTES_MAX, PACKAGE_BYTES_MAX};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// An entry of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `word/document.xml`.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Reads every entry.
///
/// # Errors
/// Why the bytes are no package that may be read, in words.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    if bytes.len() > PACKAGE_BYTES_MAX {
        return Err(format!("it is larger than {PACKAGE_BYTES_MAX} bytes"));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    if archive.len() > ENTRIES_MAX {
        return Err(format!("it has more than {ENTRIES_MAX} entries"));
    }
    let mut entries = Vec::with_capacity(archive.len());
    let mut left = INFLATED_BYTES_MAX;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| error.to_string())?;
        if file.is_dir() {
            continue;
        }
        let name = file.name().map_err(|error| error.to_string())?.into_owned();
        let mut bytes = Vec::new();
        let read = file.take(left + 1).read_to_end(&mut bytes);
        let count = read.map_err(|error| format!("{name}: {error}"))? as u64;
        left = left
            .checked_sub(count)
            .ok_or_else(|| format!("it unpacks to more than {INFLATED_BYTES_MAX} bytes"))?;
        entries.push(Entry { name, bytes });
    }
    Ok(entries)
}

/// Writes a package of these entries, compressed, the same bytes for the same entries.
///
/// # Errors
/// When an entry's name cannot be written.
pub(crate) fn write(entries: &[Entry]) -> Result<Vec<u8>, String> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        writer
            .start_file(entry.name.as_str(), options)
            .map_err(|error| error.to_string())?;
        writer
            .write_all(&entry.bytes)
            .map_err(|error| error.to_string())?;
    }
    let finished = writer.finish().map_err(|error| error.to_string())?;
    Ok(finished.into_inner())
}
