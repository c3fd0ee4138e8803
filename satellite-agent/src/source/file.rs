//! The `file` source: a JSON or NDJSON file below the folder that is allowed, read as a stream.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use spokegate_contract::envelope::SourceHealth;
use spokegate_contract::{Failure, FailureClass, Shape, cbor};
use spokegate_daemon::open_below;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::http_fault::{ANSWER_JSON_BYTES_MAX, HttpFault};
use super::reading::Reading;
use super::splitter::{ROW_JSON_BYTES_MAX, kind_of};
use super::{Answer, Batch, Source};

/// Bytes read at once; the rows in them are encoded in one go.
const READ_BYTES: usize = 65_536;

/// How a file's text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// An array of objects, or one object.
    Json,
    /// An object on each line.
    Lines,
}

/// One file that supplies one dataset.
#[derive(Debug)]
pub(crate) struct FileSource {
    pub(crate) folder: PathBuf,
    /// Below the folder.
    pub(crate) path: PathBuf,
    pub(crate) written: Written,
    pub(crate) shape: Shape,
    /// Longest wait for the next piece: a network's file system may hang.
    pub(crate) timeout: Duration,
}

impl FileSource {
    async fn open(&self) -> Result<std::fs::File, Failure> {
        let (folder, path) = (self.folder.clone(), self.path.clone());
        let opening = tokio::task::spawn_blocking(move || open_below(&folder, &path));
        let opened = tokio::time::timeout(self.timeout, opening).await;
        match opened {
            Ok(Ok(Ok(file))) => Ok(file),
            Ok(Ok(Err(error))) => Err(failed(&error.to_string())),
            Ok(Err(_)) => Err(failed("the agent stops")),
            Err(_) => Err(silent(&self.path, self.timeout)),
        }
    }
}

impl Source for FileSource {
    /// A file has no parameters; those of the request change nothing.
    fn ask<'a>(
        &'a self,
        _params: &'a Map<String, Value>,
    ) -> BoxFuture<'a, Result<Box<dyn Answer>, Failure>> {
        async move {
            let file = File::from_std(self.open().await?);
            let text = match self.written {
                Written::Json => Text::Json(Reading::new(self.shape)),
                Written::Lines => Text::Lines(Lines::default()),
            };
            Ok(Box::new(FileAnswer {
                file,
                path: self.path.clone(),
                timeout: self.timeout,
                text,
                bytes: 0,
                ended: false,
            }) as Box<dyn Answer>)
        }
        .boxed()
    }

    fn origin(&self) -> String {
        format!("file:{}", self.path.display())
    }

    fn asks_node_red(&self) -> bool {
        false
    }

    fn health(&self) -> BoxFuture<'_, SourceHealth> {
        let health = |opened: Result<std::fs::File, Failure>| match opened {
            Ok(_) => SourceHealth::Up,
            Err(_) => SourceHealth::Down,
        };
        self.open().map(health).boxed()
    }
}

fn failed(detail: &str) -> Failure {
    Failure::new(FailureClass::SourceError, detail)
}

fn silent(path: &Path, timeout: Duration) -> Failure {
    failed(&format!(
        "{} could not be read within {} s; hint: is it on a disk of this machine?",
        path.display(),
        timeout.as_secs().max(1)
    ))
}

struct FileAnswer {
    file: File,
    path: PathBuf,
    timeout: Duration,
    text: Text,
    bytes: u64,
    ended: bool,
}

enum Text {
    Json(Reading),
    Lines(Lines),
}

impl FileAnswer {
    async fn advance(&mut self) -> Result<Option<Batch>, Failure> {
        while !self.ended {
            let mut piece = vec![0; READ_BYTES];
            let read = tokio::time::timeout(self.timeout, self.file.read(&mut piece)).await;
            let read = read.map_err(|_| silent(&self.path, self.timeout))?;
            let length =
                read.map_err(|error| failed(&format!("{}: {error}", self.path.display())))?;
            self.bytes += length as u64;
            self.ended = length == 0;
            let batch = self.text.take(&piece[..length], self.bytes);
            let place = self.path.display().to_string();
            let batch = batch.map_err(|fault| fault.at(&place))?;
            if batch.len() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

impl Answer for FileAnswer {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Batch>, Failure>> {
        self.advance().boxed()
    }
}

impl Text {
    /// Takes the next piece; none at all is the end.
    fn take(&mut self, piece: &[u8], bytes: u64) -> Result<Batch, HttpFault> {
        match self {
            Self::Json(reading) if piece.is_empty() => {
                reading.finish().map(Option::unwrap_or_default)
            }
            Self::Json(reading) => reading.take(piece, bytes),
            Self::Lines(_) if bytes > ANSWER_JSON_BYTES_MAX => {
                Err(HttpFault::OverLong(ANSWER_JSON_BYTES_MAX))
            }
            Self::Lines(lines) if piece.is_empty() => lines.finish(),
            Self::Lines(lines) => lines.feed(piece),
        }
    }
}

/// Objects, one on each line; empty lines are none.
#[derive(Debug, Default)]
struct Lines {
    /// The line that the last piece left unfinished.
    partial: Vec<u8>,
    line: u64,
}

impl Lines {
    fn feed(&mut self, piece: &[u8]) -> Result<Batch, HttpFault> {
        let mut batch = Batch::default();
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            self.end_line(&mut batch)?;
        }
        self.partial.extend_from_slice(rest);
        self.check_length()?;
        Ok(batch)
    }

    /// The last line may end with the file.
    fn finish(&mut self) -> Result<Batch, HttpFault> {
        let mut batch = Batch::default();
        self.end_line(&mut batch)?;
        Ok(batch)
    }

    fn end_line(&mut self, batch: &mut Batch) -> Result<(), HttpFault> {
        self.line += 1;
        self.check_length()?;
        let text = std::mem::take(&mut self.partial);
        let row = self.line;
        let Some(first) = text.iter().find(|byte| !byte.is_ascii_whitespace()) else {
            return Ok(());
        };
        if *first != b'{' {
            let problem = format!("it is {}, not an object", kind_of(*first));
            return Err(HttpFault::Row { row, problem });
        }
        let value: Value = serde_json::from_slice(&text).map_err(|error| {
            let problem = error.to_string();
            HttpFault::RowSyntax { row, problem }
        })?;
        batch
            .push(|out| cbor::from_json(&value, out))
            .map_err(|error| {
                let problem = error.to_string();
                HttpFault::Row { row, problem }
            })
    }

    fn check_length(&self) -> Result<(), HttpFault> {
        if self.partial.len() <= ROW_JSON_BYTES_MAX {
            return Ok(());
        }
        let problem = format!("it has more than {ROW_JSON_BYTES_MAX} bytes");
        Err(HttpFault::Row {
            row: self.line + 1,
            problem,
        })
    }
}

#[cfg(test)]
mod tests;
