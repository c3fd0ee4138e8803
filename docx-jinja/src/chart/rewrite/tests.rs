use super::super::draw::{Kind, Look};
use super::super::edits::Edits;
use super::super::{Cell, ChartData, Series};
use super::{check, rewrite};

const COLUMN: &str = include_str!("../../../tests/charts/column.xml");
const LINE_DATES: &str = include_str!("../../../tests/charts/line-dates.xml");
const PIE: &str = include_str!("../../../tests/charts/pie.xml");
const SCATTER: &str = include_str!("../../../tests/charts/scatter.xml");
const BUBBLE: &str = include_str!("../../../tests/charts/bubble.xml");
const COMBINATION: &str = include_str!("../../../tests/charts/combination.xml");
const STOCK: &str = include_str!("../../../tests/charts/stock.xml");
const LITERAL: &str = include_str!("../../../tests/charts/bar-literal.xml");
const ALL: [&str; 9] = [
    COLUMN,
    LINE_DATES,
    PIE,
    SCATTER,
    BUBBLE,
    COMBINATION,
    LITERAL,
    include_str!("../../../tests/charts/area.xml"),
    include_str!("../../../tests/charts/radar.xml"),
];

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

/// Categories, and series of a name and values.
fn data(categories: &[&str], series: &[(&str, &[f64])]) -> ChartData {
    let series = series.iter().map(|(name, values)| Series {
        name: Some((*name).to_owned()),
        values: values.iter().map(|&value| Some(value)).collect(),
        sizes: Some(values.iter().map(|&value| Some(value * 2.0)).collect()),
        ..Series::default()
    });
    ChartData {
        categories: categories.iter().map(|name| text(name)).collect(),
        series: series.collect(),
    }
}

fn numbers(mut data: ChartData) -> ChartData {
    let count = data.categories.len();
    data.categories = (1..=count).map(|n| Cell::Number(n as f64)).collect();
    data
}

/// Each series as `index/order name range: categories (range) values (range)`.
fn shown(xml: &str) -> Vec<String> {
    let edits = Edits::new(xml).unwrap();
    let one = |element: Option<usize>, name: &str| {
        let found = element.and_then(|element| edits.below(element, name).first().copied());
        found.map_or(String::new(), |found| edits.text(found))
    };
    let all = |element: Option<usize>| {
        let values = element.map_or(Vec::new(), |element| edits.below(element, "v"));
        let texts: Vec<_> = values.iter().map(|&at| edits.text(at)).collect();
        texts.join(",")
    };
    let series = edits.below(edits.root().unwrap(), "ser");
    series
        .into_iter()
        .map(|at| {
            let child = |name: &str| edits.child(at, name);
            let number = |name: &str| edits.val(child(name).unwrap()).unwrap();
            let x = child("cat").or(child("xVal"));
            let y = child("val").or(child("yVal"));
            format!(
                "{}/{} {} {}: {} ({}) {} ({}){}",
                number("idx"),
                number("order"),
                all(child("tx")),
                one(child("tx"), "f"),
                all(x),
                one(x, "f"),
                all(y),
                one(y, "f"),
                child("bubbleSize").map_or(String::new(), |s| format!(" size {}", all(Some(s)))),
            )
        })
        .collect()
}

fn show(xml: &str, data: &ChartData, expected: &[&str]) -> String {
    let rewritten = rewrite(xml, data, None).unwrap();
    assert_eq!(shown(&rewritten.xml), expected);
    rewritten.xml
}

#[test]
fn fewer_and_more_series_and_points() {
    show(
        COLUMN,
        &data(&["Jan", "Feb & March"], &[("ok", &[1.0, 2.5])]),
        &["0/0 ok Sheet1!$B$1: Jan,Feb & March (Sheet1!$A$2:$A$3) 1,2.5 (Sheet1!$B$2:$B$3)"],
    );
    let three = show(
        COLUMN,
        &data(&["a"], &[("x", &[1.0]), ("y", &[2.0]), ("z", &[3.0])]),
        &[
            "0/0 x Sheet1!$B$1: a (Sheet1!$A$2) 1 (Sheet1!$B$2)",
            "1/1 y Sheet1!$C$1: a (Sheet1!$A$2) 2 (Sheet1!$C$2)",
            "2/2 z Sheet1!$D$1: a (Sheet1!$A$2) 3 (Sheet1!$D$2)",
        ],
    );
    // The new one has a colour and no identity of the one it was copied from.
    assert!(three.contains("\"accent3\""));
    assert_eq!(three.matches("uniqueId").count(), 2);
    // The label of a point that is no more goes; number formats stay.
    assert!(!three.contains("<c:dLbl>"));
    assert_eq!(three.matches("<c:formatCode>0.0</c:formatCode>").count(), 3);
}

