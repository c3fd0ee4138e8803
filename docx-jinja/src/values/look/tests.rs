use super::{Look, LookError};
use crate::values::RunProperties;

#[test]
fn looks_are_written_in_schema_order() {
    let check = |look: Result<Look, LookError>, place: &str, expected: &str| {
        let mut run = RunProperties::read(place);
        look.unwrap().apply(&mut run).unwrap();
        assert_eq!(run.write(), expected);
    };
    check(
        Look::new()
            .colour("#c00")
            .and_then(|look| look.bold(true).italic(false).size(10.5)),
        "<w:rPr><w:i/><w:sz w:val=\"20\"/><w:lang w:val=\"de\"/></w:rPr>",
        "<w:rPr><w:b/><w:bCs/><w:i w:val=\"0\"/><w:iCs w:val=\"0\"/><w:color w:val=\"CC0000\"/>\
         <w:sz w:val=\"21\"/><w:szCs w:val=\"21\"/><w:lang w:val=\"de\"/></w:rPr>",
    );
    check(
        Look::new()
            .superscript()
            .font("A&B")
            .highlight("Yellow")
            .and_then(|look| look.underline("double")),
        "",
        "<w:rPr><w:rFonts w:ascii=\"A&amp;B\" w:hAnsi=\"A&amp;B\" w:cs=\"A&amp;B\" w:eastAsia=\"A&amp;B\"/>\
         <w:highlight w:val=\"yellow\"/><w:u w:val=\"double\"/><w:vertAlign w:val=\"superscript\"/></w:rPr>",
    );
    check(
        Look::new()
            .strike(true)
            .caps(true)
            .small_caps(false)
            .highlight("FFF2CC"),
        "",
        "<w:rPr><w:caps/><w:smallCaps w:val=\"0\"/><w:strike/><w:shd w:val=\"clear\" w:color=\"auto\" w:fill=\"FFF2CC\"/></w:rPr>",
    );
}

#[test]
fn what_word_does_not_know_is_refused() {
    let check = |look: Result<Look, LookError>, expected: &str| {
        let message = look.unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    };
    check(
        Look::new().colour("reddish"),
        "\"reddish\" is not a colour\nhint: write six digits",
    );
    check(Look::new().colour("\"/>"), "\"\"/>\" is not a colour");
    check(Look::new().colour("12345é"), "\"12345é\" is not a colour");
    check(
        Look::new().highlight("pink"),
        "\"pink\" is not a colour to mark text with\nhint: there are: black",
    );
    check(
        Look::new().underline("thin"),
        "\"thin\" is not a line under text",
    );
    check(Look::new().size(0.0), "\"0\" is not a size of text");
    check(Look::new().size(f64::NAN), "\"NaN\" is not a size of text");
}
