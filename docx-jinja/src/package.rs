//! The zip package: opened under limits, searched for what a report must not carry, and copied entry by entry.

mod fields;
mod markup;
mod refuse;
mod relationships;

use std::io::{Cursor, Read, Seek, Write};
use std::sync::Arc;

use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};
use zip::{ZipArchive, read::ZipFile};

use crate::error::TemplateError;
use crate::limits::{INFLATE_FREE_BYTES, Limits};
use crate::xml::{self, Kind};

/// The package's index of content types (ECMA-376 part 2, §7.2.3).
pub(crate) const CONTENT_TYPES: &str = "[Content_Types].xml";
/// The first bytes of a compound file, which wraps encrypted packages and the old binary format.
const COMPOUND_FILE_MAGIC: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
/// Content types of parts whose tags are filled, by their ending.
const FILLED_TYPES: &[&str] = &[
    "wordprocessingml.document.main+xml",
    "wordprocessingml.header+xml",
    "wordprocessingml.footer+xml",
    "wordprocessingml.footnotes+xml",
    "wordprocessingml.endnotes+xml",
    "wordprocessingml.comments+xml",
    "package.core-properties+xml",
    "officedocument.custom-properties+xml",
    "officedocument.extended-properties+xml",
    CHART_TYPE,
];
/// The content type of charts, which are read after the drawings that show them.
const CHART_TYPE: &str = "drawingml.chart+xml";

/// How entries that are read as XML end; a part of an XML type under another name is refused. `.psmdcp` are the properties
/// as some libraries name them.
const XML_ENDINGS: &[&str] = &[".xml", ".rels", ".vml", ".svg", ".psmdcp"];

type Archive = ZipArchive<Cursor<Arc<[u8]>>>;

/// An opened package, cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    archive: Archive,
}

/// A part that may hold tags.
pub(crate) struct Part {
    pub(crate) index: usize,
    /// The entry's name: `word/header2.xml`.
    pub(crate) entry: String,
    pub(crate) xml: String,
    /// True for the main document.
    pub(crate) is_main: bool,
    /// True for a chart.
    pub(crate) is_chart: bool,
}

impl Package {
    /// Opens and checks a package; gives back also the parts that may hold tags.
    pub(crate) fn open(bytes: &[u8], limits: &Limits) -> Result<(Self, Vec<Part>), TemplateError> {
        if bytes.len() > limits.package_bytes {
            return Err(too_large("the file in bytes", limits.package_bytes as u64));
        }
        if bytes.starts_with(COMPOUND_FILE_MAGIC) {
            return Err(TemplateError::Encrypted);
        }
        let mut archive = ZipArchive::new(Cursor::new(Arc::from(bytes))).map_err(not_a_package)?;
        if archive.len() > limits.entries {
            return Err(too_large("the number of entries", limits.entries as u64));
        }
        let names = names(&mut archive)?;
        refuse::names(&names, archive.has_duplicate_names())?;
        let mut budget = Budget::new(bytes.len(), limits);
        let mut texts = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().enumerate() {
            let file = archive.by_index(index).map_err(not_a_package)?;
            let text = budget.inflate(file, &name)?;
            texts.push((name, text));
        }
        let types = content_types(&texts)?;
        relationships::check(&texts)?;
        let parts = select(texts, &types)?;
        Ok((Self { archive }, parts))
    }

    /// The names of all entries, in the order of the archive.
    pub(crate) fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().filter_map(Result::ok);
        names.map(std::borrow::Cow::into_owned).collect()
    }

    /// An entry's content; its size was checked when the package was opened.
    pub(crate) fn read(&mut self, entry: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = self.archive.by_name(entry).ok()?;
        file.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// Every file with its content, inflated; its size was bounded when the package was opened.
    pub(crate) fn entries(&mut self) -> Result<Vec<(String, Vec<u8>)>, TemplateError> {
        let mut entries = Vec::with_capacity(self.archive.len());
        for index in 0..self.archive.len() {
            let mut file = self.archive.by_index(index).map_err(not_a_package)?;
            if file.is_dir() {
                continue;
            }
            let name = file.name().map_err(not_a_package)?.into_owned();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)
                .map_err(|error| damaged(&name, error.to_string()))?;
            entries.push((name, bytes));
        }
        Ok(entries)
    }

    /// Copies an entry, its content byte for byte.
    ///
    /// It is compressed anew: an archive that is written in one go keeps sizes behind each entry, and the library leaves
    /// them out where it copies compressed bytes. Readers that take an entry after the other then find no end to it.
    pub(crate) fn copy<W: Write>(
        &mut self,
        index: usize,
        writer: &mut ZipWriter<StreamWriter<W>>,
        options: SimpleFileOptions,
    ) -> Result<(), zip::result::ZipError> {
        let mut file = self.archive.by_index(index)?;
        if file.is_dir() {
            return Ok(());
        }
        let name = file.name()?.into_owned();
        writer.start_file(name, options)?;
        std::io::copy(&mut file, writer)?;
        Ok(())
    }
}

/// A package of these entries.
pub(crate) fn write_entries(
    entries: &[(String, Vec<u8>)],
    compression_level: u8,
) -> Result<Vec<u8>, TemplateError> {
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(i64::from(compression_level.min(9))))
        .last_modified_time(zip::DateTime::default());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer
            .start_file(name.as_str(), options)
            .map_err(not_a_package)?;
        writer
            .write_all(bytes)
            .map_err(|error| damaged(name, error.to_string()))?;
    }
    let written = writer.finish().map_err(not_a_package)?;
    Ok(written.into_inner())
}

/// Inflates entries under one budget, since sizes in zip headers can lie.
struct Budget<'l> {
    limits: &'l Limits,
    left: u64,
    ratio_bound: bool,
}

