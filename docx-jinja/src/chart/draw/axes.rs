//! The frame of charts with axes: grid, numbers and categories.

use super::canvas::{AXIS, Anchor, Canvas, GRID};
use super::scale::Scale;
use super::{Room, TEXT_SIZE};

/// Widest text of a category below the chart, and beside it, in points.
const BELOW_MAX: f32 = 70.0;
const BESIDE_MAX: f32 = 120.0;
const THIN: f32 = 0.6;

/// A frame with numbers up its side.
pub(super) struct Upright {
    pub(super) room: Room,
    pub(super) scale: Scale,
}

impl Upright {
    /// Draws the grid; leaves room for texts below.
    pub(super) fn draw(canvas: &mut Canvas, mut room: Room, scale: Scale) -> Self {
        let marks = scale.marks();
        let widths = marks.iter().map(|(_, text)| canvas.width(text, TEXT_SIZE));
        room.left += widths.fold(0.0, f32::max) + 6.0;
        room.bottom -= TEXT_SIZE + 7.0;
        room.top += TEXT_SIZE / 2.0;
        let upright = Self { room, scale };
        for (value, text) in &marks {
            let y = upright.y(*value);
            let ink = if *value == 0.0 { AXIS } else { GRID };
            canvas.line(&[(room.left, y), (room.right, y)], THIN, ink);
            let baseline = y + TEXT_SIZE * 0.36;
            canvas.text(text, (room.left - 5.0, baseline), TEXT_SIZE, Anchor::End);
        }
        upright
    }

    /// How far down a value stands.
    pub(super) fn y(&self, value: f64) -> f32 {
        self.room.bottom - self.scale.share(value) * self.room.height()
    }

    /// The middle of a category.
    pub(super) fn x(&self, index: usize, count: usize) -> f32 {
        self.room.left + self.slot(count) * (index as f32 + 0.5)
    }

    /// The width that each category has.
    pub(super) fn slot(&self, count: usize) -> f32 {
        self.room.width() / count.max(1) as f32
    }

    /// Writes the categories, as many as can be read.
    pub(super) fn categories(&self, canvas: &mut Canvas, names: &[String]) {
        let slot = self.slot(names.len());
        let texts: Vec<String> = names
            .iter()
            .map(|name| canvas.fitted(name, TEXT_SIZE, BELOW_MAX.max(slot - 4.0)))
            .collect();
        let widths = texts.iter().map(|text| canvas.width(text, TEXT_SIZE));
        let every = ((widths.fold(0.0, f32::max) + 6.0) / slot).ceil().max(1.0) as usize;
        for (index, text) in texts.iter().enumerate().step_by(every) {
            let at = (
                self.x(index, names.len()),
                self.room.bottom + TEXT_SIZE + 4.0,
            );
            canvas.text(text, at, TEXT_SIZE, Anchor::Middle);
        }
    }

    /// Writes numbers along the bottom.
    pub(super) fn numbers(&self, canvas: &mut Canvas, scale: &Scale) {
        for (value, text) in scale.marks() {
            let x = self.room.left + scale.share(value) * self.room.width();
            canvas.line(&[(x, self.room.top), (x, self.room.bottom)], THIN, GRID);
            let at = (x, self.room.bottom + TEXT_SIZE + 4.0);
            canvas.text(&text, at, TEXT_SIZE, Anchor::Middle);
        }
    }
}

/// A frame with numbers along its bottom.
pub(super) struct Lying {
    pub(super) room: Room,
    pub(super) scale: Scale,
}

impl Lying {
    /// Draws the grid and the categories beside it.
    pub(super) fn draw(
        canvas: &mut Canvas,
        mut room: Room,
        scale: Scale,
        names: &[String],
    ) -> Self {
        let texts: Vec<String> = names
            .iter()
            .map(|name| canvas.fitted(name, TEXT_SIZE, BESIDE_MAX))
            .collect();
        let widths = texts.iter().map(|text| canvas.width(text, TEXT_SIZE));
        room.left += widths.fold(0.0, f32::max) + 6.0;
        room.right -= 12.0;
        room.bottom -= TEXT_SIZE + 7.0;
        let lying = Self { room, scale };
        for (value, text) in scale.marks() {
            let x = lying.x(value);
            let ink = if value == 0.0 { AXIS } else { GRID };
            canvas.line(&[(x, room.top), (x, room.bottom)], THIN, ink);
            let at = (x, room.bottom + TEXT_SIZE + 4.0);
            canvas.text(&text, at, TEXT_SIZE, Anchor::Middle);
        }
        let slot = lying.slot(names.len());
        let every = ((TEXT_SIZE + 2.0) / slot).ceil().max(1.0) as usize;
        for (index, text) in texts.iter().enumerate().step_by(every) {
            let middle = room.top + slot * (index as f32 + 0.5) + TEXT_SIZE * 0.36;
            canvas.text(text, (room.left - 5.0, middle), TEXT_SIZE, Anchor::End);
        }
        lying
    }

    /// How far right a value stands.
    pub(super) fn x(&self, value: f64) -> f32 {
        self.room.left + self.scale.share(value) * self.room.width()
    }

    /// The height that each category has.
    pub(super) fn slot(&self, count: usize) -> f32 {
        self.room.height() / count.max(1) as f32
    }
}