#[test]
fn what_is_around_the_series_stays() {
    let two = data(&["a"], &[("x", &[1.0]), ("y", &[2.0])]);
    let rewritten = rewrite(COLUMN, &two, None).unwrap().xml;
    let around = |xml: &str| {
        let (front, rest) = xml.split_once("<c:ser>").unwrap();
        let (_, back) = rest.rsplit_once("</c:ser>").unwrap();
        (front.to_owned(), back.to_owned())
    };
    assert_eq!(around(&rewritten), around(COLUMN));
    let titled = rewrite(COLUMN, &two, Some("Runs <2026>")).unwrap().xml;
    assert!(titled.contains("<a:rPr lang=\"en-GB\" b=\"1\"/><a:t>Runs &lt;2026&gt;</a:t>"));
    assert!(!titled.contains("Title of the template"));
}

#[test]
fn gaps_are_left_out() {
    let mut gap = data(&["a", "b", "c"], &[("x", &[1.0, 2.0, 3.0])]);
    gap.series[0].values[1] = None;
    let xml = rewrite(COLUMN, &gap, None).unwrap().xml;
    let (_, values) = xml.split_once("<c:val>").unwrap();
    assert!(
        values
            .contains("<c:ptCount val=\"3\"/><c:pt idx=\"0\"><c:v>1</c:v></c:pt><c:pt idx=\"2\">")
    );
}

#[test]
fn every_slice_has_its_colour() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let seven = rewrite(PIE, &data(&names, &[("s", &values)]), None)
        .unwrap()
        .xml;
    assert_eq!(seven.matches("<c:dPt>").count(), 7);
    for colour in ["accent4", "accent5", "accent6"] {
        assert_eq!(seven.matches(colour).count(), 1, "{colour}");
    }
    assert!(seven.contains("<a:schemeClr val=\"accent1\"><a:lumMod val=\"60000\"/></a:schemeClr>"));
    let two = rewrite(PIE, &data(&names[..2], &[("s", &values[..2])]), None)
        .unwrap()
        .xml;
    assert_eq!(two.matches("<c:dPt>").count(), 2);
}

#[test]
fn dates_are_days_on_an_axis_of_dates() {
    let dated = data(
        &["2026-01-01", "2026-01-02T12:00:00Z"],
        &[("n", &[5.0, 6.0])],
    );
    let rewritten = rewrite(LINE_DATES, &dated, None).unwrap();
    assert_eq!(
        shown(&rewritten.xml),
        ["0/0 n Sheet1!$B$1: 46023,46024.5 (Sheet1!$A$2:$A$3) 5,6 (Sheet1!$B$2:$B$3)"]
    );
    assert!(
        rewritten
            .xml
            .contains("<c:formatCode>m/d/yyyy</c:formatCode>")
    );
    assert!(rewritten.sheet.columns[0].dates);
    let error = rewrite(LINE_DATES, &data(&["soon"], &[("n", &[5.0])]), None);
    let error = error.map(|_| ()).unwrap_err();
    assert!(
        error.contains("an axis of dates, and \"soon\" is none"),
        "{error}"
    );
    // On an axis of text the same stay text.
    let plain = rewrite(COLUMN, &dated, None).unwrap();
    assert!(plain.xml.contains("<c:v>2026-01-01</c:v>") && !plain.sheet.columns[0].dates);
}