impl<'l> Budget<'l> {
    fn new(package_bytes: usize, limits: &'l Limits) -> Self {
        let by_ratio = (package_bytes as u64).saturating_mul(limits.inflate_ratio);
        let by_ratio = by_ratio.max(INFLATE_FREE_BYTES);
        Self {
            limits,
            left: by_ratio.min(limits.inflated_bytes),
            ratio_bound: by_ratio < limits.inflated_bytes,
        }
    }

    /// The text of an XML part; other entries are inflated and counted only.
    fn inflate<R: Read + Seek>(
        &mut self,
        file: ZipFile<'_, R>,
        name: &str,
    ) -> Result<Option<Vec<u8>>, TemplateError> {
        let is_xml = is_xml(name);
        let bound = if is_xml {
            self.left.min(self.limits.xml_bytes)
        } else {
            self.left
        };
        let mut source = file.take(bound + 1);
        let mut bytes = Vec::new();
        let count = if is_xml {
            source.read_to_end(&mut bytes).map(|count| count as u64)
        } else {
            std::io::copy(&mut source, &mut std::io::sink())
        };
        let count = count.map_err(|error| damaged(name, error.to_string()))?;
        if count > bound {
            return Err(self.passed(bound));
        }
        self.left -= count;
        Ok(is_xml.then_some(bytes))
    }

    fn passed(&self, bound: u64) -> TemplateError {
        if bound < self.left {
            too_large("an XML part in bytes", self.limits.xml_bytes)
        } else if self.ratio_bound {
            too_large("the growth when unpacked", self.limits.inflate_ratio)
        } else {
            too_large("the unpacked size in bytes", self.limits.inflated_bytes)
        }
    }
}

fn is_xml(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    XML_ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

fn names(archive: &mut Archive) -> Result<Vec<String>, TemplateError> {
    let mut names = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(not_a_package)?;
        if file.encrypted() {
            return Err(TemplateError::Encrypted);
        }
        let name = file.name().map_err(not_a_package)?.into_owned();
        if file.is_symlink() {
            return Err(refuse::refused(
                &name,
                "a symbolic link",
                refuse::SAVE_AGAIN,
            ));
        }
        names.push(name);
    }
    Ok(names)
}

/// Part names in lower case with their declared types.
fn content_types(
    texts: &[(String, Option<Vec<u8>>)],
) -> Result<Vec<(String, String)>, TemplateError> {
    let index = texts.iter().find(|(name, _)| name == CONTENT_TYPES);
    let Some((_, Some(bytes))) = index else {
        return Err(TemplateError::NotAPackage(format!(
            "{CONTENT_TYPES} is missing"
        )));
    };
    let text = utf8(CONTENT_TYPES, bytes)?;
    let tokens = xml::tokenize(text).map_err(|what| damaged(CONTENT_TYPES, what))?;
    let mut types = Vec::new();
    for token in tokens
        .iter()
        .filter(|t| matches!(t.kind, Kind::Open | Kind::Empty))
    {
        let Some(kind) = xml::attribute(token.raw, "ContentType") else {
            continue;
        };
        refuse::content_type(&kind)?;
        let part = xml::attribute(token.raw, "PartName");
        let ending = xml::attribute(token.raw, "Extension").map(|ending| format!(".{ending}"));
        let named = part.as_deref().or(ending.as_deref()).unwrap_or_default();
        if kind.to_ascii_lowercase().ends_with("xml") && !is_xml(named) {
            let what = format!("XML under another name ({named})");
            return Err(refuse::refused(CONTENT_TYPES, &what, refuse::SAVE_AGAIN));
        }
        if let Some(part) = part {
            types.push((
                part.trim_start_matches('/').to_ascii_lowercase(),
                kind.into_owned(),
            ));
        }
    }
    Ok(types)
}

/// Keeps the parts to be filled; refuses document types everywhere.
fn select(
    texts: Vec<(String, Option<Vec<u8>>)>,
    types: &[(String, String)],
) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut has_main = false;
    for (index, (entry, bytes)) in texts.into_iter().enumerate() {
        let Some(bytes) = bytes else { continue };
        refuse::document_type(&entry, &bytes)?;
        let text = markup::check(&entry, &bytes)?;
        fields::check(&entry, text)?;
        let lower = entry.to_ascii_lowercase();
        let kind = types
            .iter()
            .find(|(part, _)| *part == lower)
            .map(|(_, kind)| kind.as_str());
        let Some(kind) = kind.filter(|kind| FILLED_TYPES.iter().any(|end| kind.ends_with(end)))
        else {
            continue;
        };
        let is_main = kind.ends_with(FILLED_TYPES[0]);
        has_main |= is_main;
        let xml = text.to_owned();
        parts.push(Part {
            index,
            entry,
            xml,
            is_main,
            is_chart: kind.ends_with(CHART_TYPE),
        });
    }
    parts.sort_by_key(|part| part.is_chart);
    if !has_main {
        return Err(TemplateError::NotAPackage(
            "it has no main document".to_owned(),
        ));
    }
    Ok(parts)
}

fn utf8<'b>(entry: &str, bytes: &'b [u8]) -> Result<&'b str, TemplateError> {
    std::str::from_utf8(bytes).map_err(|_| damaged(entry, "it is not UTF-8".to_owned()))
}

pub(crate) fn damaged(entry: &str, what: String) -> TemplateError {
    TemplateError::Damaged {
        entry: entry.to_owned(),
        what,
    }
}

fn too_large(what: &'static str, limit: u64) -> TemplateError {
    TemplateError::TooLarge { what, limit }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function in map_err"
)]
fn not_a_package(error: zip::result::ZipError) -> TemplateError {
    TemplateError::NotAPackage(error.to_string())
}
