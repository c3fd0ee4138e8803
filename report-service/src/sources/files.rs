//! CSV and JSON files below the configured folder; links are not followed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use encoding_rs::{CoderResult, Decoder, Encoding};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use serde::Deserialize;
use serde_json::{Map, Value};
use spokegate_contract::{Failure, FailureClass};

use super::cell::{Cell, Columns};
use super::rows::Outlet;

/// `[csv]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CsvFile {
    /// Below `source_files`.
    pub(super) path: PathBuf,
    #[serde(default = "comma")]
    pub(super) delimiter: char,
    /// As the web calls it: `utf-8`, `windows-1252`, `iso-8859-15`.
    #[serde(default = "utf_8")]
    pub(super) encoding: String,
    /// Column of the contract = heading in the file; without it headings are columns.
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    /// The heading whose cell must be the customer's id; without it all rows are taken.
    pub(super) tenant_field: Option<String>,
}

/// `[json]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JsonFile {
    /// Below `source_files`.
    pub(super) path: PathBuf,
    #[serde(default)]
    rows: String,
    #[serde(default)]
    fields: BTreeMap<String, String>,
    tenant_field: Option<String>,
}

impl JsonFile {
    pub(super) fn shape(&self) -> JsonRows {
        JsonRows {
            rows: self.rows.clone(),
            fields: self.fields.clone(),
            tenant_field: self.tenant_field.clone(),
        }
    }
}

/// Where rows are in a JSON text.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonRows {
    /// JSON pointer to the list of rows; the whole text when empty.
    pub(super) rows: String,
    /// Column of the contract = JSON pointer within a row; without it members are columns.
    pub(super) fields: BTreeMap<String, String>,
    /// JSON pointer to the customer's id within a row; without it all rows are taken.
    pub(super) tenant_field: Option<String>,
}

fn comma() -> char {
    ','
}

fn utf_8() -> String {
    "utf-8".into()
}

impl CsvFile {
    pub(super) fn faults(&self, faults: &mut Vec<String>) {
        if !self.delimiter.is_ascii() || ['"', '\n', '\r'].contains(&self.delimiter) {
            faults.push("csv.delimiter: is no separator; allowed: one ASCII character".into());
        }
        if Encoding::for_label(self.encoding.as_bytes()).is_none() {
            faults.push(format!("csv.encoding: \"{}\" is unknown; allowed: utf-8, windows-1252, iso-8859-15 and others of the web", self.encoding));
        }
    }
}

/// Whether a path stays below a folder: no root, no `..`.
pub(super) fn is_below(path: &Path) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    path.components().count() > 0 && path.components().all(plain)
}

/// Opens a file below a folder without following any link.
pub(super) fn open(folder: &Path, path: &Path) -> Result<File, Failure> {
    let name = path.display();
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = openat2(
        CWD,
        folder,
        flags | OFlags::DIRECTORY,
        Mode::empty(),
        ResolveFlags::empty(),
    )
    .and_then(|folder| openat2(folder, path, flags, Mode::empty(), beneath));
    let file = opened.map(File::from).map_err(|error| {
        let detail = if error == rustix::io::Errno::LOOP {
            format!("{name} is or lies behind a link, which is not followed")
        } else {
            format!("{name}: {error}")
        };
        Failure::new(FailureClass::SourceError, &detail)
    })?;
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(file),
        _ => Err(Failure::new(
            FailureClass::SourceError,
            &format!("{name} is not a regular file"),
        )),
    }
}

