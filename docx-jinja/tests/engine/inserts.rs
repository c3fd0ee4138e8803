//! Values that become more than text: `{{r }}`, `{{p }}`, pictures and links.

use docx_jinja::minijinja::context;
use docx_jinja::values::{Assets, Length, Link, Look, Picture, RichText};
use docx_jinja::{Template, Value};

use crate::support::{
    body, cell, docx, docx_with, entry, fill, names, p, package, render_error, row, text,
};

const RELS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
    <Relationship Id=\"rId4\" Type=\"http://x/styles\" Target=\"styles.xml\"/></Relationships>";
const STYLES: &str = "<w:styles><w:style w:type=\"character\" w:styleId=\"Verweis\"><w:name w:val=\"Hyperlink\"/></w:style></w:styles>";

/// A GIF of 200 by 100 pixels, told apart by its last byte.
fn gif(last: u8) -> Vec<u8> {
    [b"GIF89a\xc8\0\x64\0\0\0\0", &[last][..]].concat()
}

fn picture(last: u8) -> Value {
    Picture::new(gif(last)).unwrap().into()
}

fn with_rels(body: &str) -> Vec<u8> {
    docx_with(
        body,
        &[
            ("word/_rels/document.xml.rels", RELS),
            ("word/styles.xml", STYLES),
            ("word/media/image1.gif", "taken"),
        ],
    )
}

#[test]
fn runs_split_the_run_around_them_and_keep_its_look() {
    let bold = |text: &str| format!("<w:r><w:rPr><w:b/></w:rPr><w:t{text}</w:t></w:r>");
    let preserved = |text: &str| bold(&format!(" xml:space=\"preserve\">{text}"));
    let template = format!("<w:p>{}</w:p>", bold(">a {{r v }} b"));
    let got = body(&template, context! { v => "<x>\ny" });
    let value = "&lt;x&gt;</w:t><w:br/><w:t xml:space=\"preserve\">y";
    let expected = format!(
        "<w:p>{}{}{}</w:p>",
        preserved("a "),
        preserved(value),
        preserved(" b")
    );
    assert_eq!(got, expected);
    // Quotes and backslashes of a font's name pass through the engine's source.
    let odd =
        "<w:p><w:r><w:rPr><w:rFonts w:ascii='a\"\\n'/></w:rPr><w:t>{{r v }}</w:t></w:r></w:p>";
    let got = body(odd, context! { v => () });
    assert_eq!(
        got.matches("<w:rFonts w:ascii='a\"\\n'/>").count(),
        2,
        "{got}"
    );
    let many = p("{% for i in n %}{{r i }}{% if not loop.last %}, {% endif %}{% endfor %}");
    assert_eq!(
        text(&body(&many, context! { n => vec![1, 2, 3] })),
        "1, 2, 3¶"
    );
    let captured = p("{% set x %}a{{r v }}b{% endset %}{{ x }}|{{ x|upper }}|{{r x }}");
    assert_eq!(
        text(&body(&captured, context! { v => "&" })),
        "a&b|A&B|a&b¶"
    );
}

