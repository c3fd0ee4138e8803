use super::machine::{Fault, Machine};

/// Faults of a text that comes in these pieces, and of the same text in every other cut.
fn check(pieces: &[&str], expected: &[Fault]) {
    let text = pieces.concat();
    let found = |findings: super::Findings| {
        let mut faults: Vec<Fault> = findings.faults.into_iter().collect();
        faults.sort();
        faults
    };
    let mut machine = Machine::new("", 0);
    pieces
        .iter()
        .for_each(|piece| machine.feed(piece.as_bytes()));
    assert_eq!(found(machine.finish()), expected, "{text}");
    for at in (0..text.len()).filter(|&at| text.is_char_boundary(at)) {
        // As pieces of a source, where effects are remembered, and as values, where they are not.
        for source in [text.as_str(), ""] {
            let mut machine = Machine::new(source, 4);
            machine.feed(&text.as_bytes()[..at]);
            machine.feed(&text.as_bytes()[at..]);
            assert_eq!(found(machine.finish()), expected, "{text} cut at {at}");
        }
    }
}

#[test]
fn elements_nest() {
    check(
        &["<?xml version=\"1.0\"?><a><b x=\"<>/\"/><!-- <c> --><![CDATA[</a>]]></a>"],
        &[],
    );
    check(&["<a><b></a></b>"], &[Fault::NotWellFormed]);
    check(&["<a>", "</b>"], &[Fault::NotWellFormed]);
    check(&["<a>"], &[Fault::NotWellFormed]);
    check(&["<a/></a>"], &[Fault::NotWellFormed]);
    check(&["text"], &[Fault::NotWellFormed]);
}

#[test]
fn tables_hold_what_they_must() {
    let table = |rows: &str| format!("<w:tbl><w:tblPr/>{rows}</w:tbl>");
    let row = |cells: &str| table(&format!("<w:tr><w:trPr/>{cells}</w:tr>"));
    let cell = |content: &str| row(&format!("<w:tc><w:tcPr/>{content}</w:tc>"));
    check(&[&cell("<w:p/>")], &[]);
    check(
        &[&cell("<w:p><w:r/></w:p><w:bookmarkEnd w:id=\"1\"/>")],
        &[],
    );
    check(
        &[&cell("<w:sdt><w:sdtContent><w:p/></w:sdtContent></w:sdt>")],
        &[],
    );
    check(&[&cell("")], &[Fault::CellWithoutParagraph]);
    check(
        &["<w:tbl><w:tr><w:tc/></w:tr></w:tbl>"],
        &[Fault::CellWithoutParagraph],
    );
    check(&[&cell(&(cell("<w:p/>")))], &[Fault::CellEndsWithTable]);
    check(&[&cell(&(cell("<w:p/>") + "<w:p/>"))], &[]);
    check(&[&row("")], &[Fault::RowWithoutCell]);
    check(&[&table("")], &[Fault::TableWithoutRow]);
    check(&["<w:hdr></w:hdr>"], &[Fault::NoParagraph]);
    check(&["<w:hdr><w:p/></w:hdr>"], &[]);
}

#[test]
fn references_and_drawings_are_noted() {
    let source = "<w:r><a:blip r:embed=\"rId7\"/><wp:docPr name=\"r:id\" id=\"3\"/></w:r>";
    let (root, rest) = ("<w:p>", "<w:hyperlink r:id='a&amp;b'/></w:p>");
    let mut machine = Machine::new(source, 2);
    for piece in [root, source, source, rest] {
        machine.feed(piece.as_bytes());
    }
    let findings = machine.finish();
    let mut references: Vec<&str> = findings.references.iter().map(String::as_str).collect();
    references.sort_unstable();
    assert_eq!(references, ["a&b", "rId7"]);
    assert_eq!(Vec::from_iter(&findings.repeated), [&3]);
    assert!(findings.faults.is_empty());
}

#[test]
fn marks_of_the_engine_never_get_out() {
    let findings = Machine::read("<a>\u{1} x \u{2}</a>".as_bytes());
    assert_eq!(Vec::from_iter(findings.faults), [Fault::ControlCharacter]);
}
