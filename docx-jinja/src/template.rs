//! The public face: compile once, render often.

mod output;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, Value};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

use crate::additions::{self, Changes, Original};
use crate::budget;
use crate::chart::Charts;
use crate::check;
use crate::engine;
use crate::error::{RenderError, TagErrors, TemplateError};
use crate::filters::{self, NoArgument};
use crate::limits::Options;
use crate::lint::Inspection;
use crate::locale;
use crate::locate::{Faults, SourceMap, part_name};
use crate::numbering;
use crate::package::{Package, damaged};
use crate::prepare::{self, ListStyles, Prepared};
use crate::settings;
use crate::sink::Sink;
use crate::subdocument;
use crate::suggest;
use crate::valid::{Findings, Known, Machine};
use crate::values::Assets;
use output::{Counted, is_compressed, output};

/// A checked template, ready to be filled any number of times, by any number of threads.
pub struct Template {
    original: Arc<Original>,
    environment: Environment<'static>,
    /// Parts with tags, by their index in the package.
    parts: Vec<FilledPart>,
    /// Whether Word is asked to refresh the fields.
    refresh: bool,
    options: Options,
    known: Known,
}

struct FilledPart {
    index: usize,
    entry: String,
    map: SourceMap,
    /// Copied unless the render is given pictures.
    idle: bool,
}

/// What a render did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderReport {
    /// XML written, in bytes before compression.
    pub xml_bytes: u64,
    /// The document's size in bytes.
    pub document_bytes: u64,
    /// Parts that held tags; all others were copied as they are.
    pub parts_filled: usize,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries: Vec<&str> = self.parts.iter().map(|part| part.entry.as_str()).collect();
        f.debug_struct("Template")
            .field("parts", &entries)
            .finish_non_exhaustive()
    }
}

impl Template {
    /// Reads and checks a template under the default options.
    ///
    /// # Errors
    /// A package that is refused, or [`TemplateError::Tags`] with every fault of its tags.
    pub fn compile(bytes: &[u8]) -> Result<Self, TemplateError> {
        Self::compile_with(bytes, Options::default())
    }

    /// Reads and checks a template.
    ///
    /// # Errors
    /// As [`Template::compile`].
    pub fn compile_with(bytes: &[u8], options: Options) -> Result<Self, TemplateError> {
        let (package, found) = Package::open(bytes, &options.limits)?;
        let original = Arc::new(Original::new(package, &found));
        let mut environment = engine::environment(&options.limits);
        let styles = list_styles(&original, &options);
        let contents = found.iter().any(|part| settings::has_contents(&part.xml));
        let mut faults = Faults::default();
        let mut charts = Charts::new(&original);
        let mut parts = Vec::new();
        for part in found {
            let faults_before = faults.len();
            let styles = styles.as_ref().filter(|_| part.is_main);
            if charts.holds(&part.entry) {
                continue;
            }
            charts.enter(&part.entry);
            let name = part_name(&part.entry);
            let prepared = prepare::prepare(name, &part.xml, styles, &mut charts, &mut faults);
            let Some(Prepared { source, map, idle }) =
                prepared.map_err(|what| damaged(&part.entry, what))?
            else {
                continue;
            };
            if faults.len() == faults_before {
                add(&mut environment, &part.entry, source, &map, &mut faults);
            }
            parts.push(FilledPart {
                index: part.index,
                entry: part.entry,
                map,
                idle,
            });
        }
        if !faults.is_empty() {
            return Err(TemplateError::Tags(TagErrors(faults.into_vec())));
        }
        charts.register(&mut environment);
        Ok(Self {
            original,
            environment,
            parts,
            refresh: options.refresh_fields && contents,
            options,
            known: Known::default(),
        })
    }

    /// The names the template expects to find in the values, dotted where it reads fields: `report.title`.
    pub fn variables(&self) -> BTreeSet<String> {
        let templates = self
            .parts
            .iter()
            .filter_map(|part| self.environment.get_template(&part.entry).ok());
        templates
            .flat_map(|template| template.undeclared_variables(true))
            .filter(|name| {
                !name.starts_with("__")
                    && self.environment.globals().all(|(global, _)| global != name)
            })
            .collect()
    }

