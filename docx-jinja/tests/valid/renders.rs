//! What a render refuses to give, and what it mends.

use docx_jinja::minijinja::context;
use docx_jinja::{Options, RenderError, Template, Value, valid};

use crate::support::{cell, docx, docx_with, entry, fill, p, package, part};

/// A render with markup that its caller gave.
fn rendered(template: &[u8], markup: &str, verify: bool) -> Result<Vec<u8>, RenderError> {
    let options = Options {
        verify,
        ..Options::default()
    };
    let template =
        Template::compile_with(template, options).unwrap_or_else(|error| panic!("{error}"));
    let mut out = Vec::new();
    let values =
        context! { x => Value::from_safe_string(markup.to_owned()), rows => vec![1, 2, 3] };
    template.render(values, &mut out)?;
    Ok(out)
}

#[track_caller]
fn refused(template: &[u8], markup: &str, expected: &str) {
    match rendered(template, markup, true) {
        Err(RenderError::InvalidOutput(fault)) => assert_eq!(fault.to_string(), expected),
        other => panic!("{markup}: {:?}", other.map(|document| document.len())),
    }
    assert!(rendered(template, markup, false).is_ok(), "{markup}");
}

const END: &str = "</w:t></w:r></w:p>";
const BEGIN: &str = "<w:p><w:r><w:t>";

#[test]
fn a_document_that_word_would_not_open_is_not_given() {
    let body = docx(&p("{{ x }}"));
    refused(
        &body,
        "</w:r>",
        "word/document.xml: its elements do not nest",
    );
    refused(
        &body,
        "<w:tab>",
        "word/document.xml: its elements do not nest",
    );
    refused(
        &body,
        "</w:t><w:drawing><a:blip r:embed=\"rId99\"/></w:drawing><w:t>",
        "word/document.xml: the relationship rId99 does not exist",
    );
    refused(
        &body,
        "</w:t><wp:docPr id=\"5\"/><wp:docPr id=\"5\"/><w:t>",
        "word/document.xml: more than one drawing has the number 5",
    );
    let table = "<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>";
    let inside = |content: &str| format!("{END}{content}{BEGIN}");
    refused(
        &body,
        &inside("<w:tbl><w:tr><w:tc></w:tc></w:tr></w:tbl>"),
        "word/document.xml: a table cell has no paragraph",
    );
    refused(
        &body,
        &inside(&format!(
            "<w:tbl><w:tr><w:tc><w:p/>{table}</w:tc></w:tr></w:tbl>"
        )),
        "word/document.xml: a table cell ends with a table instead of a paragraph",
    );
    refused(
        &body,
        &inside("<w:tbl><w:tr/></w:tbl>"),
        "word/document.xml: a table row has no cell",
    );
    refused(
        &body,
        &inside("<w:tbl/>"),
        "word/document.xml: a table has no row",
    );
    let header = docx_with("", &[("word/header1.xml", &part("hdr", &p("{{ x }}")))]);
    refused(
        &header,
        "<w:t>",
        "word/header1.xml: its elements do not nest",
    );

    for good in ["plain", "</w:t><w:br/><w:t>", &inside(table)] {
        let document = rendered(&body, good, true).unwrap();
        assert_eq!(valid::check(&document), Ok(()), "{good}");
    }
}

#[test]
fn what_the_template_had_is_no_fault_of_a_render() {
    let odd = "<w:tbl><w:tr><w:tc></w:tc></w:tr></w:tbl><w:p><w:r><w:drawing><wp:docPr id=\"4\"/><a:blip r:embed=\"rIdLost\"/>\
               </w:drawing><w:drawing><wp:docPr id=\"4\"/></w:drawing></w:r></w:p>";
    let template = docx(&(p("{{ x }}") + odd));
    assert!(valid::check(&template).is_err());
    rendered(&template, "fine", true).unwrap();
    refused(
        &template,
        "</w:t><a:blip r:embed=\"rIdOther\"/><w:t>",
        "word/document.xml: the relationship rIdOther does not exist",
    );
}

