//! Parts beside the main text, and content controls.

use docx_jinja::minijinja::context;
use docx_jinja::{Locale, Options, Template};

use crate::support::{body, docx, docx_with, entry, fill, p, part, text};

#[test]
fn comments_and_all_properties_are_filled() {
    let comments = part(
        "comments",
        &format!(
            "<w:comment w:id=\"0\" w:author=\"A\">{}</w:comment><w:comment w:id=\"1\" w:author=\"A\">{}{}{}</w:comment>",
            p("{{ v }} noted"),
            p("{%p if no %}"),
            p("never"),
            p("{%p endif %}")
        ),
    );
    let custom = "<Properties xmlns:vt=\"t\"><property pid=\"2\" name=\"Customer\"><vt:lpwstr>{{ v }}</vt:lpwstr></property></Properties>";
    let app = "<Properties><Company>{{ v }}</Company><Pages>1</Pages></Properties>";
    let package = docx_with(
        &p("text"),
        &[
            ("word/comments.xml", &comments),
            ("docProps/custom.xml", custom),
            ("docProps/app.xml", app),
        ],
    );
    let out = fill(&package, context! { v => "<V>", no => false });
    let written = entry(&out, "word/comments.xml");
    assert_eq!(text(&written), "<V> noted¶");
    assert!(
        written.contains("w:id=\"1\" w:author=\"A\"><w:p/></w:comment>"),
        "{written}"
    );
    assert!(entry(&out, "docProps/custom.xml").contains("<vt:lpwstr>&lt;V&gt;</vt:lpwstr>"));
    assert_eq!(
        entry(&out, "docProps/app.xml"),
        app.replace("{{ v }}", "&lt;V&gt;")
    );
    assert_eq!(
        entry(&out, "word/document.xml"),
        entry(&package, "word/document.xml")
    );
}

fn control(properties: &str, content: &str) -> String {
    format!("<w:sdt><w:sdtPr>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>")
}

fn styled(style: &str, inner: &str) -> String {
    format!("<w:r><w:rPr>{style}<w:b/></w:rPr><w:t xml:space=\"preserve\">{inner}</w:t></w:r>")
}

#[test]
fn a_filled_content_control_is_no_placeholder() {
    let check = |template: String, expected: String| {
        let got = body(&template, context! { v => "V" });
        assert_eq!(got, expected, "{template}");
    };
    let grey = "<w:rStyle w:val=\"PlaceholderText\"/>";
    let shared =
        "<w:alias w:val=\"Customer\"/><w:placeholder><w:docPart w:val=\"D\"/></w:placeholder>";
    let showing = format!("{shared}<w:showingPlcHdr/>");
    check(
        format!("<w:p>{}</w:p>", control(&showing, &styled(grey, "{{ v }}"))),
        format!("<w:p>{}</w:p>", control(shared, &styled("", "V"))),
    );
    // One without tags stays as it is, beside one with tags and around one.
    let still = control(&showing, &styled(grey, "Click here"));
    check(
        format!(
            "<w:p>{still}{}</w:p>",
            control(&showing, &styled("", "{{ v }}"))
        ),
        format!("<w:p>{still}{}</w:p>", control(shared, &styled("", "V"))),
    );
    check(
        control(shared, &format!("<w:p>{still}</w:p>{}", p("{{ v }}"))),
        control(
            shared,
            &format!(
                "<w:p>{still}</w:p><w:p>{}</w:p>",
                "<w:r><w:t xml:space=\"preserve\">V</w:t></w:r>"
            ),
        ),
    );
    // A style that only looks like it is one of the author's.
    let own = control("", &styled(grey, "{{ v }}"));
    check(
        format!("<w:p>{own}</w:p>"),
        format!("<w:p>{}</w:p>", own.replace("{{ v }}", "V")),
    );
}

#[test]
fn a_filled_content_control_is_bound_to_nothing_else() {
    let bound = |store: &str| format!("<w:dataBinding w:xpath=\"/x\" w:storeItemID=\"{store}\"/>");
    let filled = |properties: &str| {
        let template = format!("<w:p>{}</w:p>", control(properties, &styled("", "{{ v }}")));
        body(&template, context! { v => "V" })
    };
    assert!(!filled(&bound("{11111111-1111-1111-1111-111111111111}")).contains("dataBinding"));
    let core = bound("{6c3c8bc8-f283-45ae-878a-bab7291924a1}");
    assert!(filled(&core).contains(&core));
}

#[test]
fn a_content_control_whose_paragraphs_all_go_keeps_one() {
    let template = control(
        "",
        &(p("{%p for x in list %}") + &p("{{ x }}") + &p("{%p endfor %}")),
    );
    let got = |list: Vec<i32>| body(&template, context! { list => list });
    assert_eq!(got(vec![]), control("", "<w:p/>"));
    assert_eq!(text(&got(vec![1, 2])), "1¶2¶", "{}", got(vec![1, 2]));
    let cell = format!("<w:tbl><w:tr><w:tc>{template}</w:tc></w:tr></w:tbl>");
    let out = body(&cell, context! { list => Vec::<i32>::new() });
    assert!(out.contains("<w:sdtContent><w:p/></w:sdtContent>"), "{out}");
}

#[test]
fn a_template_is_filled_in_the_language_it_was_opened_with() {
    let package = docx(&p(
        "{{ at|date }}: {{ total|currency('EUR') }}, {{ total|number(1) }}",
    ));
    let filled = |name: &str| {
        let options = Options {
            locale: Locale::named(name).unwrap(),
            ..Options::default()
        };
        let mut out = Vec::new();
        let template = Template::compile_with(&package, options).unwrap();
        let values = context! { at => "2026-03-02", total => 1234.5 };
        template.render(values, &mut out).unwrap();
        text(&entry(&out, "word/document.xml"))
    };
    assert_eq!(filled("de"), "2. März 2026: 1.234,50\u{a0}€, 1.234,5¶");
    assert_eq!(filled("en"), "2 March 2026: €1,234.50, 1,234.5¶");
}
