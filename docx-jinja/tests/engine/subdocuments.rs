//! Documents inside documents.

use docx_jinja::minijinja::context;
use docx_jinja::{SubDocument, Template, TemplateError, Value};

use crate::support::{
    NAMESPACE, cell, content_types, docx, docx_with, entry, fill, p, package, render_error, text,
};

const RELATED: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

fn relations(list: &[(&str, &str, &str)]) -> String {
    let one = |(id, kind, target): &(&str, &str, &str)| {
        let mode = if target.contains("://") {
            " TargetMode=\"External\""
        } else {
            ""
        };
        format!("<Relationship Id=\"{id}\" Type=\"{RELATED}/{kind}\" Target=\"{target}\"{mode}/>")
    };
    let list: String = list.iter().map(one).collect();
    format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{list}</Relationships>"
    )
}

fn styles(list: &[(&str, &str, &str, &str)]) -> String {
    let one = |(kind, id, name, inner): &(&str, &str, &str, &str)| {
        format!(
            "<w:style w:type=\"{kind}\" w:styleId=\"{id}\"><w:name w:val=\"{name}\"/>{inner}</w:style>"
        )
    };
    let list: String = list.iter().map(one).collect();
    format!("<w:styles xmlns:w=\"{NAMESPACE}\">{list}</w:styles>")
}

/// A template with styles and a list of its own.
fn host(body: &str) -> Vec<u8> {
    let numbering = format!(
        "<w:numbering xmlns:w=\"{NAMESPACE}\"><w:abstractNum w:abstractNumId=\"7\"/><w:num w:numId=\"9\"><w:abstractNumId w:val=\"7\"/></w:num></w:numbering>"
    );
    docx_with(
        body,
        &[
            (
                "word/_rels/document.xml.rels",
                &relations(&[
                    ("rId1", "styles", "styles.xml"),
                    ("rId2", "numbering", "numbering.xml"),
                ]),
            ),
            (
                "word/styles.xml",
                &styles(&[
                    ("paragraph", "Title1", "heading 1", ""),
                    ("paragraph", "Taken", "mine", ""),
                ]),
            ),
            ("word/numbering.xml", &numbering),
        ],
    )
}

/// A document with something of everything.
fn guest() -> Vec<u8> {
    let body = format!(
        "<w:p w14:paraId=\"1\" w:rsidR=\"2\"><w:pPr><w:pStyle w:val=\"Head\"/></w:pPr><w:bookmarkStart w:id=\"0\" w:name=\"b\"/><w:r><w:t>Inside &amp; out</w:t></w:r><w:bookmarkEnd w:id=\"0\"/></w:p>\
         <w:p><w:pPr><w:pStyle w:val=\"Taken\"/><w:sectPr/></w:pPr><w:commentRangeStart w:id=\"1\"/><w:hyperlink r:id=\"rId5\"><w:r><w:t>link</w:t></w:r></w:hyperlink></w:p>\
         <w:p><w:pPr><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"3\"/></w:numPr></w:pPr><w:r><w:t>item</w:t></w:r></w:p>\
         <w:p><w:r><w:drawing><wp:inline><wp:docPr id=\"1\" name=\"x\"/><a:blip xmlns:a=\"a\" r:embed=\"rId6\"/></wp:inline></w:drawing></w:r></w:p>\
         <w:p><w:r><w:drawing><wp:inline><wp:docPr id=\"1\" name=\"y\"/><c:chart xmlns:c=\"c\" r:id=\"rId7\"/></wp:inline></w:drawing></w:r></w:p>\
         <w:tbl><w:tr>{}</w:tr></w:tbl><w:sectPr><w:headerReference r:id=\"rId8\"/></w:sectPr>",
        cell("cell")
    );
    let document = format!(
        "<w:document xmlns:w=\"{NAMESPACE}\" xmlns:r=\"{RELATED}\" xmlns:wp=\"wp\" xmlns:w14=\"w14\" xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" mc:Ignorable=\"w14\"><w:body>{body}</w:body></w:document>"
    );
    let numbering = format!(
        "<w:numbering xmlns:w=\"{NAMESPACE}\"><w:abstractNum w:abstractNumId=\"7\"><w:nsid w:val=\"A\"/><w:multiLevelType w:val=\"multilevel\"/>\
         <w:lvl w:ilvl=\"0\"><w:start w:val=\"4\"/><w:numFmt w:val=\"decimal\"/><w:pStyle w:val=\"Taken\"/></w:lvl></w:abstractNum>\
         <w:num w:numId=\"3\"><w:abstractNumId w:val=\"7\"/></w:num></w:numbering>"
    );
    let types = content_types(
        "<Default Extension=\"png\" ContentType=\"image/png\"/><Default Extension=\"xlsx\" ContentType=\"application/xlsx\"/>\
         <Override PartName=\"/word/charts/chart7.xml\" ContentType=\"application/chart+xml\"/>\
         <Override PartName=\"/word/charts/style7.xml\" ContentType=\"application/style+xml\"/>",
    );
    package(&[
        ("[Content_Types].xml", &types),
        ("word/document.xml", &document),
        (
            "word/_rels/document.xml.rels",
            &relations(&[
                ("rId1", "styles", "styles.xml"),
                ("rId2", "numbering", "numbering.xml"),
                ("rId5", "hyperlink", "https://example.com/?a=1&amp;b=2"),
                ("rId6", "image", "media/image1.png"),
                ("rId7", "chart", "charts/chart7.xml"),
                ("rId8", "header", "header1.xml"),
            ]),
        ),
        (
            "word/styles.xml",
            &styles(&[
                ("paragraph", "Head", "Heading 1", ""),
                (
                    "paragraph",
                    "Taken",
                    "boxed",
                    "<w:basedOn w:val=\"Base\"/><w:next w:val=\"Taken\"/><w:pPr><w:numPr><w:numId w:val=\"3\"/></w:numPr></w:pPr>",
                ),
                ("paragraph", "Base", "Base", ""),
                ("paragraph", "Unused", "unused", ""),
            ]),
        ),
        ("word/numbering.xml", &numbering),
        ("word/media/image1.png", "picture bytes"),
        (
            "word/charts/chart7.xml",
            &format!(
                "<?xml version=\"1.0\"?>\n<c:chart xmlns:c=\"c\" xmlns:r=\"{RELATED}\"><c:externalData r:id=\"rId1\"/></c:chart>"
            ),
        ),
        (
            "word/charts/_rels/chart7.xml.rels",
            &relations(&[
                ("rId1", "package", "../embeddings/book7.xlsx"),
                ("rId2", "chartStyle", "style7.xml"),
            ]),
        ),
        ("word/charts/style7.xml", "<style/>"),
        ("word/embeddings/book7.xlsx", "workbook bytes"),
        ("word/header1.xml", "<w:hdr/>"),
    ])
}

