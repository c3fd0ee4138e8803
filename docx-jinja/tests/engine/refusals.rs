//! Packages that are not opened, each beside a twin that is.

use docx_jinja::minijinja::context;
use docx_jinja::{Limits, Options, Template, TemplateError};

use crate::support::{
    compile_error, content_types, docx, docx_with, entry, fill, p, package, part, render_error,
    text,
};

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

/// Compiles a body: it is refused, or a tag in it is a fault, with these words; or all is well.
fn check_body(body: &str, told: Option<&str>) {
    match (Template::compile(&docx(body)), told) {
        (Ok(_), None) => {}
        (Err(error @ (TemplateError::Refused { .. } | TemplateError::Tags(_))), Some(told)) => {
            assert!(error.to_string().contains(told), "{body}: {error}");
        }
        (got, _) => panic!("{body}: {got:?}"),
    }
}

#[test]
fn field_codes_are_read_as_word_reads_them() {
    let run = |content: &str| format!("<w:r>{content}</w:r>");
    let mark = |kind: &str| run(&format!("<w:fldChar w:fldCharType=\"{kind}\"/>"));
    let code = |text: &str| run(&format!("<w:instrText>{text}</w:instrText>"));
    let shown = |text: &str| run(&format!("<w:t>{text}</w:t>"));
    let nested = |text: &str| mark("begin") + &code(text) + &mark("end");
    let field = |code: &str, result: &str| {
        let (begin, middle, end) = (mark("begin"), mark("separate"), mark("end"));
        format!("<w:p>{begin}{code}{middle}{result}{end}</w:p>")
    };
    let check = |code: &str, told| check_body(&field(code, &shown("1")), told);
    let include = code(" INCLUDETEXT \"file:///etc/passwd\" ");
    let reaches = Some("reaches outside the document (INCLUDETEXT)");
    let tag = Some("a tag inside a field's code");
    // Tags beside a field and in what it shows.
    let beside = |inner: &str| shown("{%r if true %}") + inner + &shown("{%r endif %}");
    check_body(&field(&code(" PAGE "), &shown("{{ 1 }}")), None);
    check_body(&field(&code(" PAGE "), &beside(&shown("1"))), None);
    let whole = field(&code(" PAGE "), &shown("1"));
    let whole = whole.trim_start_matches("<w:p>").trim_end_matches("</w:p>");
    check_body(&format!("<w:p>{}</w:p>", beside(whole)), None);
    check(&(beside(&code(" PAGE ")) + &include), tag);
    check(&(code(" PAGE ") + &shown(" {{ x }} ")), tag);
    check(&(code(" PAGE ") + &shown("#} x")), tag);
    check(
        &(code(" PAGE ") + "<w:r><w:sym w:char=\"a\"/><m:t>{{ x }}</m:t></w:r>"),
        tag,
    );
    // Text that is no code by its element.
    check(&shown(" PAGE "), None);
    check(&shown(" INCLUDETEXT \"file:///etc/passwd\" "), reaches);
    check(&(shown("INCLUDE") + &code("TEXT x")), reaches);
    check(&(shown("QUOTE ") + &include), reaches);
    check(
        &shown(" HYPERLINK \"file:///etc/passwd\" "),
        Some("not http, https or mailto"),
    );
    check(&code("HYPERLINK\"https://example.org\""), None);
    check(
        &code("HYPERLINK\"file:///etc/passwd\""),
        Some("not http, https or mailto"),
    );
    // Quotes and tabs around the name.
    check(&code(" \"PAGE\" "), None);
    check(&code(" \"INCLUDETEXT\" \"file:///etc/passwd\" "), reaches);
    check(&code("\"&#34;INCLUDETEXT c:\\x"), reaches);
    check(
        &(code("INCLUDETEXT") + &run("<w:tab/>") + &code("c:\\x")),
        reaches,
    );
    // Fields in codes.
    check(&(code("=") + &nested(" PAGE ") + &code("-1")), None);
    check(
        &(code(" IF ") + &nested(" PAGE ") + &code(" = 1 a b")),
        None,
    );
    let another = Some("whose code is another field");
    check(
        &(code("D") + &nested(" QUOTE DE ") + &code(" cmd")),
        another,
    );
    check(
        "<w:fldSimple w:instr=\"QUOTE DDE\"><w:r><w:t>PAGE</w:t></w:r></w:fldSimple>",
        another,
    );
    check_body(
        "<w:p><w:r><w:fldChar w:fldCharType=\"{{ x }}\"/></w:r></w:p>",
        Some("whose mark is a tag"),
    );
}

