//! What a confined process does with a template.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::Arc;

use docx_build::docxtemplater::{self, Delimiters, Weight};
use docx_jinja::lint::{inspect, marked_copy};
use docx_jinja::values::{Assets, Picture};
use docx_jinja::{Limits, Locale, Options, RenderError, Shape, TagError, Template};

use super::found::{Foreign, Imported, Inspected, Remark};
use super::order::{Answer, Measured, Order, TagFault, Task, Told};
use super::pixels::decode;
use super::values::{read, readable};

/// Bytes gathered before they go to the disk.
const BUFFER_BYTES: usize = 262_144;
/// Who comments in a marked copy.
const AUTHOR: &str = "Spokegate";

/// Whatever keeps a process from its work.
type Unfit = Box<dyn std::error::Error>;

/// Does what an order asks for.
///
/// # Errors
/// When the order or the tray cannot be read.
pub(super) fn done(
    mut order: Order,
    tray: &Arc<File>,
    document: &'static File,
    seconds: u64,
) -> Result<Answer, Unfit> {
    let limits = Limits {
        render_ms: seconds.saturating_mul(1_000),
        ..Limits::default()
    };
    let options = Options {
        limits,
        locale: Locale::named(&order.locale)?,
        refresh_fields: order.refresh_fields,
        ..Options::default()
    };
    let template = read(tray, order.template)?;
    let shape = order.shape.take().map(Shape::from);
    Ok(match &order.task {
        Task::Inspect => match inspect(&template, options) {
            Ok(inspection) => Answer::Inspected(Inspected::of(&inspection, shape.as_ref())),
            Err(error) => Answer::Template(Told::from(&error)),
        },
        Task::Mark(faults) => {
            let faults: Vec<TagError> = faults.iter().cloned().map(TagError::from).collect();
            match marked_copy(&template, &faults, AUTHOR) {
                Ok(copy) => written(document, &copy, Answer::Done(copy.len() as u64)),
                Err(error) => Answer::Template(Told::from(&error)),
            }
        }
        Task::Import(foreign) => imported(&template, foreign, document),
        Task::Measure => measured(template),
        Task::Check => return filled(order, (&template, options, shape), tray, io::sink()),
        Task::Render => {
            let document = BufWriter::with_capacity(BUFFER_BYTES, document);
            return filled(order, (&template, options, shape), tray, document);
        }
    })
}

/// Fills a template where there are values, and reads it in any case.
fn filled(
    order: Order,
    (template, options, shape): (&[u8], Options, Option<Shape>),
    tray: &Arc<File>,
    mut document: impl io::Write,
) -> Result<Answer, Unfit> {
    let template = match Template::compile_with(template, options) {
        Ok(template) => template,
        Err(error) => return Ok(Answer::Template(Told::from(&error))),
    };
    let mut assets = Assets::new();
    for (name, file) in order.pictures {
        match Picture::new(read(tray, file)?) {
            Ok(picture) => assets = assets.picture(name, picture),
            Err(error) => return Ok(Answer::Picture(name, error.to_string())),
        }
    }
    let Some(values) = order.values else {
        return Ok(Answer::Done(0));
    };
    let values = readable(values, tray);
    let values = match shape {
        Some(shape) => shape.completed(values),
        None => values,
    };
    let rendered = template.render_with(values, assets, &mut document);
    let rendered = rendered.and_then(|report| {
        document.flush().map_err(RenderError::Output)?;
        Ok(report)
    });
    Ok(match rendered {
        Ok(report) => Answer::Done(report.document_bytes),
        Err(RenderError::Output(error)) => Answer::Output(error.to_string()),
        Err(error) => Answer::Values(Told::from(&error)),
    })
}

fn measured(file: Vec<u8>) -> Answer {
    let refused = |why: String| Answer::Picture("picture".to_owned(), why);
    // It takes the bytes; what decodes them needs them too.
    let picture = match Picture::new(file.clone()) {
        Ok(picture) => picture,
        Err(error) => return refused(error.to_string()),
    };
    let (width, height) = picture.pixels();
    match decode(picture.media_type(), (width, height), &file) {
        Ok(()) => Answer::Measured(Measured {
            media_type: picture.media_type().to_owned(),
            width,
            height,
        }),
        Err(why) => refused(why),
    }
}

/// Takes over a template of docxtemplater.
fn imported(template: &[u8], foreign: &Foreign, document: &File) -> Answer {
    let options = docxtemplater::Options {
        delimiters: Delimiters {
            open: foreign.open.clone(),
            close: foreign.close.clone(),
        },
        paragraph_loop: foreign.paragraph_loop,
        sample: foreign.sample.as_ref(),
    };
    let done = match docxtemplater::import(template, &options) {
        Ok(done) => done,
        Err(error) => {
            let tags: Vec<TagFault> = Vec::new();
            let text = error.to_string();
            return Answer::Template(Told { text, tags });
        }
    };
    let remarks = done.remarks.iter().map(|remark| Remark {
        is_left: remark.weight == Weight::Left,
        text: remark.to_string(),
    });
    let told = Imported {
        bytes: done.template.len() as u64,
        taken: done.taken,
        remarks: remarks.collect(),
    };
    written(document, &done.template, Answer::Imported(told))
}

/// The answer, when the document could be written.
fn written(mut document: &File, bytes: &[u8], answer: Answer) -> Answer {
    match document.write_all(bytes) {
        Ok(()) => answer,
        Err(error) => Answer::Output(error.to_string()),
    }
}
