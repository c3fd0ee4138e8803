//! What a document was filled with, kept beside it: the tray whole, with template, pictures and values, so that the same
//! document can be made again to the byte.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use spokegate_contract::hex;
use zip::ZipArchive;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::order::{Chunk, Order, Span, Values};
use super::template::Template;
use super::tray::Tray;
use super::values::read;
use super::{Partial, RenderFailure, Renderer, at};

/// The parts of the file.
const ORDER: &str = "order.json";
const TRAY: &str = "tray";
/// Largest tray that is read back.
const TRAY_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;
/// Bytes moved at a time.
const BUFFER_BYTES: usize = 262_144;

/// What was kept of one document.
#[derive(Debug)]
pub struct Kept {
    tray: Arc<Tray>,
    order: Order,
    span: Span,
}

impl Kept {
    /// The values that the template was filled with.
    #[must_use]
    pub fn values(&self) -> Option<&Values> {
        self.order.values.as_ref()
    }

    /// The same, to fill another template with.
    #[must_use]
    pub fn into_values(self) -> (Arc<Tray>, Option<Values>) {
        (self.tray, self.order.values)
    }

    /// What [`Template::sha256`] was.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn template_sha256(&self) -> io::Result<String> {
        let file = self.tray.handle()?;
        let mut template = Template::from(read(&file, self.order.template)?);
        for (name, picture) in &self.order.pictures {
            template = template.with_picture(name.as_str(), read(&file, *picture)?);
        }
        Ok(template.sha256())
    }

    /// SHA-256 of the template's Word file alone.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn template_file_sha256(&self) -> io::Result<String> {
        let file = self.tray.handle()?;
        Ok(Template::from(read(&file, self.order.template)?).sha256())
    }

    /// SHA-256 of the picture of this name; nothing where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn picture_sha256(&self, name: &str) -> io::Result<Option<String>> {
        let Some(span) = self.order.pictures.get(name) else {
            return Ok(None);
        };
        let picture = read(&self.tray.handle()?, *span)?;
        let digest = ring::digest::digest(&SHA256, &picture);
        Ok(Some(hex::encode(digest.as_ref())))
    }

    /// One dataset of it, to be read chunk by chunk.
    ///
    /// # Errors
    /// When the system gives no further handle on the file.
    pub fn table(&self, data: &Values) -> io::Result<KeptTable> {
        Ok(KeptTable {
            file: self.tray.handle()?,
            data: data.clone(),
        })
    }

    /// SHA-256 over the pieces that a table came in, or over a document.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn sha256_of(&self, data: &Values) -> io::Result<String> {
        let mut digest = Context::new(&SHA256);
        match data {
            Values::Rows(chunks) => {
                let file = self.tray.handle()?;
                for Chunk { span, .. } in chunks {
                    digest.update(&read(&file, *span)?);
                }
            }
            Values::Plain(json) => digest.update(&serde_json::to_vec(json)?),
            Values::Map(_) | Values::List(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
        Ok(hex::encode(digest.finish().as_ref()))
    }
}

/// One dataset of what was kept.
#[derive(Debug)]
pub struct KeptTable {
    file: File,
    data: Values,
}

impl KeptTable {
    /// The whole of it where it is one document and no rows.
    #[must_use]
    pub fn document(&self) -> Option<&serde_json::Value> {
        match &self.data {
            Values::Plain(json) => Some(json),
            _ => None,
        }
    }

    /// In how many chunks its rows came.
    #[must_use]
    pub fn chunks(&self) -> usize {
        match &self.data {
            Values::Rows(chunks) => chunks.len(),
            _ => 0,
        }
    }

