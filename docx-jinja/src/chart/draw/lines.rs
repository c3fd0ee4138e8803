//! Lines, areas and points.

use super::axes::Upright;
use super::canvas::Canvas;
use super::scale::Scale;
use super::{Cell, ChartData, Kind, Look, Room, label};

const WIDTH: f32 = 2.0;
const DOT: f32 = 2.6;
/// With more points than this, lines have no dots.
const DOTS_MAX: usize = 40;

pub(super) fn draw(canvas: &mut Canvas, room: Room, data: &ChartData, look: &Look) {
    let count = data.categories.len();
    let levels = levels(data, look.stacked);
    let values = levels.iter().flatten().flatten().map(|&(_, value)| value);
    let is_area = look.kind == Kind::Area;
    let scale = Scale::over(values, !is_area && !look.stacked);
    let names: Vec<String> = data.categories.iter().map(label).collect();
    let frame = Upright::draw(canvas, room, scale);
    for (index, series) in levels.iter().enumerate() {
        for stretch in series
            .iter()
            .enumerate()
            .collect::<Vec<_>>()
            .split(|(_, v)| v.is_none())
        {
            let points: Vec<(f32, f32)> = stretch
                .iter()
                .filter_map(|(at, level)| Some((frame.x(*at, count), frame.y(level.as_ref()?.1))))
                .collect();
            if is_area {
                let back = stretch.iter().rev().filter_map(|(at, level)| {
                    Some((frame.x(*at, count), frame.y(level.as_ref()?.0)))
                });
                let outline: Vec<_> = points.iter().copied().chain(back).collect();
                let alpha = if look.stacked { 0.85 } else { 0.45 };
                canvas.area(&outline, look.ink(index), alpha);
            }
            canvas.line(&points, WIDTH, look.ink(index));
            if !is_area && (count <= DOTS_MAX || points.len() == 1) {
                for point in points {
                    canvas.dot(point, DOT, look.ink(index), 1.0);
                }
            }
        }
    }
    frame.categories(canvas, &names);
}

/// From and to which value each point reaches; none where there is a gap.
fn levels(data: &ChartData, stacked: bool) -> Vec<Vec<Option<(f64, f64)>>> {
    let mut base = vec![0.0; data.categories.len()];
    let series = data.series.iter().map(|series| {
        let points = series.values.iter().zip(&mut base).map(|(value, base)| {
            let from = if stacked { *base } else { 0.0 };
            let to = from + (*value)?;
            *base = to;
            Some((from, to))
        });
        points.collect()
    });
    series.collect()
}

pub(super) fn scatter(
    canvas: &mut Canvas,
    room: Room,
    data: &ChartData,
    look: &Look,
) -> Result<(), String> {
    let mut clouds = Vec::new();
    for series in &data.series {
        let across = series.x.as_ref().unwrap_or(&data.categories);
        let mut cloud = Vec::new();
        for (x, y) in across.iter().zip(&series.values) {
            match (x, y) {
                (Cell::Number(x), Some(y)) => cloud.push((*x, *y)),
                (Cell::Text(text), _) => {
                    let text: String = text.chars().take(40).collect();
                    return Err(format!("the x values must be numbers, not \"{text}\""));
                }
                _ => {}
            }
        }
        clouds.push(cloud);
    }
    let across = Scale::over(clouds.iter().flatten().map(|point| point.0), true);
    let up = Scale::over(clouds.iter().flatten().map(|point| point.1), true);
    let frame = Upright::draw(canvas, room, up);
    frame.numbers(canvas, &across);
    for (index, cloud) in clouds.iter().enumerate() {
        for &(x, y) in cloud {
            let at = frame.room.left + across.share(x) * frame.room.width();
            canvas.dot((at, frame.y(y)), DOT + 0.6, look.ink(index), 0.8);
        }
    }
    Ok(())
}