#[test]
fn drawings_that_a_loop_repeats_have_numbers_of_their_own() {
    let drawing = |tag: &str| {
        format!(
            "<w:p><w:r><w:drawing><wp:docPr descr=\"{tag}\" id=\"7\" name=\"a\"/></w:drawing></w:r></w:p>"
        )
    };
    let once = drawing("once");
    let body = p("{%p for r in rows %}")
        + &drawing("round {{ r }}")
        + &drawing("plain")
        + &p("{%p endfor %}")
        + &once.replace("\"7\"", "\"9\"");
    let document = fill(&docx(&body), context! { rows => vec![1, 2, 3] });
    assert_eq!(valid::check(&document), Ok(()));
    let text = entry(&document, "word/document.xml");
    let numbers: Vec<&str> = text
        .split(" id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(numbers, ["10", "11", "12", "13", "14", "15", "9"]);
    assert!(text.contains("descr=\"round 3\""), "{text}");
}

#[test]
fn tables_that_end_up_empty_are_mended() {
    let table = |rows: &str| format!("<w:tbl>{rows}</w:tbl>");
    let body = table(&format!(
        "<w:tr>{}</w:tr>",
        cell("{%tr for r in none %}x{%tr endfor %}")
    )) + &table(&format!(
        "<w:tr>{}</w:tr>",
        cell("{%tc for r in none %}x{%tc endfor %}")
    )) + &table(&format!(
        "<w:tr>{}</w:tr>",
        cell("{%p for r in none %}x{%p endfor %}")
    ));
    let document = fill(&docx(&body), context! { none => Vec::<u8>::new() });
    assert_eq!(valid::check(&document), Ok(()));
}

#[test]
fn a_long_table_is_followed_to_its_end() {
    let body = "<w:tbl>".to_owned()
        + "<w:tr>"
        + &cell("{%tr for n in range(20000) %}{{ n }}")
        + &cell("{{ 'a&lt;b&amp;c' }}\u{e4}{{ x if n == 19999 else n }}{%tr endfor %}")
        + "</w:tr></w:tbl>";
    let template = docx(&body);
    let document = rendered(&template, "last", true).unwrap();
    assert_eq!(valid::check(&document), Ok(()));
    refused(
        &template,
        "</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:tbl><w:tr><w:tc><w:p><w:r><w:t></w:t></w:r>",
        "word/document.xml: its elements do not nest",
    );
}

#[test]
fn packages_are_seen_as_a_whole() {
    let check = |bytes: &[u8], expected: &[&str]| {
        let found: Vec<String> = valid::check(bytes)
            .err()
            .into_iter()
            .flatten()
            .map(|fault| fault.to_string())
            .collect();
        assert_eq!(found, expected);
    };
    check(&docx(&p("x")), &[]);
    check(
        b"hello",
        &[
            "package: the file is not a Word document (.docx): invalid Zip archive: Could not find EOCD\nhint: open it in Word and save it as \"Word Document (*.docx)\"",
        ],
    );
    check(
        &docx_with("", &[("word/media/a.png", "x")]),
        &["word/media/a.png: it has no content type"],
    );
    let types =
        crate::support::content_types("<Default Extension=\"png\" ContentType=\"image/png\"/>");
    let document = part(
        "document",
        "<w:body><w:p><w:r><a:blip r:embed=\"rId1\"/><a:blip r:embed=\"rId2\"/></w:r></w:p></w:body>",
    );
    let relationships = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
        <Relationship Id=\"rId1\" Type=\"t/image\" Target=\"../word/./media/A.png\"/>\
        <Relationship Id=\"rId3\" Type=\"t/hyperlink\" TargetMode=\"External\" Target=\"https://example.org/\"/>\
        <Relationship Id=\"rId4\" Type=\"t/image\" Target=\"media/b.png\"/></Relationships>";
    let link = "<Relationship Id=\"rId1\" Type=\"t/hyperlink\" TargetMode=\"External\" Target=\"https://example.org/\"/>";
    let twice = |again: &str| {
        let links = format!(
            "<Relationships>{link}{}</Relationships>",
            link.replace("rId1", again)
        );
        docx_with(&p("x"), &[("word/_rels/document.xml.rels", &links)])
    };
    check(&twice("rId2"), &[]);
    check(
        &twice("rId1"),
        &["word/_rels/document.xml.rels: two of its relationships have the id rId1"],
    );
    check(
        &package(&[
            ("[Content_Types].xml", &types),
            ("word/document.xml", &document),
            ("word/_rels/document.xml.rels", relationships),
            ("word/media/a.png", "x"),
        ]),
        &[
            "word/_rels/document.xml.rels: it leads to media/b.png, which does not exist",
            "word/document.xml: the relationship rId2 does not exist",
        ],
    );
}
