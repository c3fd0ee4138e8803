//! What a confined process does with a template.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::Arc;

use docx_jinja::values::{Assets, Picture};
use docx_jinja::{Limits, Locale, Options, RenderError, Shape, Template};

use super::order::{Answer, Order, Task, Told};
use super::values::{read, readable};

/// Bytes gathered before they go to the disk.
const BUFFER_BYTES: usize = 262_144;

/// Does what an order asks for.
///
/// # Errors
/// When the order or the tray cannot be read.
pub(super) fn done(
    order: Order,
    tray: &Arc<File>,
    document: &'static File,
    seconds: u64,
) -> Result<Answer, Box<dyn std::error::Error>> {
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
    let template = match Template::compile_with(&read(tray, order.template)?, options) {
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
    let values = match order.shape {
        Some(supplied) => Shape::from(supplied).completed(values),
        None => values,
    };
    let rendered = match order.task {
        Task::Check => template.render_with(values, assets, io::sink()),
        Task::Render => {
            let mut document = BufWriter::with_capacity(BUFFER_BYTES, document);
            let rendered = template.render_with(values, assets, &mut document);
            rendered.and_then(|report| {
                document.flush().map_err(RenderError::Output)?;
                Ok(report)
            })
        }
    };
    Ok(match rendered {
        Ok(report) => Answer::Done(report.document_bytes),
        Err(RenderError::Output(error)) => Answer::Output(error.to_string()),
        Err(error) => Answer::Values(Told::from(&error)),
    })
}
