//! Packages that are not opened, each beside a twin that is.

use docx_jinja::{Limits, Options, Template, TemplateError};

use crate::support::{compile_error, content_types, docx, docx_with, p, package, part};

fn relationship(kind: &str, target: &str, mode: &str) -> String {
    format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
         Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{target}\"{mode}/></Relationships>"
    )
}

/// Checks one relationship of the main document: refused with this message, or allowed.
fn check_relationship(kind: &str, target: &str, mode: &str, refused: Option<&str>) {
    let text = relationship(kind, target, mode);
    let package = docx_with(&p("x"), &[("word/_rels/document.xml.rels", &text)]);
    match (Template::compile(&package), refused) {
        (Ok(_), None) => {}
        (Err(error @ TemplateError::Refused { .. }), Some(part)) => {
            assert!(error.to_string().contains(part), "{error}");
        }
        (got, _) => panic!("{kind} {target}: {got:?}"),
    }
}

const EXTERNAL: &str = " TargetMode=\"External\"";

#[test]
fn hyperlinks_lead_to_the_web_and_to_mail() {
    let check = |target: &str, refused| check_relationship("hyperlink", target, EXTERNAL, refused);
    check("https://example.org/?a=1&amp;b=2", None);
    check("mailto:a@example.org", None);
    check("HTTP://EXAMPLE.ORG", None);
    let refused = Some("not http, https or mailto");
    check("file:///etc/passwd", refused);
    check("\\\\host\\share", refused);
    check("ftp://example.org", refused);
    check_relationship(
        "hyperlink",
        "javascript:alert(1)",
        " TargetMode=\"external\"",
        refused,
    );
}

#[test]
fn other_relationships_stay_inside() {
    let check = check_relationship;
    check("image", "media/image1.png", "", None);
    let linked = Some("linked instead of embedded");
    check("image", "http://example.org/x.png", EXTERNAL, linked);
    check(
        "image",
        "http://example.org/x.png",
        " TargetMode='Extern&#97;l'",
        linked,
    );
    check(
        "attachedTemplate",
        "file:///C:/x.dotm",
        EXTERNAL,
        Some("another template file"),
    );
    check(
        "frame",
        "https://example.org",
        EXTERNAL,
        Some("a file outside the template"),
    );
    check("oleObject", "embeddings/x.bin", "", Some("OLE"));
    check("aFChunk", "x.html", "", Some("foreign document"));
    check("control", "activeX.xml", "", Some("ActiveX"));
}

#[test]
fn fields_do_not_reach_outside() {
    let field = |codes: &[&str]| {
        let character = |kind| format!("<w:r><w:fldChar w:fldCharType=\"{kind}\"/></w:r>");
        let codes = codes
            .iter()
            .map(|code| format!("<w:r><w:instrText>{code}</w:instrText></w:r>"));
        let (begin, middle, end) = (character("begin"), character("separate"), character("end"));
        format!(
            "<w:p>{begin}{}{middle}{end}</w:p>",
            codes.collect::<String>()
        )
    };
    let simple = |code: &str| format!("<w:p><w:fldSimple w:instr=\"{code}\"/></w:p>");
    let check = |body: &str, refused: Option<&str>| match (Template::compile(&docx(body)), refused)
    {
        (Ok(_), None) => {}
        (Err(error @ TemplateError::Refused { .. }), Some(name)) => {
            assert!(error.to_string().contains(&format!("({name})")), "{error}");
        }
        (got, _) => panic!("{body}: {got:?}"),
    };
    check(&field(&[" PAGE "]), None);
    check(&field(&[" HYPERLINK \"https://example.org/LINK\" "]), None);
    check(&simple(" NUMPAGES "), None);
    check(
        &field(&[" INCLUDETEXT \"file:///etc/passwd\" "]),
        Some("INCLUDETEXT"),
    );
    check(&field(&[" INCL", "UDEPICTURE x"]), Some("INCLUDEPICTURE"));
    check(&field(&["&#68;DE cmd"]), Some("DDE"));
    check(&simple("link Excel.Sheet x"), Some("LINK"));
    check(
        "<w:p><w:r><w:instrText>DDEAUTO x</w:instrText></w:r></w:p>",
        Some("DDEAUTO"),
    );
    check(
        &field(&[
            " IF 1 = 1 ",
            "</w:instrText></w:r><w:r><w:fldChar w:fldCharType='begin'/><w:instrText>IMPORT x",
        ]),
        Some("IMPORT"),
    );
}