    /// One of them: a JSON array of rows.
    ///
    /// # Errors
    /// When there is no such chunk or it cannot be read.
    pub fn chunk(&self, number: usize) -> io::Result<Vec<u8>> {
        match &self.data {
            Values::Rows(chunks) => {
                let chunk = chunks.get(number).ok_or(io::ErrorKind::NotFound)?;
                read(&self.file, chunk.span)
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_chunks(chunks: &[&str]) -> Self {
        let tray = Tray::create(&std::env::temp_dir()).unwrap();
        let chunks = chunks
            .iter()
            .map(|json| tray.append_rows(json.as_bytes(), 0).unwrap());
        Self {
            data: Values::Rows(chunks.collect()),
            file: tray.handle().unwrap(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_document(json: serde_json::Value) -> Self {
        Self {
            data: Values::Plain(json),
            ..Self::of_chunks(&[])
        }
    }
}

impl Renderer {
    /// Keeps what the last document of a tray was filled with.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub async fn keep(&self, tray: Arc<Tray>, output: &Path) -> Result<(), RenderFailure> {
        let partial = Partial::beside(output)?;
        let path = partial.0.clone();
        let work = move || write(&tray, &path);
        let written = self.tasks.blocking("keep the data of a run", work).await;
        let written = written.unwrap_or_else(|| Err(io::ErrorKind::Other.into()));
        written.map_err(|error| at(output, error))?;
        std::fs::rename(&partial.0, output).map_err(|error| at(output, error))
    }

    /// Opens what was kept.
    ///
    /// # Errors
    /// When it is not there or not whole.
    pub async fn kept(&self, path: &Path) -> Result<Kept, RenderFailure> {
        let (from, folder) = (path.to_owned(), self.folder.clone());
        let work = move || open(&from, &folder);
        let opened = self.tasks.blocking("read the data of a run", work).await;
        let opened = opened.unwrap_or_else(|| Err(io::ErrorKind::Other.into()));
        opened.map_err(|error| at(path, error))
    }

    /// Makes the document again, with everything as it was; returns its size.
    ///
    /// # Errors
    /// See [`Renderer::to_file`].
    pub async fn again(&self, kept: &Kept, output: &Path) -> Result<u64, RenderFailure> {
        let handle = kept.tray.handle().map_err(|error| at(output, error))?;
        let ordered = (handle, kept.span);
        self.rendered(ordered, output).await
    }

    /// Runs an order for nobody; what it says counts.
    pub(super) async fn run_for_nobody(
        &self,
        (tray, order): (File, Span),
    ) -> Result<super::order::Answer, RenderFailure> {
        self.launch.run(tray, order, Stdio::null()).await
    }
}

fn write(tray: &Tray, path: &Path) -> io::Result<()> {
    let order = tray.order().ok_or(io::ErrorKind::NotFound)?;
    let options = SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(1))
        .large_file(true)
        .last_modified_time(zip::DateTime::default());
    let mut archive = ZipWriter::new(BufWriter::new(File::create(path)?));
    archive.start_file(ORDER, options)?;
    archive.write_all(&serde_json::to_vec(&order)?)?;
    archive.start_file(TRAY, options)?;
    let mut left = tray.length();
    let mut place = 0;
    let file = tray.handle()?;
    while left > 0 {
        let bytes = left.min(BUFFER_BYTES as u64);
        archive.write_all(&read(&file, Span { at: place, bytes })?)?;
        place += bytes;
        left -= bytes;
    }
    let file = archive.finish()?.into_inner()?;
    file.sync_all()
}

fn open(path: &Path, folder: &Path) -> io::Result<Kept> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    let span: Span = serde_json::from_reader(archive.by_name(ORDER)?)?;
    let tray = Tray::create(folder)?;
    let mut rest = archive.by_name(TRAY)?.take(TRAY_BYTES_MAX);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = rest.read(&mut buffer)?;
        match buffer.get(..count).filter(|read| !read.is_empty()) {
            Some(piece) => drop(tray.append(piece)?),
            None => break,
        }
    }
    let order = read(&tray.handle()?, span)?;
    Ok(Kept {
        order: serde_json::from_slice(&order)?,
        tray: Arc::new(tray),
        span,
    })
}
