//! The values that a chart keeps beside the reference to its workbook: what is drawn before anyone opens the workbook.

use crate::chart::Cell;
use crate::escape::{self, Style};

/// Where the values of one element come from.
pub(super) struct Source<'v> {
    /// The chart namespace's prefix, with its colon.
    pub(super) prefix: &'v str,
    /// The cells in the workbook: `Sheet1!$B$2:$B$13`.
    pub(super) range: String,
    /// How numbers are shown; none in caches of text.
    pub(super) format: Option<&'v str>,
}

impl Source<'_> {
    /// The cells as a reference with its cache: of numbers when there is a format for them, else of text.
    pub(super) fn reference(&self, cells: &[Cell]) -> String {
        let (p, kind) = (self.prefix, self.format.map_or("str", |_| "num"));
        let mut out = format!(
            "<{p}{kind}Ref><{p}f>{}</{p}f><{p}{kind}Cache>",
            escape::made(&self.range, Style::Plain)
        );
        if let Some(format) = self.format {
            let format = escape::made(format, Style::Plain);
            out.push_str(&format!("<{p}formatCode>{format}</{p}formatCode>"));
        }
        out.push_str(&format!("<{p}ptCount val=\"{}\"/>", cells.len()));
        for (index, cell) in cells.iter().enumerate() {
            let text = match cell {
                Cell::Empty => continue,
                Cell::Text(text) => escape::made(text, Style::Plain),
                Cell::Number(number) => number.to_string(),
            };
            out.push_str(&format!(
                "<{p}pt idx=\"{index}\"><{p}v>{text}</{p}v></{p}pt>"
            ));
        }
        out + &format!("</{p}{kind}Cache></{p}{kind}Ref>")
    }
}

#[cfg(test)]
mod tests {
    use super::Source;
    use crate::chart::Cell;

    fn check(format: Option<&str>, cells: &[Cell], expected: &str) {
        let source = Source {
            prefix: "c:",
            range: "Sheet1!$A$2".to_owned(),
            format,
        };
        assert_eq!(source.reference(cells), expected);
    }

    #[test]
    fn a_cache_is_of_text_or_of_numbers() {
        check(
            None,
            &[
                Cell::Text("a<\u{2}b".to_owned()),
                Cell::Number(2020.0),
                Cell::Empty,
            ],
            "<c:strRef><c:f>Sheet1!$A$2</c:f><c:strCache><c:ptCount val=\"3\"/>\
             <c:pt idx=\"0\"><c:v>a&lt;b</c:v></c:pt><c:pt idx=\"1\"><c:v>2020</c:v></c:pt>\
             </c:strCache></c:strRef>",
        );
        check(
            Some("0\"x\""),
            &[Cell::Empty, Cell::Number(-0.5)],
            "<c:numRef><c:f>Sheet1!$A$2</c:f><c:numCache><c:formatCode>0&quot;x&quot;</c:formatCode>\
             <c:ptCount val=\"2\"/><c:pt idx=\"1\"><c:v>-0.5</c:v></c:pt></c:numCache></c:numRef>",
        );
    }
}