#[test]
fn blocks_take_the_place_of_their_paragraph() {
    let template = "<w:p><w:pPr><w:jc w:val=\"center\"/></w:pPr><w:r><w:rPr><w:i/></w:rPr><w:t>{{p </w:t></w:r><w:r><w:t>v }}</w:t></w:r></w:p>";
    let paragraph = |text: &str| {
        format!(
            "<w:p><w:pPr><w:jc w:val=\"center\"/></w:pPr><w:r><w:rPr><w:i/></w:rPr><w:t xml:space=\"preserve\">{text}</w:t></w:r></w:p>"
        )
    };
    let expected = [paragraph("a&amp;"), paragraph(""), paragraph("b")].concat();
    assert_eq!(body(template, context! { v => "a&\r\n\nb" }), expected);
    let cells = format!("<w:tbl>{}</w:tbl>", row(&["{{p v }}"]));
    assert_eq!(
        body(&cells, context! { v => () }),
        "<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    );
    let choice = p("{%p if v %}{{p v }}{%p endif %}")
        + &p("{%p for x in xs %}")
        + &p("{{p x }}")
        + &p("{%p endfor %}");
    assert_eq!(
        text(&body(
            &choice,
            context! { v => false, xs => vec!["1", "2"] }
        )),
        "1¶2¶"
    );
    let section = "<w:p><w:pPr><w:jc/><w:sectPr><w:cols/></w:sectPr></w:pPr><w:r><w:t>{{p v }}</w:t></w:r></w:p>";
    assert_eq!(
        body(section, context! { v => "a" }),
        "<w:p><w:pPr><w:jc/></w:pPr><w:r><w:t xml:space=\"preserve\">a</w:t></w:r></w:p>\
         <w:p><w:pPr><w:sectPr><w:cols/></w:sectPr></w:pPr></w:p>"
    );
}

#[test]
fn places_without_room_are_refused() {
    let refused = |body: &str, expected: &str| {
        let error = Template::compile(&docx(body)).expect_err(body).to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(&p("before {{p v }}"), "its paragraph holds other content");
    refused(
        "<w:p><w:r><w:rPr><w:color w:val=\"{{ c }}\"/></w:rPr><w:t>{{r v }}</w:t></w:r></w:p>",
        "the look of its run holds a tag",
    );
    refused(
        "<w:p><w:t>{{r v }}</w:t></w:p>",
        "it does not stand inside a run",
    );
    let link = || Value::from(Link::new("https://a.example", "a"));
    let error = render_error(&p("{{ v }}"), context! { v => link() }).to_string();
    assert_eq!(
        error,
        "document, paragraph 1: {{ v }}: a hyperlink needs a run of its own\nhint: write {{r … }}"
    );
    // In an attribute or a property, a value is its text.
    let got = body("<w:p w:a=\"{{ v }}\"/>", context! { v => link() });
    assert_eq!(got, "<w:p w:a=\"a\"/>");
    assert_eq!(
        text(&body(
            &p("{{ v|upper }} {{ v ~ 1 }}"),
            context! { v => link() }
        )),
        "A a1¶"
    );
}

#[test]
fn links_lead_to_the_web_in_the_templates_own_style() {
    let template = with_rels(&p("see {{r v|link(\"here\") }}, {{r v|link }}"));
    let out = fill(&template, context! { v => "https://a.example/?x=1&y=2" });
    let document = entry(&out, "word/document.xml");
    assert_eq!(text(&document), "see here, https://a.example/?x=1&y=2¶");
    assert_eq!(
        document
            .matches(
                "r:id=\"rId5\" w:history=\"1\"><w:r><w:rPr><w:rStyle w:val=\"Verweis\"/></w:rPr>"
            )
            .count(),
        2
    );
    let added = "<Relationship Id=\"rId5\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink\" \
        Target=\"https://a.example/?x=1&amp;y=2\" TargetMode=\"External\"/></Relationships>";
    assert_eq!(
        entry(&out, "word/_rels/document.xml.rels"),
        RELS.replace("</Relationships>", added)
    );
    assert_eq!(
        entry(&out, "[Content_Types].xml"),
        entry(&template, "[Content_Types].xml")
    );
    let plain = fill(&docx(&p("{{r v|link }}")), context! { v => "https://b" });
    let document = entry(&plain, "word/document.xml");
    assert!(
        document.contains("<w:color w:val=\"0563C1\"/><w:u w:val=\"single\"/>"),
        "{document}"
    );
    assert!(entry(&plain, "word/_rels/document.xml.rels").contains("Target=\"https://b\""));
    // Anything else is text, and inside a link there is no other.
    let inside = "<w:p><w:hyperlink><w:r><w:t>{{r v|link }}</w:t></w:r></w:hyperlink></w:p>";
    for (body, value) in [
        (p("{{r v|link }}").as_str(), "javascript:x"),
        (inside, "https://c"),
    ] {
        let out = fill(&with_rels(body), context! { v => value });
        assert_eq!(entry(&out, "word/_rels/document.xml.rels"), RELS);
        assert_eq!(text(&entry(&out, "word/document.xml")), format!("{value}¶"));
    }
}

#[test]
fn rich_text_looks_its_own_way() {
    let bold = |text: &str| {
        format!("<w:p><w:r><w:rPr><w:sz w:val=\"20\"/></w:rPr><w:t>{text}</w:t></w:r></w:p>")
    };
    let run = |look: &str, text: &str| {
        format!("<w:r><w:rPr>{look}</w:rPr><w:t xml:space=\"preserve\">{text}</w:t></w:r>")
    };
    let between = |body: &str| {
        let start = body.find("</w:r>").unwrap() + 6;
        body[start..body.rfind("<w:r>").unwrap()].to_owned()
    };
    let got = body(
        &bold("{{r v|rich(bold=true, colour='c00') }}"),
        context! { v => "a&\nb" },
    );
    let text_of = "a&amp;</w:t><w:br/><w:t xml:space=\"preserve\">b";
    let look = "<w:b/><w:bCs/><w:color w:val=\"CC0000\"/><w:sz w:val=\"20\"/>";
    assert_eq!(between(&got), run(look, text_of));
    let list = "{{r ['x', v|rich(italic=true), 1]|rich(size=8, underline=true) }}";
    let got = body(&bold(list), context! { v => "y" });
    let small = "<w:sz w:val=\"16\"/><w:szCs w:val=\"16\"/><w:u w:val=\"single\"/>";
    let expected =
        run(small, "x") + &run(&format!("<w:i/><w:iCs/>{small}"), "y") + &run(small, "1");
    assert_eq!(between(&got), expected);
    let out = fill(
        &with_rels(&p(
            "{{r v|rich(style='hyperlink') }}{{r 'w'|rich(link='https://a', bold=true) }}",
        )),
        context! { v => Value::from(RichText::new().text("a").with("b", Look::new().bold(true))) },
    );
    let document = entry(&out, "word/document.xml");
    assert_eq!(
        document.matches("<w:rStyle w:val=\"Verweis\"/>").count(),
        3,
        "{document}"
    );
    assert!(document.contains("<w:hyperlink "), "{document}");
    let refused = |tag: &str, expected: &str| {
        let error = render_error(&p(tag), context! { v => "x" }).to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(
        "{{r v|rich(colour='rot') }}",
        "\"rot\" is not a colour\nhint: write six digits",
    );
    refused(
        "{{r v|rich(style='Strang') }}",
        "the template has no character style \"Strang\"",
    );
    refused("{{r v|rich(boldly=true) }}", "boldly");
    refused(
        "{{ v|rich(bold=true) }}",
        "rich text needs a run of its own\nhint: write {{r … }}",
    );
}

#[test]
fn pictures_are_added_once_and_related_from_each_part() {
    let header = crate::support::part("hdr", &p("{{ v }}"));
    let body = p("a{{ v }}b{{ w }}{{ v|image(width=\"1in\", alt='&lt;&quot;x&quot;&gt;') }}")
        + &p("{{p v }}")
        + &p("{{r w }}");
    let template = docx_with(
        &body,
        &[
            ("word/_rels/document.xml.rels", RELS),
            ("word/header1.xml", &header),
            ("word/media/image1.gif", "taken"),
        ],
    );
    let same = Picture::new(gif(2)).unwrap().height(Length::cm(2.54));
    let out = fill(
        &template,
        context! { v => picture(1), w => Value::from(same) },
    );
    let document = entry(&out, "word/document.xml");
    assert_eq!(text(&document), "ab¶¶¶");
    let extents: Vec<&str> = document
        .split("<wp:extent ")
        .skip(1)
        .map(|rest| rest.split_once("/>").unwrap().0)
        .collect();
    let (natural, inch) = (
        "cx=\"1905000\" cy=\"952500\"",
        "cx=\"914400\" cy=\"457200\"",
    );
    let high = "cx=\"1828800\" cy=\"914400\"";
    assert_eq!(extents, [natural, high, inch, natural, high]);
    for id in 1..=5 {
        assert_eq!(
            document.matches(&format!("<wp:docPr id=\"{id}\"")).count(),
            1
        );
    }
    assert!(document.contains("descr=\"&lt;&quot;x&quot;&gt;\""));
    assert_eq!(document.matches("r:embed=\"rId5\"").count(), 3);
    assert_eq!(document.matches("r:embed=\"rId6\"").count(), 2);
    assert!(entry(&out, "word/header1.xml").contains("r:embed=\"rId1\""));
    let rels = entry(&out, "word/_rels/header1.xml.rels");
    assert!(rels.contains("Target=\"media/image2.gif\"/>"), "{rels}");
    assert!(
        entry(&out, "[Content_Types].xml")
            .ends_with("<Default Extension=\"gif\" ContentType=\"image/gif\"/></Types>")
    );
    let media: Vec<String> = names(&out)
        .into_iter()
        .filter(|name| name.contains("media"))
        .collect();
    assert_eq!(
        media,
        [
            "word/media/image2.gif",
            "word/media/image3.gif",
            "word/media/image1.gif"
        ]
    );
}

/// A picture of the template: its number and names, and the drawing of the same that Word prefers.
fn drawing(names: &str) -> String {
    format!(
        "<w:p><w:r><w:drawing><wp:inline><wp:docPr id=\"3\" {names}/><a:blip r:embed=\"rId9\"><a:extLst>\
         <a:ext uri=\"u\"><asvg:svgBlip r:embed=\"rId8\"/></a:ext></a:extLst></a:blip><a:srcRect/></wp:inline></w:drawing></w:r></w:p>"
    )
}

#[test]
fn pictures_of_the_template_are_replaced_by_name() {
    let kept = drawing("name=\"Picture 1\" descr=\"a cat\"");
    let template = with_rels(&(drawing("name=\"x\" descr=\"logo\"") + &kept));
    let compiled = Template::compile(&template).unwrap();
    let logo = || Picture::new(gif(5)).unwrap();
    let filled = |name: &str| {
        let mut out = Vec::new();
        let assets = Assets::new().picture(name, logo());
        let report = compiled.render_with(context! {}, assets, &mut out);
        (report.unwrap(), out)
    };
    let (report, out) = filled("logo");
    assert_eq!(report.parts_filled, 1);
    let document = entry(&out, "word/document.xml");
    assert!(
        document.contains("<a:blip r:embed=\"rId5\"><a:extLst></a:extLst></a:blip><a:srcRect/>"),
        "{document}"
    );
    assert!(document.contains(&kept), "{document}");
    assert!(entry(&out, "word/_rels/document.xml.rels").contains("media/image2.gif"));
    for out in [filled("other").1, fill(&template, context! {})] {
        for name in names(&template) {
            assert_eq!(entry(&out, &name), entry(&template, &name), "{name}");
        }
    }
}

#[test]
fn a_picture_that_must_be_replaced_is_named_when_it_is_missing() {
    let check = |template: String, value: &str, expected: Result<&str, &str>| {
        let mut out = Vec::new();
        let assets = Assets::new().picture("logo", Picture::new(gif(5)).unwrap());
        let template = Template::compile(&docx(&template)).unwrap();
        match (
            template.render_with(context! { v => value }, assets, &mut out),
            expected,
        ) {
            (Ok(_), Ok(part)) => {
                let document = entry(&out, "word/document.xml");
                assert!(document.contains(part), "{document}");
            }
            (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
            (got, _) => panic!("{got:?}"),
        }
    };
    let asked = || drawing("descr=\"picture: {{ v }}\"");
    check(
        asked(),
        "logo",
        Ok("descr=\"picture: logo\"/><a:blip r:embed=\"rId1\">"),
    );
    let missing =
        "document: picture: {{ v }}: there is no picture \"lgo\"\nhint: did you mean logo?";
    check(asked(), "lgo", Err(missing));
    check(
        p("{{ v|image(height='1in') }}"),
        "logo",
        Ok("cx=\"1828800\" cy=\"914400\""),
    );
    let error = render_error(&drawing("descr=\"picture:logo\""), context! {}).to_string();
    assert!(
        error.contains("this document is given no pictures"),
        "{error}"
    );
}

#[test]
fn drawings_in_loops_are_numbered_anew() {
    let template = drawing("name=\"a\"")
        + &p("{%p for v in vs %}")
        + &drawing("name=\"{{ v }}\"")
        + &p("{%p endfor %}");
    let out = body(&template, context! { vs => vec!["b", "c"] });
    for expected in [
        "id=\"3\" name=\"a\"",
        "id=\"4\" name=\"b\"",
        "id=\"5\" name=\"c\"",
    ] {
        assert_eq!(out.matches(expected).count(), 1, "{out}");
    }
}

#[test]
fn pictures_without_a_size_keep_to_their_cell() {
    let sized = |kind: &str, text: &str| {
        format!(
            "<w:tc><w:tcPr><w:tcW w:w=\"1656\" w:type=\"{kind}\"/></w:tcPr>{}</w:tc>",
            p(text)
        )
    };
    let cells =
        ["{{p v }}", "{{ v|image }}", "{{ v|image(width='3in') }}"].map(|text| sized("dxa", text));
    let template = format!(
        "<w:tbl><w:tr>{}{}</w:tr></w:tbl>",
        cells.concat(),
        sized("pct", "{{p v }}")
    );
    let got = body(&template, context! { v => picture(1) });
    let widths: Vec<&str> = got
        .split("<wp:extent cx=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(widths, ["914400", "914400", "2743200", "1905000"]);
}

#[test]
fn data_never_becomes_more_than_text() {
    let error = render_error(&p("{{ v|image }}"), context! { v => "word/media/x.png" }).to_string();
    assert!(
        error.contains(
            "there is no picture \"word/media/x.png\"\nhint: this document is given no pictures"
        ),
        "{error}"
    );
    let error = render_error(
        &p("{{ v|image(width='4 km') }}"),
        context! { v => picture(1) },
    )
    .to_string();
    assert!(
        error.contains("\"4 km\" is not a length\nhint: write it like"),
        "{error}"
    );
    let error = render_error(
        &p("{{ v|image(wide='4cm') }}"),
        context! { v => picture(1) },
    )
    .to_string();
    assert!(error.contains("wide"), "{error}");
    let map = context! { v => context! { kind => "picture", url => "https://a" } };
    assert!(text(&body(&p("{{r v }}"), map)).contains("https://a"));
}

#[test]
fn a_template_that_gets_nothing_new_keeps_its_package() {
    let template = with_rels(&(p("{{ v }}") + &cell("{{r v }}")));
    let out = fill(&template, context! { v => "x" });
    for name in names(&template) {
        if name != "word/document.xml" {
            assert_eq!(entry(&out, &name), entry(&template, &name), "{name}");
        }
    }
    let mut order = names(&out);
    assert_eq!(order.remove(0), "word/document.xml");
    assert_eq!(
        order,
        names(&template)
            .into_iter()
            .filter(|name| name != "word/document.xml")
            .collect::<Vec<_>>()
    );
    let untouched = package(&[
        (
            "[Content_Types].xml",
            &entry(&template, "[Content_Types].xml"),
        ),
        (
            "word/document.xml",
            &entry(&docx(&p("no tag")), "word/document.xml"),
        ),
    ]);
    let out = fill(&untouched, context! {});
    assert_eq!(names(&out), names(&untouched));
    for name in names(&untouched) {
        assert_eq!(entry(&out, &name), entry(&untouched, &name));
    }
}