#[test]
fn names_of_the_engine_are_not_for_authors() {
    let told = Some("names that begin with __ belong to the engine");
    let check = |tag: &str, told| check_body(&p(tag), told);
    check("{{ _a ~ d__e ~ x.__len ~ '__kept' }}", None);
    check("{{ [x]|map('upper')|first }}", None);
    check("{# __kept #}{% raw %}{{ __kept }}{% endraw %}", None);
    for tag in [
        "{{ __kept(x, []) }}",
        "{{ __picture(x, []) }}",
        "{{ 'v'|__runs('&lt;w:object/&gt;', false) }}",
        "{{ 'v'|upper|__blocks(x, x) }}",
        "{{ [__kept][0](x, []) }}",
        "{{ ['x']|map('__plain')|first }}",
        "{{ ['x']|map(\"\\x5f_runs\", x, false)|first }}",
        "{{ ['x']|select('__x')|list }}",
        "{% set f = __kept %}",
        "{% set __end_of_row = x %}",
        "{% set q | __plain %}{% endset %}",
        "{% for __x in [1] %}{% endfor %}",
        "{% macro __kept(a, b) %}{% endmacro %}",
        "{% filter __runs(x, false) %}{% endfilter %}",
        "{% call __kept(x, []) %}{% endcall %}",
        "{% if x %}{% elif __kept %}{% endif %}",
        "{{r 'v'|__runs(x, false) }}",
    ] {
        check(tag, told);
    }
    check_body(
        "<w:p><w:bookmarkStart w:name=\"{{ __kept('a', []) }}\"/></w:p>",
        told,
    );
    let chart = |rows: &str| {
        format!(
            "<w:p><w:r><w:drawing><wp:inline><wp:docPr id=\"1\" name=\"a\" descr=\"chart: {rows}\"/></wp:inline></w:drawing></w:r></w:p>"
        )
    };
    check_body(&chart("rows) ~ __kept('x', []) ~ (1"), told);
    check_body(&chart("rows, __texts=[1]"), told);
    check_body(&chart("rows, title='"), Some("look at its quotes"));
    check_body(
        &chart("rows"),
        Some("there is no chart at this alternative text"),
    );
    // A name that is a value shows when it is used.
    for tag in [
        "{{ ['v']|map('_' ~ '_runs', x, false)|first }}",
        "{{ ['v']|map(n, x, false)|first }}",
        "{{ [['v']]|map('map', n, x, false)|first }}",
        "{{ ['v']|map(*[n, x, false])|first }}",
    ] {
        let error = render_error(&p(tag), context! { n => "__runs", x => "<w:object/>" });
        assert!(
            error.to_string().contains("belong to the engine"),
            "{tag}: {error}"
        );
    }
    let filled = fill(
        &docx(&p("{{ ['v']|map(n)|first }}")),
        context! { n => "upper" },
    );
    assert_eq!(text(&entry(&filled, "word/document.xml")), "V¶");
}

#[test]
fn references_are_not_filled() {
    let told = Some("a tag in a reference");
    let shape = |attributes: &str| {
        format!(
            "<w:p><w:r><w:pict><v:shape><v:imagedata {attributes}/></v:shape></w:pict></w:r></w:p>"
        )
    };
    check_body(&shape("o:title=\"{{ x }}\" r:id=\"rId1\""), None);
    check_body(&shape("src=\"media/image1.png\" alt=\"{{ x }}\""), None);
    check_body("<w:p><w:hyperlink w:anchor=\"{{ x }}\"/></w:p>", None);
    for attribute in [
        "src",
        "o:href",
        "href",
        "o:althref",
        "r:id",
        "r:link",
        "o:relid",
        "xmlns:w",
        "xmlns",
    ] {
        check_body(&shape(&format!("{attribute}=\"{{{{ x }}}}\"")), told);
        check_body(&shape(&format!("{attribute} = 'a&#123;{{ x }}'")), told);
    }
    let bound = "xmlns:q=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
    check_body(
        &format!("<w:p {bound}><w:hyperlink q:id=\"{{{{ x }}}}\"/></w:p>"),
        told,
    );
    check_body(
        "<w:p xmlns:q=\"urn:q\"><w:hyperlink q:id=\"{{ x }}\"/></w:p>",
        None,
    );
}

