//! Charts as pictures, for templates that have none.

mod axes;
mod bars;
mod canvas;
mod lines;
mod pie;
mod scale;

use canvas::{Anchor, Canvas, Ink};

use super::{Cell, ChartData};

/// The sheet's margin, in points.
const MARGIN: f32 = 6.0;
const TITLE_SIZE: f32 = 13.0;
const TEXT_SIZE: f32 = 9.0;
/// A line of the legend.
const LINE: f32 = 14.0;
/// Most lines of the legend; what does not fit is left out.
const LEGEND_LINES_MAX: usize = 4;
/// Office's own colours, then darker ones.
const PALETTE: [Ink; 12] = [
    Ink(0x44, 0x72, 0xc4),
    Ink(0xed, 0x7d, 0x31),
    Ink(0x70, 0xad, 0x47),
    Ink(0xff, 0xc0, 0x00),
    Ink(0x5b, 0x9b, 0xd5),
    Ink(0xa5, 0xa5, 0xa5),
    Ink(0x26, 0x44, 0x78),
    Ink(0x9e, 0x48, 0x0e),
    Ink(0x43, 0x68, 0x2b),
    Ink(0x99, 0x73, 0x00),
    Ink(0x25, 0x5e, 0x91),
    Ink(0x63, 0x63, 0x63),
];

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Column,
    Bar,
    Line,
    Area,
    Pie,
    Doughnut,
    Scatter,
}

impl Kind {
    /// All kinds by their names.
    pub(crate) const NAMED: [(&'static str, Self); 7] = [
        ("column", Self::Column),
        ("bar", Self::Bar),
        ("line", Self::Line),
        ("area", Self::Area),
        ("pie", Self::Pie),
        ("doughnut", Self::Doughnut),
        ("scatter", Self::Scatter),
    ];
}

/// How a chart looks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Look {
    pub(crate) kind: Kind,
    /// Values stand on each other.
    pub(crate) stacked: bool,
    pub(crate) title: Option<String>,
    /// Colours in front of the usual ones.
    pub(crate) colours: Vec<(u8, u8, u8)>,
    /// Width and height in points.
    pub(crate) size: (f32, f32),
}

impl Look {
    /// The colour of a series or slice: red, green and blue.
    pub(crate) fn colour(&self, index: usize) -> (u8, u8, u8) {
        let Ink(red, green, blue) = self.ink(index);
        (red, green, blue)
    }

    fn ink(&self, index: usize) -> Ink {
        match self.colours.get(index) {
            Some(&(red, green, blue)) => Ink(red, green, blue),
            None => PALETTE[index.saturating_sub(self.colours.len()) % PALETTE.len()],
        }
    }

    /// True for charts without axes.
    pub(crate) fn is_round(&self) -> bool {
        matches!(self.kind, Kind::Pie | Kind::Doughnut)
    }
}

/// The part of the sheet that is left for something.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Room {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
}

impl Room {
    fn width(&self) -> f32 {
        self.right - self.left
    }

    fn height(&self) -> f32 {
        self.bottom - self.top
    }
}

/// Draws a chart; gives a PNG.
///
/// # Errors
/// Values that this kind of chart cannot show; a sheet for which there is no memory.
pub(crate) fn png(data: &ChartData, look: &Look) -> Result<Vec<u8>, String> {
    let (width, height) = look.size;
    let canvas = Canvas::new(width, height);
    let mut canvas = canvas.ok_or_else(|| "the chart is too large to be drawn".to_owned())?;
    let mut room = Room {
        left: MARGIN,
        top: MARGIN,
        right: width - MARGIN,
        bottom: height - MARGIN,
    };
    title(&mut canvas, &mut room, look);
    legend(&mut canvas, &mut room, data, look);
    match look.kind {
        Kind::Column | Kind::Bar => bars::draw(&mut canvas, room, data, look),
        Kind::Line | Kind::Area => lines::draw(&mut canvas, room, data, look),
        Kind::Scatter => lines::scatter(&mut canvas, room, data, look)?,
        Kind::Pie | Kind::Doughnut => pie::draw(&mut canvas, room, data, look)?,
    }
    canvas.png()
}

fn title(canvas: &mut Canvas, room: &mut Room, look: &Look) {
    let Some(title) = &look.title else { return };
    let text = canvas.fitted(title, TITLE_SIZE, room.width());
    let middle = (room.left + room.right) / 2.0;
    canvas.text(
        &text,
        (middle, room.top + TITLE_SIZE),
        TITLE_SIZE,
        Anchor::Middle,
    );
    room.top += TITLE_SIZE + 8.0;
}

/// The width that is used, and each entry: its number, its text and its width.
type LegendLine = (f32, Vec<(usize, String, f32)>);

/// The names of the series, or of a pie's slices, below the chart.
fn legend(canvas: &mut Canvas, room: &mut Room, data: &ChartData, look: &Look) {
    const SWATCH: f32 = 8.0;
    const GAP: f32 = 12.0;
    let names: Vec<String> = if look.is_round() {
        data.categories.iter().map(label).collect()
    } else {
        let series = data.series.iter();
        series.filter_map(|series| series.name.clone()).collect()
    };
    if names.len() < 2 && !look.is_round() {
        return;
    }
    let mut lines: Vec<LegendLine> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let text = canvas.fitted(name, TEXT_SIZE, room.width() / 2.0);
        let width = SWATCH + 4.0 + canvas.width(&text, TEXT_SIZE) + GAP;
        let full = lines.len() == LEGEND_LINES_MAX;
        match lines.last_mut() {
            Some((used, items)) if *used + width <= room.width() => {
                *used += width;
                items.push((index, text, width));
            }
            _ if full => break,
            _ => lines.push((width, vec![(index, text, width)])),
        }
    }
    room.bottom -= LINE * lines.len() as f32 + 4.0;
    let mut y = room.bottom + 4.0;
    for (used, items) in lines {
        let mut x = (room.left + room.right - used + GAP) / 2.0;
        for (index, text, width) in items {
            let (top, bottom) = (y + 3.0, y + 3.0 + SWATCH);
            canvas.bar((x, top), (x + SWATCH, bottom), look.ink(index));
            canvas.text(&text, (x + SWATCH + 4.0, bottom), TEXT_SIZE, Anchor::Start);
            x += width;
        }
        y += LINE;
    }
}

/// A category as text; whole numbers may be years, and stay as they are.
fn label(cell: &Cell) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Cell::Number(number) if number.fract() == 0.0 => number.to_string(),
        Cell::Number(number) => crate::filters::written(*number, 2),
    }
}

#[cfg(test)]
mod tests;