fn values() -> Value {
    let document = SubDocument::new(&guest()).unwrap_or_else(|error| panic!("{error}"));
    context! { guest => Value::from(document), n => vec![1, 2] }
}

fn document(body: &str) -> (String, Vec<u8>) {
    let out = fill(&host(body), values());
    (entry(&out, "word/document.xml"), out)
}

#[test]
fn the_body_takes_the_place_of_its_tag() {
    let (document, _) = document(&(p("before") + &p("{{p guest }}") + &p("after")));
    assert_eq!(
        text(&document),
        "before¶Inside & out¶link¶item¶¶¶cell¶after¶"
    );
    for gone in ["sectPr", "commentRange", "paraId", "rsid", "{{"] {
        assert!(!document.contains(gone), "{gone}: {document}");
    }
    assert!(
        document.contains("</w:tbl><w:p/><w:p><w:r><w:t>after"),
        "{document}"
    );
    assert!(document.contains("xmlns:wp=\"wp\""), "{document}");
}

#[test]
fn styles_are_those_of_the_template_or_come_along() {
    let (document, out) = document(&(p("{{p guest }}") + &p("{{p guest }}")));
    assert_eq!(document.matches("<w:pStyle w:val=\"Title1\"/>").count(), 2);
    assert_eq!(document.matches("<w:pStyle w:val=\"Taken2\"/>").count(), 2);
    let styles = entry(&out, "word/styles.xml");
    let new = "<w:style w:type=\"paragraph\" w:styleId=\"Base\"><w:name w:val=\"Base\"/></w:style>\
        <w:style w:type=\"paragraph\" w:styleId=\"Taken2\"><w:name w:val=\"boxed\"/><w:basedOn w:val=\"Base\"/><w:next w:val=\"Taken2\"/>\
        <w:pPr><w:numPr><w:numId w:val=\"10\"/></w:numPr></w:pPr></w:style></w:styles>";
    assert!(styles.ends_with(new), "{styles}");
    let before = entry(&host(""), "word/styles.xml");
    assert!(styles.starts_with(before.trim_end_matches("</w:styles>")));
}

