//! The chart's title: the new text in the look that the template's title has.

use super::edits::{Edits, prefix};
use crate::escape::{self, Style};

const DRAWING: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";

/// Puts the text into the chart's title, or gives it one.
pub(super) fn set(edits: &mut Edits<'_>, chart: usize, text: &str) {
    let p = prefix(edits.tokens[chart].name).to_owned();
    let title = edits.child(chart, "title");
    let tx = title.and_then(|title| edits.child(title, "tx"));
    let look = tx
        .and_then(|tx| edits.child(tx, "rich"))
        .or_else(|| title.and_then(|title| edits.child(title, "txPr")));
    let made = format!("<{p}tx>{}</{p}tx>", rich(edits, &p, look, text));
    match (title, tx) {
        (_, Some(tx)) => edits.replace(tx, made),
        (Some(title), None) => edits.prepend(title, &made),
        (None, None) => {
            let title = format!("<{p}title>{made}<{p}overlay val=\"0\"/></{p}title>");
            edits.prepend(chart, &title);
        }
    }
    if let Some(deleted) = edits.child(chart, "autoTitleDeleted") {
        edits.replace(deleted, format!("<{p}autoTitleDeleted val=\"0\"/>"));
    }
}

/// One paragraph of one run, formatted as the first of `look`.
fn rich(edits: &Edits<'_>, p: &str, look: Option<usize>, text: &str) -> String {
    let child = |of: Option<usize>, name| of.and_then(|of| edits.child(of, name));
    let raw = |at: Option<usize>| at.map_or(String::new(), |at| edits.raw(at));
    let body = child(look, "bodyPr");
    let paragraph = child(look, "p");
    let run = child(paragraph, "r");
    let text = escape::made(text, Style::Plain);
    let (a, declared) = match body {
        Some(body) => (prefix(edits.tokens[body].name), String::new()),
        None => ("a:", format!(" xmlns:a=\"{DRAWING}\"")),
    };
    let body = body.map_or(format!("<a:bodyPr{declared}/>"), |body| edits.raw(body));
    format!(
        "<{p}rich>{body}{}<{a}p{declared}>{}<{a}r>{}<{a}t>{text}</{a}t></{a}r></{a}p></{p}rich>",
        raw(child(look, "lstStyle")),
        raw(child(paragraph, "pPr")),
        raw(child(run, "rPr")),
    )
}

#[cfg(test)]
mod tests {
    use super::set;
    use crate::chart::edits::Edits;

    fn check(chart: &str, expected: &str) {
        let mut edits = Edits::new(chart).unwrap();
        set(&mut edits, 0, "A & B");
        assert_eq!(edits.write(), expected);
    }

    #[test]
    fn a_title_keeps_its_look() {
        check(
            "<c:chart><c:title><c:tx><c:rich><a:bodyPr/><a:p><a:pPr/><a:r><a:rPr b=\"1\"/><a:t>old</a:t></a:r>\
             <a:r><a:t>more</a:t></a:r></a:p></c:rich></c:tx><c:layout/></c:title><c:plotArea/></c:chart>",
            "<c:chart><c:title><c:tx><c:rich><a:bodyPr/><a:p><a:pPr/><a:r><a:rPr b=\"1\"/><a:t>A &amp; B</a:t></a:r>\
             </a:p></c:rich></c:tx><c:layout/></c:title><c:plotArea/></c:chart>",
        );
        check(
            "<c:chart><c:title><c:overlay val=\"0\"/><c:txPr><a:bodyPr rot=\"0\"/><a:lstStyle/><a:p><a:pPr><a:defRPr/>\
             </a:pPr></a:p></c:txPr></c:title></c:chart>",
            "<c:chart><c:title><c:tx><c:rich><a:bodyPr rot=\"0\"/><a:lstStyle/><a:p><a:pPr><a:defRPr/></a:pPr>\
             <a:r><a:t>A &amp; B</a:t></a:r></a:p></c:rich></c:tx><c:overlay val=\"0\"/><c:txPr><a:bodyPr rot=\"0\"/>\
             <a:lstStyle/><a:p><a:pPr><a:defRPr/></a:pPr></a:p></c:txPr></c:title></c:chart>",
        );
    }

    #[test]
    fn a_chart_without_a_title_is_given_one() {
        let space = "xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\"";
        check(
            "<chart><autoTitleDeleted val=\"1\"/><plotArea/></chart>",
            &format!(
                "<chart><title><tx><rich><a:bodyPr {space}/><a:p {space}><a:r><a:t>A &amp; B</a:t></a:r></a:p></rich>\
                 </tx><overlay val=\"0\"/></title><autoTitleDeleted val=\"0\"/><plotArea/></chart>"
            ),
        );
    }
}