    /// What the template reads and how, with paths through its loops: `devices[].hostname`.
    pub fn inspect(&self) -> Inspection {
        let parts = self.parts.iter().filter_map(|part| {
            let template = self.environment.get_template(&part.entry).ok()?;
            Some((template.source().to_owned(), &part.map))
        });
        Inspection::of(parts, Vec::new())
    }

    /// Fills the template and writes the document as it goes, in memory that does not grow with the rows.
    /// `out` holds an unfinished document when this fails. Strings are escaped, except those that the caller made
    /// with [`Value::from_safe_string`], which are written as markup.
    ///
    /// # Errors
    /// The tag that could not be evaluated, a bound that was passed, or a failure of `out`.
    pub fn render(&self, values: Value, out: impl Write) -> Result<RenderReport, RenderError> {
        self.render_with(values, Assets::default(), out)
    }

    /// Fills the template as [`Template::render`] does, with pictures beside the values.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_with(
        &self,
        values: Value,
        assets: Assets,
        out: impl Write,
    ) -> Result<RenderReport, RenderError> {
        let filled = |part: &&FilledPart| !part.idle || !assets.is_empty();
        let parts: Vec<&FilledPart> = self.parts.iter().filter(filled).collect();
        let _budget = budget::start(&self.options.limits);
        let _locale = locale::start(self.options.locale);
        let _additions = additions::start(&self.original, assets);
        let _numbering = numbering::start();
        let _documents = subdocument::start();
        let failed = Cell::new(false);
        let mut counted = Counted {
            out,
            bytes: 0,
            failed: &failed,
        };
        let mut writer = ZipWriter::new_stream(&mut counted);
        let written = self.write(&parts, &values, &mut writer);
        // A zip writer completes its archive when dropped: what is unfinished must not pass for a document.
        failed.set(written.is_err());
        let xml_bytes = written?;
        writer.finish().map_err(output)?;
        Ok(RenderReport {
            xml_bytes,
            document_bytes: counted.bytes,
            parts_filled: parts.len(),
        })
    }

    /// Writes every entry; gives the bytes of XML written. What filling the parts added to others is known when
    /// they are written: they follow.
    fn write<W: Write>(
        &self,
        parts: &[&FilledPart],
        values: &Value,
        writer: &mut ZipWriter<StreamWriter<W>>,
    ) -> Result<u64, RenderError> {
        let mut xml_bytes = 0;
        let mut found = Vec::with_capacity(parts.len());
        for part in parts {
            let (bytes, findings) = self.fill(part, values, writer, xml_bytes)?;
            xml_bytes += bytes;
            found.push((part.entry.as_str(), findings));
        }
        self.complete()
            .map_err(|error| RenderError::Template(check::message(&error)))?;
        let changes = additions::finish();
        if self.options.verify {
            let checked = self.known.check(&self.original, &changes, &found);
            checked.map_err(RenderError::InvalidOutput)?;
        }
        for (entry, bytes) in changes.entries() {
            writer
                .start_file(entry, self.entry_options(entry))
                .map_err(output)?;
            writer.write_all(bytes).map_err(RenderError::Output)?;
        }
        self.copy(parts, &changes, writer)?;
        Ok(xml_bytes)
    }

    /// Changes the parts that follow from what was filled in.
    fn complete(&self) -> Result<(), Error> {
        subdocument::write()?;
        numbering::write()?;
        if self.refresh {
            settings::refresh(&self.original)?;
        }
        Ok(())
    }

    /// Copies what nothing touched.
    fn copy<W: Write>(
        &self,
        parts: &[&FilledPart],
        changes: &Changes,
        writer: &mut ZipWriter<StreamWriter<W>>,
    ) -> Result<(), RenderError> {
        let mut package = self.original.package();
        for (index, entry) in package.names().iter().enumerate() {
            let filled = parts.iter().any(|part| part.index == index);
            if !filled && !changes.holds(entry) {
                package
                    .copy(index, writer, self.entry_options(entry))
                    .map_err(output)?;
            }
        }
        Ok(())
    }

    fn entry_options(&self, entry: &str) -> SimpleFileOptions {
        let level = if is_compressed(entry) {
            1
        } else {
            self.options.compression_level.clamp(1, 9)
        };
        SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(i64::from(level)))
            .last_modified_time(zip::DateTime::default())
    }

    fn fill<W: Write>(
        &self,
        part: &FilledPart,
        values: &Value,
        writer: &mut ZipWriter<StreamWriter<W>>,
        written: u64,
    ) -> Result<(u64, Findings), RenderError> {
        writer
            .start_file(part.entry.as_str(), self.entry_options(&part.entry))
            .map_err(output)?;
        additions::enter(&part.entry);
        let template = self.environment.get_template(&part.entry);
        let template = template.map_err(|error| RenderError::Template(error.to_string()))?;
        let left = self.options.limits.output_bytes.saturating_sub(written);
        let verify = self.options.verify;
        let machine = verify.then(|| Machine::new(template.source(), part.map.len()));
        let mut sink = Sink::new(writer, left).verified(machine);
        match template.render_captured_to(values.clone(), &mut sink) {
            Ok(_) => sink.finish().map_err(RenderError::Output),
            Err(_) if sink.passed_limit() => Err(RenderError::TooLarge {
                what: "the XML in bytes",
                limit: self.options.limits.output_bytes,
            }),
            Err(_) if sink.is_late() => Err(RenderError::TooLarge {
                what: "the time in milliseconds",
                limit: self.options.limits.render_ms,
            }),
            Err(error) => Err(self.explain(part, values, &error)),
        }
    }

    /// Puts a failure of the engine into words for the template's author.
    fn explain(&self, part: &FilledPart, values: &Value, error: &Error) -> RenderError {
        if error.kind() == ErrorKind::OutOfFuel {
            return RenderError::TooLarge {
                what: "the number of steps",
                limit: self.options.limits.fuel,
            };
        }
        let source =
            std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
        if let (ErrorKind::WriteFailure, Some(source)) = (error.kind(), source) {
            return RenderError::Output(io::Error::new(source.kind(), source.to_string()));
        }
        let offset = error.range().map_or(0, |range| range.start);
        let Some(place) = part.map.find(offset) else {
            return RenderError::Template(check::message(error));
        };
        let (mut message, mut hint) = check::told(error);
        if error.kind() == ErrorKind::UndefinedError {
            let named = message.split('`').nth(1).map(str::to_owned);
            if let Some(path) = named.or_else(|| suggest::missing(&place.tag, values, &place.loops))
            {
                hint = suggest::for_path(&path, values, &place.loops);
                let source = std::error::Error::source(error);
                if source.is_some_and(|source| source.is::<NoArgument>()) {
                    hint = filters::argument_hint(&path, hint);
                }
                message = format!("there is no {path} in the values");
            }
        }
        RenderError::Tag(Box::new(place.error(message, hint)))
    }
}

/// What the template's styles say about lists, when these are to begin anew.
fn list_styles(original: &Original, options: &Options) -> Option<ListStyles> {
    options.restart_numbering.then(|| {
        let text = original
            .related("styles")
            .and_then(|entry| original.text(&entry));
        ListStyles::read(text.as_deref().unwrap_or_default())
    })
}

/// Gives a part's source to the engine. Each tag was checked before, so what fails here is how they meet.
fn add(
    environment: &mut Environment<'static>,
    entry: &str,
    source: String,
    map: &SourceMap,
    faults: &mut Faults,
) {
    if let Err(error) = environment.add_template_owned(entry.to_owned(), source) {
        let offset = error.range().map_or(0, |range| range.start);
        let place = map.find(offset).or_else(|| map.find(usize::MAX));
        if let Some(place) = place {
            faults.add(place.error(check::message(&error), None));
        }
    }
}
