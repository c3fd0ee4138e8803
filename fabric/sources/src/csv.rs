//! The rows of a CSV file, of whatever encoding and separator.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding};
use serde::Deserialize;
use serde_json::Map;
use spokegate_contract::{Failure, FailureClass};

use crate::cell::{Cell, Columns};
use crate::rows::Outlet;

/// How a CSV file is written, and which of its rows are wanted.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvShape {
    /// Between two cells: one ASCII character.
    pub delimiter: char,
    /// As the web calls it: `utf-8`, `windows-1252`, `iso-8859-15`.
    pub encoding: String,
    /// Column of the contract = heading in the file; without it headings are columns.
    pub fields: BTreeMap<String, String>,
    /// The heading whose cell must be the customer's id; without it all rows are taken.
    pub tenant_field: Option<String>,
}

impl Default for CsvShape {
    fn default() -> Self {
        Self {
            delimiter: ',',
            encoding: "utf-8".into(),
            fields: BTreeMap::new(),
            tenant_field: None,
        }
    }
}

impl CsvShape {
    /// What is wrong with it: the key, and a sentence.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, String)> {
        let plain = self.delimiter.is_ascii() && !['"', '\n', '\r'].contains(&self.delimiter);
        let separator = "is no separator; allowed: one ASCII character".to_owned();
        let delimiter = (!plain).then_some(("delimiter", separator));
        let known = Encoding::for_label(self.encoding.as_bytes()).is_some();
        let encoding = (!known).then(|| {
            let words = format!("\"{}\" is unknown; allowed: utf-8, windows-1252, iso-8859-15 and others of the web", self.encoding);
            ("encoding", words)
        });
        delimiter.into_iter().chain(encoding)
    }
}

/// Every row of a CSV file. `name` is what a fault calls it.
///
/// # Errors
/// With the line, when the file is not what its shape says; when it goes beyond the limits of the outlet.
pub fn csv_rows(
    source: &CsvShape,
    (file, name): (File, &str),
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
        let detail = format!("{}, line {line}, {why}", name);
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
                let detail = format!("{} has no column \"{heading}\"", name);
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
