//! Lists in loops begin anew, and tables of contents are refreshed.

use docx_jinja::minijinja::context;
use docx_jinja::{Options, Template, TemplateError, Value};

use crate::support::{NAMESPACE, docx_with, entry, p};

const RELATIONSHIPS: &str = "<Relationships><Relationship Id=\"rId1\" Type=\"http://x/numbering\" Target=\"numbering.xml\"/>\
    <Relationship Id=\"rId2\" Type=\"http://x/styles\" Target=\"styles.xml\"/></Relationships>";

fn package(body: &str) -> Vec<u8> {
    let numbering = format!(
        "<w:numbering xmlns:w=\"{NAMESPACE}\"><w:abstractNum w:abstractNumId=\"1\"><w:lvl w:ilvl=\"0\"><w:start w:val=\"1\"/></w:lvl></w:abstractNum>\
         <w:num w:numId=\"4\"><w:abstractNumId w:val=\"1\"/></w:num><w:num w:numId=\"5\"><w:abstractNumId w:val=\"1\"/></w:num></w:numbering>"
    );
    let style = |id: &str, inner: &str| {
        format!("<w:style w:type=\"paragraph\" w:styleId=\"{id}\"><w:pPr>{inner}</w:pPr></w:style>")
    };
    let number = "<w:numPr><w:numId w:val=\"5\"/></w:numPr>";
    let styles = format!(
        "<w:styles xmlns:w=\"{NAMESPACE}\">{}{}{}</w:styles>",
        style("ListNumber", number),
        style("Indented", &format!("{number}<w:ind w:left=\"77\"/>")),
        style("Heading1", &format!("{number}<w:outlineLvl w:val=\"0\"/>"))
    );
    docx_with(
        body,
        &[
            ("word/_rels/document.xml.rels", RELATIONSHIPS),
            ("word/numbering.xml", &numbering),
            ("word/styles.xml", &styles),
        ],
    )
}

