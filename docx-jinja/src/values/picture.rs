//! Pictures in the text.

use std::borrow::Cow;
use std::sync::Arc;

use minijinja::{Error, Value};

use super::image::{self, Image, PictureError};
use super::length::Length;
use super::{Insert, Typed};
use crate::additions;
use crate::escape::{self, Style};
use crate::limits::PICTURE_BYTES_MAX;

/// Pixels per inch when a file does not say, as Word has it.
const DENSITY: f64 = 96.0;
/// English metric units in a twentieth of a point.
const EMU_PER_TWIP: u64 = 635;

/// A picture: PNG, JPEG or GIF. Without a size it has the one that its pixels and their density give, and is never wider
/// than the text or, where `{{p }}`, `{{r }}` or the filter `image` puts it into a table, its cell; with one side given the
/// other follows.
#[derive(Debug, Clone)]
pub struct Picture {
    bytes: Arc<[u8]>,
    image: Image,
    width: Option<Length>,
    height: Option<Length>,
    alt: String,
    /// The width of the cell that it stands in, in twentieths of a point.
    room: Option<u32>,
}

impl Picture {
    /// A picture of these bytes.
    ///
    /// # Errors
    /// Bytes that are no picture that every Word can show.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Result<Self, PictureError> {
        let bytes = bytes.into();
        if bytes.len() > PICTURE_BYTES_MAX {
            return Err(PictureError::TooLarge {
                bytes: bytes.len(),
                limit: PICTURE_BYTES_MAX,
            });
        }
        Ok(Self {
            image: image::read(&bytes)?,
            bytes,
            width: None,
            height: None,
            alt: String::new(),
            room: None,
        })
    }

    /// Its width and height in pixels.
    #[must_use]
    pub fn pixels(&self) -> (u32, u32) {
        self.image.pixels
    }

    /// Its media type: `image/png`, `image/jpeg` or `image/gif`.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.image.format.content_type()
    }

    /// Gives it a width.
    #[must_use]
    pub fn width(mut self, width: Length) -> Self {
        self.width = Some(width);
        self
    }

    /// Gives it a height.
    #[must_use]
    pub fn height(mut self, height: Length) -> Self {
        self.height = Some(height);
        self
    }

    /// Gives it an alternative text, for readers who cannot see it.
    #[must_use]
    pub fn alt(mut self, text: impl Into<String>) -> Self {
        self.alt = text.into();
        self
    }

    /// Keeps it within a cell of this width, in twentieths of a point, unless it is given a size.
    pub(super) fn within(mut self, room: u32) -> Self {
        self.room = Some(room);
        self
    }

    /// Width and height in English metric units on a page with this room.
    fn extent(&self, room: u64) -> (u64, u64) {
        let (across, down) = self.image.density.unwrap_or((DENSITY, DENSITY));
        let natural = (
            Length::inches(f64::from(self.image.pixels.0) / across).emu(),
            Length::inches(f64::from(self.image.pixels.1) / down).emu(),
        );
        let scale = |side: u64, by: u64, of: u64| {
            let scaled = u128::from(side) * u128::from(by) / u128::from(of.max(1));
            u64::try_from(scaled).unwrap_or(u64::MAX).max(1)
        };
        match (self.width.map(Length::emu), self.height.map(Length::emu)) {
            (Some(width), Some(height)) => (width, height),
            (Some(width), None) => (width, scale(natural.1, width, natural.0)),
            (None, Some(height)) => (scale(natural.0, height, natural.1), height),
            (None, None) if natural.0 > room => (room, scale(natural.1, room, natural.0)),
            (None, None) => natural,
        }
    }

    /// The relationship to its file, from the part that is being written.
    pub(super) fn relationship(&self) -> Result<String, Error> {
        additions::picture(&self.bytes, self.image.format)
    }

    fn markup(&self) -> Result<String, Error> {
        let page = additions::original().map(|original| original.text_width());
        let room = self.room.into_iter().chain(page).min();
        let room = room.map_or(u64::MAX, |room| u64::from(room) * EMU_PER_TWIP);
        let (cx, cy) = self.extent(room);
        let relationship = self.relationship()?;
        let id = additions::drawing_id();
        let alt = escape::made(&self.alt, Style::Plain);
        Ok(format!(
            "<w:drawing>\
             <wp:inline xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\" \
             distT=\"0\" distB=\"0\" distL=\"0\" distR=\"0\"><wp:extent cx=\"{cx}\" cy=\"{cy}\"/>\
             <wp:docPr id=\"{id}\" name=\"Picture {id}\" descr=\"{alt}\"/><wp:cNvGraphicFramePr>\
             <a:graphicFrameLocks xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" noChangeAspect=\"1\"/>\
             </wp:cNvGraphicFramePr>\
             <a:graphic xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\">\
             <a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/picture\">\
             <pic:pic xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/picture\">\
             <pic:nvPicPr><pic:cNvPr id=\"{id}\" name=\"Picture {id}\"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill>\
             <a:blip xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" r:embed=\"{relationship}\"/>\
             <a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/>\
             <a:ext cx=\"{cx}\" cy=\"{cy}\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr>\
             </pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing>"
        ))
    }
}

impl From<Picture> for Value {
    fn from(picture: Picture) -> Self {
        Typed::value(picture)
    }
}

impl Insert for Picture {
    fn noun(&self) -> &'static str {
        "a picture"
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.alt)
    }

    fn in_run(&self) -> Result<Option<String>, Error> {
        self.markup().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::{Length, Picture};

    /// 200 by 100 pixels at 96 to the inch.
    const GIF: &[u8] = b"GIF89a\xc8\0\x64\0\0\0\0";

    #[test]
    fn sides_follow_each_other_and_the_page() {
        let inch = Length::inches(1.0);
        let check = |change: fn(Picture, Length) -> Picture, room: u64, expected: (u64, u64)| {
            let picture = Picture::new(GIF).unwrap();
            assert_eq!(change(picture, inch).extent(room), expected);
        };
        let wide = u64::MAX;
        check(|p, _| p, wide, (1_905_000, 952_500));
        check(|p, _| p, 914_400, (914_400, 457_200));
        check(|p, inch| p.width(inch), wide, (914_400, 457_200));
        check(|p, inch| p.height(inch), 1, (1_828_800, 914_400));
        check(
            |p, inch| p.width(inch).height(inch),
            wide,
            (914_400, 914_400),
        );
    }
}