#[test]
fn lists_come_along_and_begin_anew() {
    let (document, out) = document(&(p("{{p guest }}") + &p("{{p guest }}")));
    let numbers: Vec<&str> = document
        .split("<w:numId w:val=\"")
        .skip(1)
        .map(|at| &at[..2])
        .collect();
    // The style that came along has list 10.
    assert_eq!(numbers, ["10", "11", "11"]);
    let numbering = entry(&out, "word/numbering.xml");
    let kind = "<w:abstractNum w:abstractNumId=\"8\"><w:multiLevelType w:val=\"multilevel\"/>\
        <w:lvl w:ilvl=\"0\"><w:start w:val=\"4\"/><w:numFmt w:val=\"decimal\"/></w:lvl></w:abstractNum><w:num w:numId=\"9\">";
    assert!(numbering.contains(kind), "{numbering}");
    assert!(numbering.contains("<w:num w:numId=\"10\"><w:abstractNumId w:val=\"8\"/></w:num>"));
    assert!(numbering.contains("<w:num w:numId=\"11\"><w:abstractNumId w:val=\"8\"/><w:lvlOverride w:ilvl=\"0\"><w:startOverride w:val=\"4\"/>"));
}

#[test]
fn lists_of_the_templates_own_styles_are_counted_apart() {
    let styled = "<w:pPr><w:numPr><w:numId w:val=\"9\"/></w:numPr><w:ind w:left=\"5\"/></w:pPr>";
    let level = |format: &str| {
        format!(
            "<w:lvl w:ilvl=\"0\"><w:start w:val=\"2\"/><w:numFmt w:val=\"{format}\"/><w:pStyle w:val=\"Own\"/></w:lvl>"
        )
    };
    let package = |body: &str, format: &str| {
        let numbering = format!(
            "<w:numbering xmlns:w=\"{NAMESPACE}\"><w:abstractNum w:abstractNumId=\"7\">{}</w:abstractNum><w:num w:numId=\"9\"><w:abstractNumId w:val=\"7\"/></w:num></w:numbering>",
            level(format)
        );
        docx_with(
            body,
            &[
                (
                    "word/_rels/document.xml.rels",
                    &relations(&[
                        ("a", "styles", "styles.xml"),
                        ("b", "numbering", "numbering.xml"),
                    ]),
                ),
                (
                    "word/styles.xml",
                    &styles(&[("paragraph", "Own", "own", styled)]),
                ),
                ("word/numbering.xml", &numbering),
            ],
        )
    };
    let item = "<w:p><w:pPr><w:pStyle w:val=\"Own\"/><w:jc w:val=\"left\"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>";
    let given = |format: &str| {
        let guest = SubDocument::new(&package(&item.repeat(2), format)).unwrap();
        let body = p("{{p guest }}") + &p("{{p guest }}");
        let out = fill(
            &package(&body, format),
            context! { guest => Value::from(guest) },
        );
        (
            entry(&out, "word/document.xml"),
            entry(&out, "word/numbering.xml"),
        )
    };
    let (document, numbering) = given("decimal");
    let expected = |number: u32| {
        format!(
            "<w:pStyle w:val=\"Own\"/><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"{number}\"/></w:numPr><w:ind w:left=\"5\"/><w:jc "
        )
    };
    for number in [10, 11] {
        assert_eq!(document.matches(&expected(number)).count(), 2, "{document}");
    }
    let level = level("decimal").replace("<w:pStyle w:val=\"Own\"/>", "");
    assert!(
        numbering.contains(&format!(
            "<w:abstractNum w:abstractNumId=\"8\">{level}</w:abstractNum>"
        )),
        "{numbering}"
    );
    // Bullets count nothing.
    let (document, numbering) = given("bullet");
    assert!(!document.contains("numPr") && !numbering.contains("w:numId=\"10\""));
    assert_eq!(document.matches(item).count(), 4, "{document}");
}