#[test]
fn points_have_x_and_y() {
    let two = numbers(data(&["", ""], &[("p", &[4.0, 5.0])]));
    show(
        SCATTER,
        &two,
        &["0/0 p Sheet1!$B$1: 1,2 (Sheet1!$A$2:$A$3) 4,5 (Sheet1!$B$2:$B$3)"],
    );
    let mut own = two.clone();
    own.series.push(own.series[0].clone());
    own.series[1].x = Some(vec![Cell::Number(7.0), Cell::Number(8.0)]);
    show(
        BUBBLE,
        &own,
        &[
            "0/0 p Sheet1!$B$1: 1,2 (Sheet1!$A$2:$A$3) 4,5 (Sheet1!$B$2:$B$3) size 8,10",
            "1/1 p Sheet1!$E$1: 7,8 (Sheet1!$D$2:$D$3) 4,5 (Sheet1!$E$2:$E$3) size 8,10",
        ],
    );
    own.series.remove(0);
    show(
        SCATTER,
        &own,
        &["0/0 p Sheet1!$B$1: 7,8 (Sheet1!$A$2:$A$3) 4,5 (Sheet1!$B$2:$B$3)"],
    );
    let error = |xml, data: &ChartData| rewrite(xml, data, None).map(|_| ()).unwrap_err();
    let named = data(&["a"], &[("p", &[1.0])]);
    assert!(error(SCATTER, &named).contains("must be numbers or dates"));
    let mut bare = two;
    bare.series[0].sizes = None;
    assert!(error(BUBBLE, &bare).contains("column of sizes"));
}

#[test]
fn bars_and_lines_in_one_chart_keep_their_kinds() {
    let three = data(&["a"], &[("x", &[1.0]), ("y", &[2.0]), ("z", &[3.0])]);
    let xml = rewrite(COMBINATION, &three, None).unwrap().xml;
    let (bars, lines) = xml.split_once("</c:barChart>").unwrap();
    assert_eq!(
        (
            bars.matches("<c:ser>").count(),
            lines.matches("<c:ser>").count()
        ),
        (1, 2)
    );
    let one = rewrite(COMBINATION, &data(&["a"], &[("x", &[1.0])]), None)
        .unwrap()
        .xml;
    assert_eq!(one.matches("<c:ser>").count(), 1);
}

#[test]
fn numbers_without_a_workbook_become_references() {
    show(
        LITERAL,
        &data(&["a"], &[("x", &[1.0]), ("y", &[2.0])]),
        &[
            "0/0 x Sheet1!$B$1: a (Sheet1!$A$2) 1 (Sheet1!$B$2)",
            "1/1 y Sheet1!$C$1: a (Sheet1!$A$2) 2 (Sheet1!$C$2)",
        ],
    );
}

#[test]
fn no_rows_leave_an_empty_chart() {
    let xml = show(
        COLUMN,
        &ChartData::default(),
        &[
            "0/0 Series 1 Sheet1!$B$1:  (Sheet1!$A$2)  (Sheet1!$B$2)",
            "1/1 Series 2 Sheet1!$C$1:  (Sheet1!$A$2)  (Sheet1!$C$2)",
        ],
    );
    assert!(!xml.contains("Category 1"));
    rewrite(BUBBLE, &ChartData::default(), None).unwrap();
}

#[test]
fn the_namespace_may_have_any_prefix() {
    let bare = COLUMN
        .replace("<c:", "<")
        .replace("</c:", "</")
        .replace("xmlns:c=", "xmlns=");
    let data = data(&["a"], &[("x", &[1.0])]);
    let with = rewrite(COLUMN, &data, Some("T")).unwrap().xml;
    let without = rewrite(&bare, &data, Some("T")).unwrap().xml;
    let renamed = with
        .replace("<c:", "<")
        .replace("</c:", "</")
        .replace("xmlns:c=", "xmlns=");
    assert_eq!(without, renamed);
}

#[test]
fn no_value_of_the_template_is_left() {
    let three = numbers(data(&["", "", ""], &[("Neu", &[71.0, 72.0, 73.0])]));
    for chart in ALL {
        check(chart).unwrap();
        let xml = rewrite(chart, &three, Some("Neu")).unwrap().xml;
        for old in [
            "Category", "Series 1", "Series 2", "Y-Values", "Sales", "Literal", ">Line<", "37261",
            "2.7<",
        ] {
            assert!(!xml.contains(old), "{old} in {xml}");
        }
    }
}