fn values() -> Value {
    let customer = |name: &str, devices: &[&'static str]| context! { name => name, devices => devices.to_vec() };
    context! {
        no => false,
        customers => vec![customer("A", &["a", "b"]), customer("B", &[]), customer("C", &["c"])],
    }
}

/// An item of list 4.
fn item(level: u32, text: &str) -> String {
    format!(
        "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"{level}\"/><w:numId w:val=\"4\"/></w:numPr></w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"
    )
}

fn render(body: &str, options: Options) -> Vec<u8> {
    let template = Template::compile_with(&package(body), options);
    let mut out = Vec::new();
    let template = template.unwrap_or_else(|error| panic!("{body}: {error}"));
    template.render(values(), &mut out).unwrap();
    out
}

/// The list of each item, in order.
fn numbers(document: &str) -> Vec<u32> {
    let pieces = document.split("<w:numId w:val=\"").skip(1);
    pieces
        .map(|piece| piece.split('"').next().unwrap().parse().unwrap())
        .collect()
}

fn check(body: &str, expected: &[u32]) {
    let out = render(body, Options::default());
    assert_eq!(
        numbers(&entry(&out, "word/document.xml")),
        expected,
        "{body}"
    );
    let numbering = entry(&out, "word/numbering.xml");
    for number in expected {
        assert!(
            numbering.contains(&format!("<w:num w:numId=\"{number}\">")),
            "{numbering}"
        );
    }
    let new = expected.iter().filter(|number| **number > 5).max();
    assert_eq!(
        numbering.matches("<w:num w:").count() as u32,
        2 + new.map_or(0, |new| new - 5)
    );
}

fn each(lift: &str, what: &str, inner: &str) -> String {
    p(&format!("{{%{lift} for {what} %}}")) + inner + &p(&format!("{{%{lift} endfor %}}"))
}

#[test]
fn a_list_inside_a_loop_begins_anew_in_each_round() {
    let customers = "c in customers";
    let devices = each("p", "d in c.devices", &item(0, "{{ d }}"));
    // What a loop makes a list of goes on; with a loop around, it begins anew there.
    check(&each("p", customers, &item(0, "{{ c.name }}")), &[4, 4, 4]);
    check(&each("p", customers, &devices), &[6, 6, 7]);
    check(
        &each("p", customers, &(p("{{ c.name }}") + &devices)),
        &[6, 6, 7],
    );
    // Fixed items, alone and beside others.
    let fixed = item(0, "one") + &item(0, "two");
    check(&each("p", customers, &fixed), &[6, 6, 7, 7, 8, 8]);
    check(
        &each("p", customers, &(item(0, "first") + &devices)),
        &[6, 6, 6, 7, 8, 8],
    );
    // A list that began before the loop, or goes on behind it.
    check(
        &(item(0, "x") + &each("p", customers, &devices)),
        &[4, 4, 4, 4],
    );
    check(&(each("p", customers, &fixed) + &item(0, "x")), &[4; 7]);
}

#[test]
fn levels_and_branches_are_seen_as_what_they_are() {
    let customers = "c in customers";
    let inner = each("p", "d in c.devices", &item(1, "{{ d }}"));
    check(
        &each("p", customers, &(item(0, "{{ c.name }}") + &inner)),
        &[4, 4, 4, 4, 4, 4],
    );
    let either = p("{%p if c.devices %}")
        + &item(0, "a")
        + &p("{%p else %}")
        + &item(0, "b")
        + &p("{%p endif %}");
    check(&each("p", customers, &either), &[4, 4, 4]);
    check(
        &each("p", customers, &(either + &item(0, "c"))),
        &[6, 6, 7, 7, 8, 8],
    );
    let rows = |inner: &str| {
        let row = |content: &str| format!("<w:tr><w:tc>{content}</w:tc></w:tr>");
        format!(
            "<w:tbl>{}{}{}</w:tbl>",
            row(&p("{%tr for d in c.devices %}")),
            row(inner),
            row(&p("{%tr endfor %}"))
        )
    };
    check(
        &each("p", customers, &rows(&item(0, "{{ d }}"))),
        &[6, 6, 7],
    );
}

#[test]
fn numbering_by_a_style_begins_anew_and_headings_do_not() {
    let styled = |style: &str, more: &str| {
        format!(
            "<w:p><w:pPr><w:pStyle w:val=\"{style}\"/><w:keepNext/>{more}<w:jc w:val=\"left\"/></w:pPr><w:r><w:t>{{{{ d }}}}</w:t></w:r></w:p>"
        )
    };
    let nested = |inner: &str| each("p", "c in customers", &each("p", "d in c.devices", inner));
    check(&nested(&styled("ListNumber", "")), &[6, 6, 7]);
    let out = render(&nested(&styled("ListNumber", "")), Options::default());
    let expected = "<w:keepNext/><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"6\"/></w:numPr><w:jc w:val=\"left\"/>";
    let document = entry(&out, "word/document.xml");
    assert_eq!(document.matches(expected).count(), 2, "{document}");
    check(
        &nested(&styled(
            "ListNumber",
            "<w:numPr><w:ilvl w:val=\"2\"/></w:numPr>",
        )),
        &[6, 6, 7],
    );
    let out = render(
        &nested(&styled("Indented", "<w:spacing/>")),
        Options::default(),
    );
    let document = entry(&out, "word/document.xml");
    let expected = "<w:numId w:val=\"6\"/></w:numPr><w:spacing/><w:ind w:left=\"77\"/><w:jc ";
    assert_eq!(document.matches(expected).count(), 2, "{document}");
    check(&nested(&styled("Heading1", "")), &[]);
    let off = "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"0\"/></w:numPr>";
    let out = render(&nested(&styled("ListNumber", off)), Options::default());
    assert_eq!(numbers(&entry(&out, "word/document.xml")), [0, 0, 0]);
}

#[test]
fn an_author_can_say_otherwise() {
    let nested = |text: &str| {
        each(
            "p",
            "c in customers",
            &each("p", "d in c.devices", &item(0, text)),
        )
    };
    check(&nested("{% numbering continue %}{{ d }}"), &[4, 4, 4]);
    check(
        &each(
            "p",
            "c in customers",
            &item(0, "{{ c.name }}{% numbering restart %}"),
        ),
        &[6, 7, 8],
    );
    let off = Options {
        restart_numbering: false,
        ..Options::default()
    };
    let out = render(&nested("{{ d }}"), off);
    assert_eq!(numbers(&entry(&out, "word/document.xml")), [4, 4, 4]);
    assert_eq!(
        entry(&out, "word/numbering.xml"),
        entry(&package(""), "word/numbering.xml")
    );
    let check_fault = |body: &str, part: &str| match Template::compile(&package(body)) {
        Err(TemplateError::Tags(faults)) => assert!(faults.to_string().contains(part), "{faults}"),
        other => panic!("{body}: {other:?}"),
    };
    check_fault(
        &p("{% numbering continue %}"),
        "not stand in a numbered paragraph",
    );
    check_fault(
        &item(0, "{%p numbering continue %}"),
        "not stand in a numbered paragraph",
    );
    check_fault(
        &item(0, "{% numbering %}"),
        "numbering can continue or restart",
    );
    check_fault(
        &item(0, "{% numbring restart %}"),
        "did you mean numbering?",
    );
}

#[test]
fn word_is_asked_to_refresh_a_table_of_contents() {
    let contents = "<w:p><w:fldSimple w:instr=\" TOC \\o &quot;1-3&quot; \"><w:r><w:t>old</w:t></w:r></w:fldSimple></w:p>";
    let refresh = Options {
        refresh_fields: true,
        ..Options::default()
    };
    let out = render(contents, refresh);
    assert!(
        entry(&out, "word/settings.xml").contains("<w:updateFields w:val=\"true\"/></w:settings>")
    );
    assert!(
        entry(&out, "word/_rels/document.xml.rels")
            .contains("/settings\" Target=\"settings.xml\"/>")
    );
    assert!(entry(&out, "[Content_Types].xml").contains("PartName=\"/word/settings.xml\""));
    for (body, options) in [(contents, Options::default()), ("<w:p/>", refresh)] {
        let out = render(body, options);
        assert_eq!(
            entry(&out, "[Content_Types].xml"),
            entry(&package(""), "[Content_Types].xml")
        );
    }
    let own = docx_with(
        contents,
        &[
            (
                "word/_rels/document.xml.rels",
                "<Relationships><Relationship Id=\"a\" Type=\"x/settings\" Target=\"/word/settings.xml\"/></Relationships>",
            ),
            (
                "word/settings.xml",
                "<w:settings><w:zoom/><w:compat/></w:settings>",
            ),
        ],
    );
    let mut out = Vec::new();
    let template = Template::compile_with(&own, refresh).unwrap();
    template.render(values(), &mut out).unwrap();
    assert_eq!(
        entry(&out, "word/settings.xml"),
        "<w:settings><w:zoom/><w:updateFields w:val=\"true\"/><w:compat/></w:settings>"
    );
}
