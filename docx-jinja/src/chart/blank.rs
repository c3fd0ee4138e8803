//! Charts from nothing, as Word makes them: with as many series and looks as are needed, to be filled like any other.

use super::ChartData;
use super::draw::{Kind, Look};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<c:chartSpace \
    xmlns:c=\"http://schemas.openxmlformats.org/drawingml/2006/chart\" \
    xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\"><c:date1904 val=\"0\"/>\
    <c:roundedCorners val=\"0\"/><c:chart>";
const AXES: &str = "<c:axId val=\"500001\"/><c:axId val=\"500002\"/>";
const GREY: &str = "<a:srgbClr val=\"D9D9D9\"/>";
/// How many accents a theme has.
const ACCENTS: usize = 6;

/// A chart with room for this data, in the colours of the document's theme when it has one.
pub(super) fn xml(data: &ChartData, look: &Look, themed: bool) -> String {
    let look = &Blank { look, themed };
    let count = data.series.len().max(1);
    let series: String = (0..count).map(|index| series(index, data, look)).collect();
    let deleted = u8::from(look.title.is_none());
    let legend = if count > 1 || look.is_round() {
        "<c:legend><c:legendPos val=\"b\"/><c:overlay val=\"0\"/></c:legend>"
    } else {
        ""
    };
    format!(
        "{HEAD}<c:autoTitleDeleted val=\"{deleted}\"/><c:plotArea><c:layout/>{}{}</c:plotArea>{legend}\
         <c:plotVisOnly val=\"1\"/><c:dispBlanksAs val=\"gap\"/></c:chart><c:spPr><a:noFill/><a:ln><a:noFill/></a:ln>\
         </c:spPr></c:chartSpace>",
        plot(&series, look),
        axes(look),
    )
}

/// How a new chart looks.
struct Blank<'l> {
    look: &'l Look,
    themed: bool,
}

impl std::ops::Deref for Blank<'_> {
    type Target = Look;

    fn deref(&self) -> &Look {
        self.look
    }
}

fn plot(series: &str, look: &Look) -> String {
    let stacked = |usual: &str| if look.stacked { "stacked" } else { usual }.to_owned();
    let bars = |direction: &str| {
        let overlap = if look.stacked { "100" } else { "-10" };
        format!(
            "<c:barChart><c:barDir val=\"{direction}\"/><c:grouping val=\"{}\"/><c:varyColors val=\"0\"/>{series}\
             <c:gapWidth val=\"80\"/><c:overlap val=\"{overlap}\"/>{AXES}</c:barChart>",
            stacked("clustered")
        )
    };
    match look.kind {
        Kind::Column => bars("col"),
        Kind::Bar => bars("bar"),
        Kind::Line => format!(
            "<c:lineChart><c:grouping val=\"{}\"/><c:varyColors val=\"0\"/>{series}<c:marker val=\"1\"/>{AXES}</c:lineChart>",
            stacked("standard")
        ),
        Kind::Area => format!(
            "<c:areaChart><c:grouping val=\"{}\"/><c:varyColors val=\"0\"/>{series}{AXES}</c:areaChart>",
            stacked("standard")
        ),
        Kind::Pie => format!(
            "<c:pieChart><c:varyColors val=\"1\"/>{series}<c:firstSliceAng val=\"0\"/></c:pieChart>"
        ),
        Kind::Doughnut => format!(
            "<c:doughnutChart><c:varyColors val=\"1\"/>{series}<c:firstSliceAng val=\"0\"/><c:holeSize val=\"55\"/></c:doughnutChart>"
        ),
        Kind::Scatter => format!(
            "<c:scatterChart><c:scatterStyle val=\"lineMarker\"/><c:varyColors val=\"0\"/>{series}{AXES}</c:scatterChart>"
        ),
    }
}