#[test]
fn pictures_links_and_charts_come_along_once() {
    let (document, out) = document(&(p("{{p guest }}") + &p("{{p guest }}")));
    let relations = entry(&out, "word/_rels/document.xml.rels");
    let id_of = |target: &str| {
        let at = relations
            .find(&format!("Target=\"{target}\""))
            .unwrap_or_else(|| panic!("{target}: {relations}"));
        let (_, id) = relations[..at].rsplit_once("Id=\"").unwrap();
        id.split('"').next().unwrap()
    };
    let link = id_of("https://example.com/?a=1&amp;b=2");
    let (picture, chart) = (id_of("media/image1.png"), id_of("charts/chart1.xml"));
    for (attribute, id) in [("r:id", link), ("r:embed", picture), ("r:id", chart)] {
        assert_eq!(
            document.matches(&format!("{attribute}=\"{id}\"")).count(),
            2,
            "{document}"
        );
    }
    assert_eq!(entry(&out, "word/media/image1.png"), "picture bytes");
    let inner = entry(&out, "word/charts/_rels/chart1.xml.rels");
    assert!(
        inner.contains("Target=\"/word/embeddings/book1.xlsx\""),
        "{inner}"
    );
    assert!(inner.contains("Target=\"style1.xml\""), "{inner}");
    assert_eq!(entry(&out, "word/embeddings/book1.xlsx"), "workbook bytes");
    assert!(entry(&out, "word/charts/chart1.xml").contains("<c:externalData r:id=\"rId1\"/>"));
    let types = entry(&out, "[Content_Types].xml");
    for part in [
        "/word/charts/chart1.xml",
        "/word/charts/style1.xml",
        "Extension=\"png\"",
        "Extension=\"xlsx\"",
    ] {
        assert_eq!(types.matches(part).count(), 1, "{part}: {types}");
    }
    let ids: Vec<&str> = document
        .split("<wp:docPr id=\"")
        .skip(1)
        .map(|at| at.split('"').next().unwrap())
        .collect();
    let different: std::collections::HashSet<&&str> = ids.iter().collect();
    assert_eq!((ids.len(), different.len()), (4, 4), "{document}");
    for kind in ["Start", "End"] {
        let marks = document
            .matches(&format!("<w:bookmark{kind} w:id=\""))
            .count();
        assert_eq!(marks, 2);
    }
}

#[test]
fn it_may_stand_in_loops_cells_and_headers() {
    let table = format!("<w:tbl><w:tr>{}</w:tr></w:tbl>", cell("{{p guest }}"));
    let (out, _) = document(&(p("{%p for x in n %}") + &table + &p("{%p endfor %}")));
    assert_eq!(text(&out).matches("item¶").count(), 2);
    assert_eq!(out.matches("</w:tbl><w:p/></w:tc>").count(), 2, "{out}");
    let header = format!(
        "<w:hdr xmlns:w=\"{NAMESPACE}\">{}</w:hdr>",
        p("{{p guest }}")
    );
    let package = docx_with("<w:p/>", &[("word/header1.xml", &header)]);
    let out = fill(&package, values());
    assert!(text(&entry(&out, "word/header1.xml")).starts_with("Inside & out¶"));
    let relations = entry(&out, "word/_rels/header1.xml.rels");
    assert_eq!(
        relations.matches("<Relationship ").count(),
        3,
        "{relations}"
    );
    // A template without styles and lists gets the parts.
    let main = entry(&out, "word/_rels/document.xml.rels");
    assert!(
        main.contains("Target=\"styles.xml\"") && main.contains("Target=\"numbering.xml\""),
        "{main}"
    );
}

#[test]
fn what_cannot_be_inserted_is_refused() {
    let check = |package: &[u8], part: &str| match SubDocument::new(package) {
        Err(error) => assert!(error.to_string().contains(part), "{error}"),
        Ok(_) => panic!("{part}"),
    };
    check(b"no package", "not a Word document");
    check(
        &docx("<w:p><w:r><w:footnoteReference w:id=\"1\"/></w:r></w:p>"),
        "footnotes, which cannot be inserted",
    );
    let strict = format!("<w:document xmlns:w=\"{NAMESPACE}/strict\"><w:body/></w:document>");
    check(
        &package(&[
            ("[Content_Types].xml", &content_types("")),
            ("word/document.xml", &strict),
        ]),
        "another format than Word's usual one",
    );
    let dangling = format!(
        "<w:document xmlns:w=\"{NAMESPACE}\" xmlns:r=\"{RELATED}\"><w:body><w:p r:id=\"rId9\"/></w:body></w:document>"
    );
    check(
        &package(&[
            ("[Content_Types].xml", &content_types("")),
            ("word/document.xml", &dangling),
        ]),
        "something that cannot be inserted (missing)",
    );
    check(&docx_with("", &[("word/vbaProject.bin", "x")]), "macros");
    let refused = Template::compile(&docx(&p("{{ guest }}")))
        .unwrap()
        .render(values(), std::io::sink());
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("a document needs a")
    );
    assert!(
        render_error(&p("{{p guest + 1 }}"), values())
            .to_string()
            .contains("{{p guest + 1 }}")
    );
    assert!(matches!(
        SubDocument::new(&docx("<w:p>")),
        Err(TemplateError::Damaged { .. })
    ));
}

#[test]
fn an_empty_document_leaves_nothing_but_what_a_cell_needs() {
    let empty = Value::from(SubDocument::new(&docx("")).unwrap());
    let table = format!("<w:tbl><w:tr>{}</w:tr></w:tbl>", cell("{{p guest }}"));
    let out = fill(&docx(&table), context! { guest => empty });
    assert!(entry(&out, "word/document.xml").contains("<w:tc><w:p/></w:tc>"));
}
