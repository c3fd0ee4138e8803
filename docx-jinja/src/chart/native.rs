//! A chart that a filter puts into the text: one of Word's own, with its workbook.

use std::borrow::Cow;

use minijinja::{Error, Value};

use super::draw::Look;
use super::parts::add;
use super::{ChartData, blank, rewrite};
use crate::additions;
use crate::budget::{self, refused};
use crate::escape::{self, Style};
use crate::values::{Insert, Length, Typed};

/// A chart to be added where it is written.
#[derive(Debug)]
pub(super) struct Native {
    xml: String,
    workbook: Vec<u8>,
    size: (Length, Length),
    alternative: String,
}

impl Native {
    /// A chart of this data.
    pub(super) fn new(
        data: &ChartData,
        look: &Look,
        size: (Length, Length),
        alternative: String,
    ) -> Result<Self, Error> {
        let themed = additions::original().is_some_and(|o| o.related("theme").is_some());
        let blank = blank::xml(data, look, themed);
        let filled = rewrite::rewrite(&blank, data, look.title.as_deref()).map_err(refused)?;
        budget::charge(filled.xml.len())?;
        let workbook = filled.sheet.workbook();
        Ok(Self {
            xml: filled.xml,
            workbook: workbook.map_err(|error| refused(error.to_string()))?,
            size,
            alternative,
        })
    }
}

impl From<Native> for Value {
    fn from(chart: Native) -> Self {
        Typed::value(chart)
    }
}

impl Insert for Native {
    fn noun(&self) -> &'static str {
        "a chart"
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.alternative)
    }

    fn in_run(&self) -> Result<Option<String>, Error> {
        let relationship = add(&self.xml, self.workbook.clone())?;
        let id = additions::drawing_id();
        let alternative = escape::made(&self.alternative, Style::Plain);
        let (width, height) = (self.size.0.emu(), self.size.1.emu());
        Ok(Some(format!(
            "<w:drawing>\
             <wp:inline xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\" \
             distT=\"0\" distB=\"0\" distL=\"0\" distR=\"0\"><wp:extent cx=\"{width}\" cy=\"{height}\"/>\
             <wp:docPr id=\"{id}\" name=\"Chart {id}\" descr=\"{alternative}\"/><wp:cNvGraphicFramePr/>\
             <a:graphic xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\">\
             <a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/chart\">\
             <c:chart xmlns:c=\"http://schemas.openxmlformats.org/drawingml/2006/chart\" \
             xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" r:id=\"{relationship}\"/>\
             </a:graphicData></a:graphic></wp:inline></w:drawing>"
        )))
    }
}