#[test]
fn text_that_hides_from_checks_is_refused() {
    let told = Some("a CDATA section");
    check_body(&p("<!-- {{ -->{{ 1 }}"), None);
    check_body(&p("&lt;![CDATA[x]]&gt;"), None);
    check_body(&p("<![CDATA[{{ x }}]]>"), told);
    check_body(
        "<w:p><w:r><w:instrText><![CDATA[ DDE x ]]></w:instrText></w:r></w:p>",
        told,
    );
    let item = |text: &str| compile_error(&docx_with(&p("x"), &[("customXml/item1.xml", text)]));
    assert!(item("<a><![CDATA[x]]></a>").to_string().contains("CDATA"));
}

#[test]
fn links_get_ids_of_their_own() {
    let check = |id: &str| {
        let relationships = relationship("hyperlink", "https://old.example", EXTERNAL);
        let relationships = relationships.replace("\"rId1\"", &format!("\"{id}\""));
        let template = docx_with(
            &p("{{r 'https://a.example'|link('a') }}{{r 'https://b.example'|link('b') }}"),
            &[("word/_rels/document.xml.rels", &relationships)],
        );
        let text = entry(
            &fill(&template, context! {}),
            "word/_rels/document.xml.rels",
        );
        let mut ids: Vec<&str> = text
            .split(" Id=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert_eq!(ids.len(), 3, "{text}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3, "{text}");
    };
    check("rId7");
    check("rId4294967295");
    check("rId1000000000");
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

/// Films, sounds and frames lead out of the document whether they name a relationship or hold an address themselves.
#[test]
fn what_plays_or_loads_from_elsewhere_is_refused() {
    let check = |inside: &str, told: Option<&str>| {
        let run = format!("<w:p><w:r><w:drawing>{inside}</w:drawing></w:r></w:p>");
        check_body(&run, told);
    };
    let video = "<a:blip><a:extLst><a:ext><wp15:webVideoPr embeddedHtml=\"&lt;iframe src=&quot;https://example.org&quot;&gt;\"/>\
                 </a:ext></a:extLst></a:blip>";
    check(video, Some("an online video"));
    check("<x:webVideoPr/>", Some("an online video"));
    let linked = Some("a picture that is linked instead of embedded");
    check("<a:blip r:link=\"rId1\"/>", linked);
    check("<a:blip r:embed=\"rId1\" r:link=\"rId2\"/>", linked);
    check("<v:imagedata r:href=\"rId1\"/>", linked);
    check("<v:imagedata r:pict=\"rId1\"/>", linked);
    check("<a:blip r:embed=\"rId1\"/>", None);
    check("<a:videoFile r:link=\"rId1\"/>", Some("a film"));
    check("<a:quickTimeFile r:link=\"rId1\"/>", Some("a film"));
    check("<a:audioFile r:link=\"rId1\"/>", Some("a sound"));
    check("<we:webextensionref/>", Some("a web add-in"));
    check("<w:objectEmbed r:id=\"rId1\"/>", Some("an embedded OLE"));
    check("<w:objectLink r:id=\"rId1\"/>", Some("a linked OLE"));
    check("<w:movie r:id=\"rId1\"/>", Some("a film"));
    check("<w:frameset/>", Some("frames of a web page"));
    check("<w:saveThroughXslt/>", Some("a transformation"));
    // Names that only look alike.
    check(
        "<a:videoFiles/><wp15:webVideo/><w:frame/><w:framePr/>",
        None,
    );
}