#[test]
fn charts_that_cannot_be_filled_say_why() {
    assert!(
        check(STOCK)
            .unwrap_err()
            .contains("a stock chart cannot be filled")
    );
    let (front, rest) = LITERAL.split_once("<c:ser>").unwrap();
    let (_, back) = rest.split_once("</c:ser>").unwrap();
    assert!(
        check(&format!("{front}{back}"))
            .unwrap_err()
            .contains("no series")
    );
    check("<c:chartSpace><c:chart></c:chartSpace>").unwrap_err();
}

fn blank(data: &ChartData, kind: Kind) -> String {
    let look = Look {
        kind,
        stacked: false,
        title: None,
        colours: vec![(1, 2, 3)],
        size: (1.0, 1.0),
    };
    crate::chart::blank::xml(data, &look, true)
}

/// The children of a series in the order that the schema asks for (ECMA-376 part 1, annex A, `CT_BarSer` and its like).
const ORDER: [&str; 21] = [
    "idx",
    "order",
    "tx",
    "spPr",
    "invertIfNegative",
    "pictureOptions",
    "marker",
    "explosion",
    "dPt",
    "dLbls",
    "trendline",
    "errBars",
    "cat",
    "xVal",
    "val",
    "yVal",
    "smooth",
    "bubbleSize",
    "shape",
    "bubble3D",
    "extLst",
];

#[test]
fn series_have_the_schema_s_order() {
    let bare = |chart: &str| {
        // Without names and categories, which are then added.
        let mut edits = Edits::new(chart).unwrap();
        for series in edits.below(edits.root().unwrap(), "ser") {
            for name in ["tx", "cat", "xVal", "val", "yVal", "bubbleSize"] {
                if let Some(at) = edits.child(series, name) {
                    edits.replace(at, "");
                }
            }
        }
        edits.write()
    };
    let data = numbers(data(
        &["", ""],
        &[("a", &[1.0, 2.0]), ("b", &[3.0, 4.0]), ("c", &[5.0, 6.0])],
    ));
    let blank = Kind::NAMED.map(|(_, kind)| blank(&data, kind));
    let drawn = ALL
        .iter()
        .flat_map(|chart| [(*chart).to_owned(), bare(chart)]);
    for chart in drawn.chain(blank) {
        {
            let xml = rewrite(&chart, &data, Some("T")).unwrap().xml;
            let edits = Edits::new(&xml).unwrap();
            let series = edits.below(edits.root().unwrap(), "ser");
            assert_eq!(series.len(), 3);
            for at in series {
                let children = edits.children(at).map(|child| {
                    let name = super::local(edits.tokens[child].name);
                    let place = ORDER.iter().position(|known| *known == name);
                    place.unwrap_or_else(|| panic!("{name} is not known"))
                });
                let places: Vec<usize> = children.collect();
                assert!(places.is_sorted(), "{places:?} in {xml}");
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever the values are, chart and workbook can be read again and hold them.
    #[test]
    fn any_values_make_well_formed_charts(
        categories in proptest::collection::vec(".{0,12}", 0..8),
        names in proptest::collection::vec(".{0,12}", 0..5),
        number in proptest::num::f64::NORMAL,
        title in ".{0,12}",
    ) {
        let series = names.iter().map(|name| Series {
            name: Some(name.clone()),
            values: categories.iter().enumerate().map(|(at, _)| (at % 3 > 0).then_some(number)).collect(),
            ..Series::default()
        });
        let data = ChartData {
            categories: categories.iter().map(|name| text(name)).collect(),
            series: series.collect(),
        };
        for chart in [COLUMN, PIE, COMBINATION, LITERAL] {
            let rewritten = rewrite(chart, &data, Some(&title)).unwrap();
            let edits = Edits::new(&rewritten.xml).unwrap();
            let root = edits.root().unwrap();
            let wanted = if names.is_empty() { chart.matches("<c:ser>").count() } else { names.len() };
            assert_eq!(edits.below(root, "ser").len(), wanted);
            for count in edits.below(root, "ptCount") {
                let around = edits.tokens[edits.tokens[count].parent].partner;
                let points = (count..around).filter(|&at| edits.tokens[at].raw.starts_with("<c:pt ")).count();
                assert!(points <= edits.val(count).unwrap().parse().unwrap());
            }
            rewritten.sheet.workbook().unwrap();
        }
    }
}
