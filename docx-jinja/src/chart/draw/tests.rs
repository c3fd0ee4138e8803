use super::{Kind, Look, png};
use crate::chart::{Cell, ChartData, Series};

fn look(kind: Kind) -> Look {
    Look {
        kind,
        stacked: false,
        title: Some("Backups in the third quarter".to_owned()),
        colours: vec![(0x12, 0x34, 0x56)],
        size: (400.0, 220.0),
    }
}

fn data(values: &[&[Option<f64>]]) -> ChartData {
    let count = values.first().map_or(0, |values| values.len());
    ChartData {
        categories: (0..count)
            .map(|n| Cell::Text(format!("Month {n}")))
            .collect(),
        series: values
            .iter()
            .enumerate()
            .map(|(index, values)| Series {
                name: Some(format!("Series {index}")),
                values: values.to_vec(),
                ..Series::default()
            })
            .collect(),
    }
}

fn numbered(mut data: ChartData) -> ChartData {
    for (index, cell) in data.categories.iter_mut().enumerate() {
        *cell = Cell::Number(index as f64 * 1.5);
    }
    data
}

/// How many pixels of the picture have exactly this colour.
fn count(bytes: &[u8], (red, green, blue): (u8, u8, u8)) -> usize {
    let pixels = tiny_skia::Pixmap::decode_png(bytes).unwrap();
    let same = |pixel: &&tiny_skia::PremultipliedColorU8| {
        (pixel.red(), pixel.green(), pixel.blue()) == (red, green, blue)
    };
    pixels.pixels().iter().filter(same).count()
}

fn check(kind: Kind, data: &ChartData) -> Vec<u8> {
    let bytes = png(data, &look(kind)).unwrap();
    if let Ok(folder) = std::env::var("CHART_PICTURES") {
        let name = format!(
            "{kind:?}-{}-{}.png",
            data.categories.len(),
            data.series.len()
        );
        std::fs::write(std::path::Path::new(&folder).join(name), &bytes).unwrap();
    }
    bytes
}

const ALL: [Kind; 7] = [
    Kind::Column,
    Kind::Bar,
    Kind::Line,
    Kind::Area,
    Kind::Pie,
    Kind::Doughnut,
    Kind::Scatter,
];

#[test]
fn every_kind_shows_its_values() {
    let two = numbered(data(&[
        &[Some(3.0), Some(7.0), None, Some(5.0)],
        &[Some(1.0), Some(2.0), Some(3.0), Some(8.0)],
    ]));
    for kind in ALL {
        let bytes = check(kind, &two);
        let first = count(&bytes, (0x12, 0x34, 0x56));
        let second = count(&bytes, (0x44, 0x72, 0xc4));
        assert!(first > 50 && second > 50, "{kind:?}: {first} {second}");
    }
}

#[test]
fn larger_values_cover_more() {
    let area = |value: f64| {
        let bytes = check(Kind::Column, &data(&[&[Some(value), Some(10.0)]]));
        count(&bytes, (0x12, 0x34, 0x56))
    };
    let (small, large) = (area(2.0), area(8.0));
    assert!(large > small * 13 / 10, "{small} {large}");
}

#[test]
fn hard_values_are_drawn() {
    let cases: [&[&[Option<f64>]]; 6] = [
        &[],
        &[&[]],
        &[&[None]],
        &[&[Some(0.0)]],
        &[&[Some(1e300), Some(1e-300)]],
        &[&[Some(5.0); 1000]],
    ];
    for values in cases {
        for kind in ALL {
            check(kind, &numbered(data(values)));
        }
    }
    for kind in [
        Kind::Column,
        Kind::Bar,
        Kind::Line,
        Kind::Area,
        Kind::Scatter,
    ] {
        check(
            kind,
            &numbered(data(&[&[Some(-3.0), Some(2.0), Some(-1e9)]])),
        );
        let mut stacked = look(kind);
        stacked.stacked = true;
        png(
            &numbered(data(&[&[Some(-3.0), Some(2.0)], &[Some(1.0), Some(-2.0)]])),
            &stacked,
        )
        .unwrap();
    }
}

#[test]
fn what_cannot_be_drawn_says_why() {
    let error = png(&data(&[&[Some(-1.0)]]), &look(Kind::Pie)).unwrap_err();
    assert!(error.contains("smaller than nothing"), "{error}");
    let error = png(&data(&[&[Some(1.0)]]), &look(Kind::Scatter)).unwrap_err();
    assert!(error.contains("not \"Month 0\""), "{error}");
}
