//! Pies and doughnuts.

use std::f32::consts::{FRAC_PI_2, TAU};

use super::canvas::{Anchor, Canvas, WHITE};
use super::{ChartData, Kind, Look, Room, TEXT_SIZE};

/// Of a doughnut's radius, the share of its hole.
const HOLE: f32 = 0.55;
/// Slices below this share are not labelled.
const LABELLED_MIN: f32 = 0.03;
/// Steps of a whole circle.
const STEPS: f32 = 360.0;

pub(super) fn draw(
    canvas: &mut Canvas,
    room: Room,
    data: &ChartData,
    look: &Look,
) -> Result<(), String> {
    let values = data.series.first().map_or(&[][..], |series| &series.values);
    if let Some(value) = values.iter().flatten().find(|value| **value < 0.0) {
        return Err(format!("a slice cannot be smaller than nothing: {value}"));
    }
    let total: f64 = values.iter().flatten().sum();
    let centre = (
        (room.left + room.right) / 2.0,
        (room.top + room.bottom) / 2.0,
    );
    let label_room = TEXT_SIZE * 2.2;
    let radius = (room.width().min(room.height()) / 2.0 - label_room).max(10.0);
    let at = |angle: f32, radius: f32| {
        (
            centre.0 + angle.cos() * radius,
            centre.1 + angle.sin() * radius,
        )
    };
    let mut angle = -FRAC_PI_2;
    for (index, value) in values.iter().enumerate() {
        let Some(value) = value.filter(|value| *value > 0.0) else {
            continue;
        };
        let share = (value / total) as f32;
        let steps = (share * STEPS).ceil().max(1.0);
        let turn = share * TAU;
        let around = |radius: f32| {
            (0..=steps as usize).map(move |step| at(angle + turn * step as f32 / steps, radius))
        };
        let hole = if look.kind == Kind::Doughnut {
            HOLE * radius
        } else {
            0.0
        };
        let mut inner: Vec<_> = around(hole).collect();
        inner.reverse();
        let outline: Vec<_> = around(radius).chain(inner).collect();
        canvas.area(&outline, look.ink(index), 1.0);
        for edge in [angle, angle + turn] {
            if share < 1.0 {
                canvas.line(&[at(edge, hole), at(edge, radius)], 1.0, WHITE);
            }
        }
        if share >= LABELLED_MIN {
            let percent = crate::filters::written(f64::from(share) * 100.0, 0);
            let middle = angle + turn / 2.0;
            let (x, y) = at(middle, radius + TEXT_SIZE * 0.8);
            let anchor = match middle.cos() {
                side if side > 0.3 => Anchor::Start,
                side if side < -0.3 => Anchor::End,
                _ => Anchor::Middle,
            };
            let place = (x, y + TEXT_SIZE * 0.36);
            canvas.text(&format!("{percent} %"), place, TEXT_SIZE, anchor);
        }
        angle += turn;
    }
    Ok(())
}
