//! A white sheet to draw on, measured in points, with smooth edges and a font of its own.

use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, Transform,
};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// The only font of drawn charts, so that they look the same on every machine.
const FONT: &[u8] = include_bytes!("../../../fonts/LiberationSans-Regular.ttf");
/// Pixels per inch.
const DENSITY: f32 = 200.0;
const POINTS_PER_INCH: f32 = 72.0;

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink(pub(super) u8, pub(super) u8, pub(super) u8);

pub(super) const TEXT: Ink = Ink(0x40, 0x40, 0x40);
pub(super) const GRID: Ink = Ink(0xd9, 0xd9, 0xd9);
pub(super) const AXIS: Ink = Ink(0x8c, 0x8c, 0x8c);
pub(super) const WHITE: Ink = Ink(0xff, 0xff, 0xff);

/// On which side of its place a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// The sheet.
pub(super) struct Canvas {
    pixels: Pixmap,
    face: Face<'static>,
}

impl Canvas {
    /// A sheet of this width and height in points; none when there is no memory for it.
    pub(super) fn new(width: f32, height: f32) -> Option<Self> {
        let pixels = |points: f32| (points * DENSITY / POINTS_PER_INCH).round().max(1.0) as u32;
        let mut sheet = Pixmap::new(pixels(width), pixels(height))?;
        sheet.fill(Color::WHITE);
        let face = Face::parse(FONT, 0).expect("the font is part of this crate");
        Some(Self {
            pixels: sheet,
            face,
        })
    }

    /// The picture's bytes.
    ///
    /// # Errors
    /// None that memory would not have met first.
    pub(super) fn png(&self) -> Result<Vec<u8>, String> {
        self.pixels.encode_png().map_err(|error| error.to_string())
    }

    /// Fills the area within a line through these points.
    pub(super) fn area(&mut self, points: &[(f32, f32)], ink: Ink, alpha: f32) {
        if let Some(path) = path(points, true) {
            self.fill(&path, ink, alpha);
        }
    }

    /// Fills a rectangle between two corners.
    pub(super) fn bar(&mut self, (left, top): (f32, f32), (right, bottom): (f32, f32), ink: Ink) {
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        self.area(&corners, ink, 1.0);
    }

    /// Draws a line through these points.
    pub(super) fn line(&mut self, points: &[(f32, f32)], width: f32, ink: Ink) {
        let Some(path) = path(points, false) else {
            return;
        };
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        self.pixels
            .stroke_path(&path, &paint(ink, 1.0), &stroke, scale(), None);
    }

    /// Fills a circle.
    pub(super) fn dot(&mut self, (x, y): (f32, f32), radius: f32, ink: Ink, alpha: f32) {
        if let Some(path) = PathBuilder::from_circle(x, y, radius) {
            self.fill(&path, ink, alpha);
        }
    }

    /// Writes a text whose baseline is at `y`.
    pub(super) fn text(&mut self, text: &str, (x, y): (f32, f32), size: f32, anchor: Anchor) {
        let width = self.width(text, size);
        let mut pen = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        let em = size / f32::from(self.face.units_per_em());
        for c in text.chars() {
            let glyph = self.glyph(c);
            let mut outline = Outline {
                path: PathBuilder::new(),
                em,
                pen: (pen, y),
            };
            self.face.outline_glyph(glyph, &mut outline);
            if let Some(path) = outline.path.finish() {
                self.fill(&path, TEXT, 1.0);
            }
            pen += self.advance(glyph) * em;
        }
    }

    /// How wide a text is.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let em = size / f32::from(self.face.units_per_em());
        text.chars().map(|c| self.advance(self.glyph(c)) * em).sum()
    }

    /// A text cut to a width, with three dots where something is missing.
    pub(super) fn fitted(&self, text: &str, size: f32, room: f32) -> String {
        if self.width(text, size) <= room {
            return text.to_owned();
        }
        let room = room - self.width("…", size);
        let mut fitted = String::new();
        let mut width = 0.0;
        for c in text.chars() {
            width += self.width(c.encode_utf8(&mut [0; 4]), size);
            if width > room {
                break;
            }
            fitted.push(c);
        }
        fitted.truncate(fitted.trim_end().len());
        fitted + "…"
    }

    fn glyph(&self, c: char) -> GlyphId {
        self.face.glyph_index(c).unwrap_or(GlyphId(0))
    }

    fn advance(&self, glyph: GlyphId) -> f32 {
        f32::from(self.face.glyph_hor_advance(glyph).unwrap_or(0))
    }

    fn fill(&mut self, path: &Path, ink: Ink, alpha: f32) {
        self.pixels
            .fill_path(path, &paint(ink, alpha), FillRule::Winding, scale(), None);
    }
}

fn scale() -> Transform {
    let factor = DENSITY / POINTS_PER_INCH;
    Transform::from_scale(factor, factor)
}

fn paint(Ink(red, green, blue): Ink, alpha: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    let alpha = (alpha * 255.0) as u8;
    paint.set_color_rgba8(red, green, blue, alpha);
    paint.anti_alias = true;
    paint
}

fn path(points: &[(f32, f32)], closed: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    let (&(x, y), rest) = points.split_first()?;
    builder.move_to(x, y);
    for &(x, y) in rest {
        builder.line_to(x, y);
    }
    if closed {
        builder.close();
    }
    builder.finish()
}

/// Turns a glyph's outline into a path: fonts count upwards, pictures downwards.
struct Outline {
    path: PathBuilder,
    em: f32,
    pen: (f32, f32),
}

impl Outline {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.pen.0 + x * self.em, self.pen.1 - y * self.em)
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::{Anchor, Canvas};

    #[test]
    fn texts_are_measured_and_cut() {
        let canvas = Canvas::new(10.0, 10.0).unwrap();
        let (short, long) = (canvas.width("il", 10.0), canvas.width("MW", 10.0));
        assert!(short > 0.0 && long > 3.0 * short, "{short} {long}");
        assert_eq!(canvas.fitted("Server", 10.0, 100.0), "Server");
        let cut = canvas.fitted("Server of the branch", 10.0, 40.0);
        assert!(
            cut.ends_with('…') && canvas.width(&cut, 10.0) <= 40.0,
            "{cut}"
        );
    }

    #[test]
    fn a_picture_has_its_pixels() {
        let mut canvas = Canvas::new(72.0, 36.0).unwrap();
        canvas.text("ÄÖ€", (10.0, 20.0), 12.0, Anchor::Start);
        let png = canvas.png().unwrap();
        assert_eq!(png[16..24], [0, 0, 0, 200, 0, 0, 0, 100]);
    }
}