/// One series without name and values, which are written when the chart is filled.
fn series(index: usize, data: &ChartData, look: &Blank<'_>) -> String {
    let fill = fill(index, look);
    let line = |width: u32| format!("<a:ln w=\"{width}\" cap=\"rnd\">{fill}<a:round/></a:ln>");
    let marker = format!(
        "<c:marker><c:symbol val=\"circle\"/><c:size val=\"6\"/><c:spPr>{fill}<a:ln><a:noFill/></a:ln></c:spPr></c:marker>"
    );
    let inside = match look.kind {
        Kind::Column | Kind::Bar => {
            format!("<c:spPr>{fill}</c:spPr><c:invertIfNegative val=\"0\"/><c:val/>")
        }
        Kind::Area => format!("<c:spPr>{fill}</c:spPr><c:val/>"),
        Kind::Line => format!(
            "<c:spPr>{}</c:spPr>{marker}<c:val/><c:smooth val=\"0\"/>",
            line(28_575)
        ),
        Kind::Scatter => format!(
            "<c:spPr><a:ln w=\"19050\"><a:noFill/></a:ln></c:spPr>{marker}<c:yVal/><c:smooth val=\"0\"/>"
        ),
        Kind::Pie | Kind::Doughnut => slices(data, look) + "<c:val/>",
    };
    format!("<c:ser><c:idx val=\"{index}\"/><c:order val=\"{index}\"/>{inside}</c:ser>")
}

/// Every slice's colour, with shares beside them.
fn slices(data: &ChartData, look: &Blank<'_>) -> String {
    let slices = (0..data.categories.len()).map(|index| {
        format!(
            "<c:dPt><c:idx val=\"{index}\"/><c:bubble3D val=\"0\"/><c:spPr>{}<a:ln w=\"12700\"><a:solidFill>\
             <a:srgbClr val=\"FFFFFF\"/></a:solidFill></a:ln></c:spPr></c:dPt>",
            fill(index, look)
        )
    });
    let slices: String = slices.collect();
    let place = if look.kind == Kind::Pie {
        "<c:dLblPos val=\"outEnd\"/>"
    } else {
        ""
    };
    format!(
        "{slices}<c:dLbls><c:numFmt formatCode=\"0%\" sourceLinked=\"0\"/><c:spPr><a:noFill/></c:spPr>{place}\
         <c:showLegendKey val=\"0\"/><c:showVal val=\"0\"/><c:showCatName val=\"0\"/><c:showSerName val=\"0\"/>\
         <c:showPercent val=\"1\"/><c:showBubbleSize val=\"0\"/></c:dLbls>"
    )
}

/// A given colour, or the next of the theme, darker in each further round, or of our own.
fn fill(index: usize, look: &Blank<'_>) -> String {
    let colour = match index.checked_sub(look.colours.len()) {
        Some(at) if look.themed => {
            let name = format!("accent{}", at % ACCENTS + 1);
            match at / ACCENTS {
                0 => format!("<a:schemeClr val=\"{name}\"/>"),
                round => format!(
                    "<a:schemeClr val=\"{name}\"><a:lumMod val=\"{}\"/></a:schemeClr>",
                    100_000 - 15_000 * round.min(5)
                ),
            }
        }
        _ => {
            let (red, green, blue) = look.colour(index);
            format!("<a:srgbClr val=\"{red:02X}{green:02X}{blue:02X}\"/>")
        }
    };
    format!("<a:solidFill>{colour}</a:solidFill>")
}

fn axes(look: &Look) -> String {
    if look.is_round() {
        return String::new();
    }
    let lying = look.kind == Kind::Bar;
    let (bottom, left) = if lying { ("l", "b") } else { ("b", "l") };
    let line =
        format!("<c:spPr><a:ln w=\"9525\"><a:solidFill>{GREY}</a:solidFill></a:ln></c:spPr>");
    let common = |id: u32, other: u32, place: &str, middle: &str| {
        format!(
            "<c:axId val=\"{id}\"/><c:scaling><c:orientation val=\"minMax\"/></c:scaling><c:delete val=\"0\"/>\
             <c:axPos val=\"{place}\"/>{middle}<c:numFmt formatCode=\"General\" sourceLinked=\"1\"/>\
             <c:majorTickMark val=\"none\"/><c:minorTickMark val=\"none\"/><c:tickLblPos val=\"low\"/>{line}\
             <c:crossAx val=\"{other}\"/><c:crosses val=\"autoZero\"/>"
        )
    };
    let grid = format!("<c:majorGridlines>{line}</c:majorGridlines>");
    let up = common(500_002, 500_001, left, &grid);
    let along = common(500_001, 500_002, bottom, "");
    if look.kind == Kind::Scatter {
        return format!("<c:valAx>{along}</c:valAx><c:valAx>{up}</c:valAx>");
    }
    format!(
        "<c:catAx>{along}<c:auto val=\"1\"/><c:lblAlgn val=\"ctr\"/><c:lblOffset val=\"100\"/></c:catAx>\
         <c:valAx>{up}</c:valAx>"
    )
}
