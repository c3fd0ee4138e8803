//! Columns and bars, side by side or on each other.

use super::axes::{Lying, Upright};
use super::canvas::Canvas;
use super::scale::Scale;
use super::{ChartData, Kind, Look, Room, label};

/// Of the room of a category, the share that its bars take.
const FILLED: f32 = 0.7;

/// One bar: its category, its place among the bars there, from and to which value, and its series.
struct Bar {
    category: usize,
    lane: usize,
    from: f64,
    to: f64,
    series: usize,
}

pub(super) fn draw(canvas: &mut Canvas, room: Room, data: &ChartData, look: &Look) {
    let bars = bars(data, look.stacked);
    let scale = Scale::over(bars.iter().flat_map(|bar| [bar.from, bar.to]), false);
    let names: Vec<String> = data.categories.iter().map(label).collect();
    let lanes = if look.stacked {
        1
    } else {
        data.series.len().max(1)
    };
    let place = |slot: f32, bar: &Bar| {
        let width = slot * FILLED / lanes as f32;
        let start = slot * (bar.category as f32 + (1.0 - FILLED) / 2.0) + width * bar.lane as f32;
        (start, start + width)
    };
    if look.kind == Kind::Bar {
        let frame = Lying::draw(canvas, room, scale, &names);
        for bar in &bars {
            let (top, bottom) = place(frame.slot(names.len()), bar);
            let (left, right) = (frame.x(bar.from.min(bar.to)), frame.x(bar.from.max(bar.to)));
            let (top, bottom) = (frame.room.top + top, frame.room.top + bottom);
            canvas.bar((left, top), (right, bottom), look.ink(bar.series));
        }
        return;
    }
    let frame = Upright::draw(canvas, room, scale);
    for bar in &bars {
        let (left, right) = place(frame.slot(names.len()), bar);
        let (top, bottom) = (frame.y(bar.from.max(bar.to)), frame.y(bar.from.min(bar.to)));
        let (left, right) = (frame.room.left + left, frame.room.left + right);
        canvas.bar((left, top), (right, bottom), look.ink(bar.series));
    }
    frame.categories(canvas, &names);
}

fn bars(data: &ChartData, stacked: bool) -> Vec<Bar> {
    // How high each category is by now, above and below nothing.
    let mut heights = vec![(0.0, 0.0); data.categories.len()];
    let mut bars = Vec::new();
    for (index, series) in data.series.iter().enumerate() {
        for (category, (value, height)) in series.values.iter().zip(&mut heights).enumerate() {
            let Some(value) = *value else { continue };
            let base = if value < 0.0 {
                &mut height.1
            } else {
                &mut height.0
            };
            let from = if stacked { *base } else { 0.0 };
            *base += value;
            bars.push(Bar {
                category,
                lane: if stacked { 0 } else { index },
                from,
                to: from + value,
                series: index,
            });
        }
    }
    bars
}