/// Every row of a CSV file.
pub(super) fn csv_rows(
    source: &CsvFile,
    file: File,
    (tenant, columns): (&str, &Columns),
    outlet: &mut Outlet,
) -> Result<(), Failure> {
    let encoding = Encoding::for_label(source.encoding.as_bytes()).unwrap_or(encoding_rs::UTF_8);
    let told = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        let why = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                format!("has {len} cells, the headings are {expected_len}")
            }
            csv::ErrorKind::Utf8 { .. } => "is not of the file's encoding".into(),
            _ => "cannot be read".into(),
        };
        let detail = format!("{}, line {line}, {why}", source.path.display());
        Failure::new(FailureClass::SourceError, &detail)
    };
    let delimiter = u8::try_from(source.delimiter).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(Recoded::new(file, encoding));
    let headings = reader.headers().map_err(told)?.clone();
    let place = |heading: &str| {
        headings
            .iter()
            .position(|known| known.trim() == heading)
            .ok_or_else(|| {
                let detail = format!("{} has no column \"{heading}\"", source.path.display());
                Failure::new(FailureClass::SourceError, &detail)
            })
    };
    let fields: Vec<(String, usize)> = if source.fields.is_empty() {
        let own = headings.iter().enumerate();
        own.filter(|(_, heading)| Some(*heading) != source.tenant_field.as_deref())
            .map(|(at, heading)| (heading.trim().to_owned(), at))
            .collect()
    } else {
        let named = source.fields.iter();
        named
            .map(|(column, heading)| Ok((column.clone(), place(heading)?)))
            .collect::<Result<_, Failure>>()?
    };
    let of = source.tenant_field.as_deref().map(place).transpose()?;
    for record in reader.records() {
        let record = record.map_err(told)?;
        if of.is_some_and(|at| record.get(at).map(str::trim) != Some(tenant)) {
            continue;
        }
        let mut row = Map::new();
        for (column, at) in &fields {
            let text = record.get(*at).unwrap_or_default().to_owned();
            columns.put(&mut row, column, Cell::Loose(text));
        }
        outlet.blocking_row(row)?;
    }
    Ok(())
}

/// Every row of a JSON text.
pub(super) fn json_rows(
    shape: &JsonRows,
    text: &[u8],
    (tenant, columns): (&str, &Columns),
) -> Result<Vec<Map<String, Value>>, Failure> {
    let invalid = |detail: &str| Failure::new(FailureClass::SourceError, detail);
    let whole: Value =
        serde_json::from_slice(text).map_err(|_| invalid("what it gives is not JSON"))?;
    let found = whole.pointer(&shape.rows).and_then(Value::as_array);
    let found = found.ok_or_else(|| invalid(&format!("there is no list at \"{}\"", shape.rows)))?;
    let mut rows = Vec::with_capacity(found.len());
    for item in found {
        let own = |pointer: &String| item.pointer(pointer).and_then(Value::as_str) == Some(tenant);
        if !shape.tenant_field.as_ref().is_none_or(own) {
            continue;
        }
        let members = item
            .as_object()
            .ok_or_else(|| invalid("an item of the list is no object"))?;
        let mut row = Map::new();
        if shape.fields.is_empty() {
            for (name, value) in members {
                columns.put(&mut row, name, of_json(value));
            }
        } else {
            for (name, pointer) in &shape.fields {
                if let Some(value) = item.pointer(pointer) {
                    columns.put(&mut row, name, of_json(value));
                }
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

fn of_json(value: &Value) -> Cell {
    match value {
        Value::String(text) => Cell::Text(text.clone()),
        other => Cell::Json(other.clone()),
    }
}

/// A file's bytes as UTF-8, whatever they are.
struct Recoded {
    file: File,
    decoder: Decoder,
    read: Vec<u8>,
    given: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Recoded {
    fn new(file: File, encoding: &'static Encoding) -> Self {
        Self {
            file,
            decoder: encoding.new_decoder(),
            read: vec![0; 16_384],
            given: Vec::new(),
            at: 0,
            ended: false,
        }
    }
}

impl Read for Recoded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.given.len() && !self.ended {
            let length = self.file.read(&mut self.read)?;
            self.ended = length == 0;
            // Room for the longest there can be.
            let most = self
                .decoder
                .max_utf8_buffer_length(length)
                .unwrap_or(65_536);
            self.given.resize(most, 0);
            let input = self.read.get(..length).unwrap_or_default();
            let (result, _, written, damaged) =
                self.decoder
                    .decode_to_utf8(input, &mut self.given, self.ended);
            if damaged || result == CoderResult::OutputFull {
                let damage = "it is not of the encoding that the source names";
                return Err(io::Error::new(io::ErrorKind::InvalidData, damage));
            }
            self.given.truncate(written);
            self.at = 0;
        }
        let left = self.given.get(self.at..).unwrap_or_default();
        let length = left.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..length), left.get(..length)) {
            to.copy_from_slice(from);
        }
        self.at += length;
        Ok(length)
    }
}