#[test]
fn entries_stay_inside_and_are_not_active() {
    let check = |name: &str, refused: Option<&str>| {
        let result = Template::compile(&docx_with(&p("x"), &[(name, "x")]));
        match (result, refused) {
            (Ok(_), None) => {}
            (Err(error @ TemplateError::Refused { .. }), Some(part)) => {
                assert!(error.to_string().contains(part), "{error}");
            }
            (got, _) => panic!("{name}: {got:?}"),
        }
    };
    check("word/media/image..1.png", None);
    check("word/embeddings/sheet1.xlsx", None);
    check("../evil.xml", Some("leaves the package"));
    check("word/../../evil", Some("leaves the package"));
    check("/etc/passwd", Some("leaves the package"));
    check("C:\\evil", Some("leaves the package"));
    check("word\\evil", Some("leaves the package"));
    check("word/vbaProject.bin", Some("macros"));
    check("word/activeX/activeX1.xml", Some("ActiveX"));
    check("word/embeddings/oleObject1.bin", Some("OLE"));
    check("WORD/Document.xml", Some("the same entry twice"));
}

#[test]
fn types_tell_macros_and_templates() {
    let check = |from: &str, to: &str, part_of_message: &str| {
        let types = content_types("").replacen(from, to, 1);
        let document = part("document", "");
        let error = compile_error(&package(&[
            ("[Content_Types].xml", &types),
            ("word/document.xml", &document),
        ]));
        assert!(error.to_string().contains(part_of_message), "{error}");
    };
    check(
        "vnd.openxmlformats-officedocument.wordprocessingml.document.main",
        "vnd.ms-word.document.macroEnabled.main",
        "macros",
    );
    check(
        "document.main+xml",
        "template.main+xml",
        "a Word template type",
    );
    check(
        "document.main+xml",
        "document.other+xml",
        "it has no main document",
    );
}

#[test]
fn what_is_not_a_package_says_so() {
    let check = |bytes: &[u8], part: &str| {
        let error = compile_error(bytes).to_string();
        assert!(error.contains(part), "{error}");
    };
    check(b"", "not a Word document");
    check(b"PK\x03\x04 nonsense", "not a Word document");
    check(
        &[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, 0, 0],
        "encrypted",
    );
    check(
        &package(&[("a.xml", "<a/>")]),
        "[Content_Types].xml is missing",
    );
    let good = docx(&p("x"));
    check(&good[..good.len() - 30], "not a Word document");
    check(&docx_with("<w:p>", &[]), "word/document.xml is damaged");
    check(
        &docx_with(&p("x"), &[("word/header1.xml", "<w:hdr>{</w:p>")]),
        "word/header1.xml is damaged",
    );
}

#[test]
fn document_types_are_refused_in_every_part_and_encoding() {
    let check = |bytes: &str| {
        let error = compile_error(&docx_with(&p("x"), &[("customXml/item1.xml", bytes)]));
        assert!(error.to_string().contains("document type"), "{error}");
    };
    check("<!DOCTYPE a><a/>");
    check(
        &"<!DOCTYPE a><a/>"
            .chars()
            .flat_map(|c| [c, '\0'])
            .collect::<String>(),
    );
    Template::compile(&docx_with(&p("x"), &[("customXml/item1.xml", "<a/>")])).unwrap();
}

#[test]
fn sizes_are_bounded_by_what_is_really_inflated() {
    let bomb = "x".repeat(6 * 1024 * 1024);
    let packed = docx_with(&p("x"), &[("word/media/a.bin", &bomb)]);
    assert!(packed.len() < 20_000);
    assert!(matches!(
        compile_error(&packed),
        TemplateError::TooLarge {
            what: "the growth when unpacked",
            ..
        }
    ));
    let with = |limits: Limits| {
        let options = Options {
            limits,
            ..Options::default()
        };
        let package = docx_with(&p("x"), &[("word/media/a.bin", "abc")]);
        Template::compile_with(&package, options)
            .map(drop)
            .map_err(|error| error.to_string())
    };
    with(Limits::default()).unwrap();
    let check = |limits: Limits, part: &str| {
        let message = with(limits).unwrap_err();
        assert!(message.contains(part), "{message}");
    };
    check(
        Limits {
            package_bytes: 100,
            ..Limits::default()
        },
        "the file in bytes is over the limit of 100",
    );
    check(
        Limits {
            entries: 2,
            ..Limits::default()
        },
        "the number of entries",
    );
    check(
        Limits {
            inflated_bytes: 100,
            ..Limits::default()
        },
        "the unpacked size",
    );
    check(
        Limits {
            xml_bytes: 100,
            ..Limits::default()
        },
        "an XML part",
    );
}
