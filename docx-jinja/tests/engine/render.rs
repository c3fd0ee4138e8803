//! What templates become.

use docx_jinja::minijinja::context;
use docx_jinja::{Template, Value};

use crate::support::{body, cell, docx, docx_with, entry, fill, p, part, row, text};

fn check(template: &str, expected: &str) {
    let values = context! {
        name => "Acme & Söhne <GmbH>", n => 3, ratio => 0.5, yes => true, empty => (),
        lines => "one\ntwo\tthree", items => vec!["a", "b", "c"], none => Vec::<String>::new(),
        rows => vec![context! { x => 1, y => "i" }, context! { x => 2, y => "ii" }],
    };
    let got = body(template, values);
    assert_eq!(got, expected, "{template}");
}

#[test]
fn values_fill_their_place() {
    check(
        &p("Dear {{ name }}!"),
        "<w:p><w:r><w:t xml:space=\"preserve\">Dear Acme &amp; Söhne &lt;GmbH&gt;!</w:t></w:r></w:p>",
    );
    check(
        "<w:p><w:r><w:t xml:space=\"preserve\"> {{ n }} {{ ratio }} {{ yes }}{{ empty }} </w:t></w:r></w:p>",
        "<w:p><w:r><w:t xml:space=\"preserve\"> 3 0.5 True </w:t></w:r></w:p>",
    );
    check(
        &p("{{ lines }}"),
        "<w:p><w:r><w:t xml:space=\"preserve\">one</w:t><w:br/><w:t xml:space=\"preserve\">two</w:t><w:tab/>\
         <w:t xml:space=\"preserve\">three</w:t></w:r></w:p>",
    );
    assert_eq!(
        text(&body(
            &p("{{ items }} {{ rows|length }} {{ 2.5|number(1) }}"),
            context! { items => vec!["<"], rows => vec![1] }
        )),
        "['<'] 1 2.5¶"
    );
}

#[test]
fn a_tag_may_be_split_over_any_number_of_runs() {
    let bold = |t: &str| format!("<w:r><w:rPr><w:b/></w:rPr><w:t>{t}</w:t></w:r>");
    let template = format!(
        "<w:p>{}{}{}{}</w:p>",
        bold("To {"),
        bold("{ na"),
        "<w:proofErr w:type=\"spellStart\"/>",
        bold("me }} now")
    );
    let expected = format!(
        "<w:p>{}{}<w:proofErr w:type=\"spellStart\"/>{}</w:p>",
        "<w:r><w:rPr><w:b/></w:rPr><w:t xml:space=\"preserve\">To Acme &amp; Söhne &lt;GmbH&gt;</w:t></w:r>",
        "<w:r><w:rPr><w:b/></w:rPr><w:t xml:space=\"preserve\"></w:t></w:r>",
        "<w:r><w:rPr><w:b/></w:rPr><w:t xml:space=\"preserve\"> now</w:t></w:r>",
    );
    check(&template, &expected);
    let letters: String = "{%tr for r in rows %}"
        .chars()
        .map(|c| bold(&c.to_string()))
        .collect();
    let template = format!(
        "<w:tbl><w:tr><w:tc><w:p>{letters}</w:p></w:tc></w:tr>{}{}</w:tbl>",
        row(&["{{ r.x }}"]),
        row(&["{%tr endfor %}"])
    );
    let table = body(
        &template,
        context! { rows => vec![context! { x => 7 }, context! { x => 8 }] },
    );
    assert_eq!(text(&table), "7¶8¶");
}

#[test]
fn statements_work_inside_text() {
    check(
        &p(
            "{% for i in items %}{{ i }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}",
        ),
        "<w:p><w:r><w:t xml:space=\"preserve\">a, b, c</w:t></w:r></w:p>",
    );
    check(
        &p("{% set x = n + 1 %}{{ x }}{# gone #}{% with y = 2 %}{{ y }}{% endwith %}"),
        "<w:p><w:r><w:t xml:space=\"preserve\">42</w:t></w:r></w:p>",
    );
    check(
        &p(
            "{% macro f(a) %}[{{ a }}]{% endmacro %}{{ f(\"&lt;\") }}{% set b %}{{ n }}&amp;{% endset %}{{ b }}",
        ),
        "<w:p><w:r><w:t xml:space=\"preserve\">[&lt;]3&amp;</w:t></w:r></w:p>",
    );
    check(
        &p("{% raw %}{{ n }}{% endraw %} {x} }}"),
        "<w:p><w:r><w:t xml:space=\"preserve\">{{ n }} {x} }}</w:t></w:r></w:p>",
    );
}

#[test]
fn rows_paragraphs_and_runs_repeat() {
    let values =
        || context! { rows => vec![context! { x => 1 }, context! { x => 2 }], no => false };
    let check = |template: String, expected: &str| {
        assert_eq!(text(&body(&template, values())), expected, "{template}")
    };
    let table = |rows: &[String]| format!("<w:tbl>{}</w:tbl>", rows.concat());
    check(
        table(&[
            row(&["head"]),
            row(&["{%tr for r in rows %}"]),
            row(&["{{ r.x }}", "{{ r.x * 10 }}"]),
            row(&["{%tr endfor %}"]),
        ]),
        "head¶1¶10¶2¶20¶",
    );
    check(
        table(&[row(&["{%tr for r in rows %}{{ r.x }}", "z{%tr endfor %}"])]),
        "1¶z¶2¶z¶",
    );
    check(
        p("{%p if no %}") + &p("hidden") + &p("{%p else %}") + &p("shown") + &p("{%p endif %}"),
        "shown¶",
    );
    check(
        p("{%p for r in rows %}") + &p("{{ r.x }}") + &p("{%p endfor %}"),
        "1¶2¶",
    );
    check(p("{%p for r in rows %}x{{ r.x }}{%p endfor %}"), "x1¶x2¶");
    check(
        "<w:p><w:r><w:t>{%r for r in rows %}</w:t></w:r><w:r><w:t>{{ r.x }};</w:t></w:r><w:r><w:t>{%r endfor %}</w:t></w:r></w:p>".to_owned(),
        "1;2;¶",
    );
    check(p("{#p a remark #}") + &p("text"), "text¶");
    check(p("{%p set y = 5 %}") + &p("{{ y }}"), "5¶");
}

#[test]
fn tables_nest_in_loops_over_tables() {
    let inner = format!(
        "<w:tbl>{}{}{}</w:tbl>",
        row(&["{%tr for r in t.rows %}"]),
        row(&["{{ r }}"]),
        row(&["{%tr endfor %}"])
    );
    let template = p("{%p for t in tenants %}") + &p("{{ t.name }}") + &inner + &p("{%p endfor %}");
    let values = context! { tenants => vec![
        context! { name => "A", rows => vec![1, 2] }, context! { name => "B", rows => vec![3] },
    ] };
    assert_eq!(text(&body(&template, values)), "A¶1¶2¶B¶3¶");
}

#[test]
fn no_element_ends_up_empty() {
    let loop_cell = format!(
        "<w:tc>{}{}{}</w:tc>",
        p("{%p for i in items %}"),
        p("{{ i }}"),
        p("{%p endfor %}")
    );
    let template = format!("<w:tbl><w:tr>{loop_cell}{}</w:tr></w:tbl>", cell("x"));
    let none = || context! { items => Vec::<i32>::new() };
    assert!(body(&template, none()).contains("<w:tc><w:p/></w:tc>"));
    assert!(!body(&template, context! { items => vec![1] }).contains("<w:p/>"));
    let table = format!(
        "<w:tbl>{}{}{}</w:tbl>",
        row(&["{%tr for i in items %}"]),
        row(&["{{ i }}"]),
        row(&["{%tr endfor %}"])
    );
    assert_eq!(
        body(&table, none()),
        "<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    );
    let columns = format!(
        "<w:tbl>{}</w:tbl>",
        row(&["{%tc for i in items %}", "{{ i }}", "{%tc endfor %}"])
    );
    assert_eq!(
        body(&columns, none()),
        "<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    );
}

#[test]
fn columns_repeat_and_the_grid_follows() {
    let sized = |text: &str, width: u32| {
        format!(
            "<w:tc><w:tcPr><w:tcW w:w=\"{width}\" w:type=\"dxa\"/></w:tcPr>{}</w:tc>",
            p(text)
        )
    };
    let head = sized("Name", 1000)
        + &sized("{%tc for c in columns %}", 100)
        + &sized("{{ c }}", 2800)
        + &sized("{%tc endfor %}", 100);
    let line = sized("{{ r.name }}", 1000)
        + &sized("{%tc for v in r.values %}", 100)
        + &sized("{{ v }}", 2800)
        + &sized("{%tc endfor %}", 100);
    let grid = "<w:tblGrid><w:gridCol w:w=\"1000\"/><w:gridCol w:w=\"100\"/><w:gridCol w:w=\"2800\"/><w:gridCol w:w=\"100\"/></w:tblGrid>";
    let template = format!(
        "<w:tbl>{grid}<w:tr>{head}</w:tr>{}<w:tr>{line}</w:tr>{}</w:tbl>",
        row(&["{%tr for r in rows %}"]),
        row(&["{%tr endfor %}"])
    );
    let values = context! {
        columns => vec!["a", "b", "c"],
        rows => vec![context! { name => "R", values => vec![1, 2, 3] }],
    };
    let out = body(&template, values);
    assert_eq!(text(&out), "Name¶a¶b¶c¶R¶1¶2¶3¶");
    let column = "<w:gridCol w:w=\"1000\"/>";
    assert!(
        out.starts_with(&format!(
            "<w:tbl><w:tblGrid>{}</w:tblGrid>",
            column.repeat(4)
        )),
        "{out}"
    );
    assert_eq!(
        out.matches("<w:tcW w:w=\"1000\" w:type=\"dxa\"/>").count(),
        8
    );
}

#[test]
fn headers_footers_notes_text_boxes_and_properties_are_filled() {
    let header = part("hdr", &p("{{ v }} head"));
    let footer = part("ftr", &p("{{ v }} foot"));
    let footnotes = part(
        "footnotes",
        &format!("<w:footnote w:id=\"2\">{}</w:footnote>", p("{{ v }} note")),
    );
    let endnotes = part(
        "endnotes",
        &format!("<w:endnote w:id=\"2\">{}</w:endnote>", p("{{ v }} end")),
    );
    let core = "<cp:coreProperties xmlns:cp=\"c\" xmlns:dc=\"d\"><dc:title>{{ v }}\n{{ lines }}</dc:title></cp:coreProperties>";
    let text_box = format!(
        "<w:p><w:r><w:pict><v:textbox xmlns:v=\"v\" alt=\"{{{{ quote }}}}\"><w:txbxContent>{}</w:txbxContent></v:textbox></w:pict></w:r>\
         <w:r><w:t>{{{{ v }}}} after</w:t></w:r></w:p>",
        p("{{ v }} box")
    );
    let package = docx_with(
        &text_box,
        &[
            ("word/header1.xml", &header),
            ("word/footer1.xml", &footer),
            ("word/footnotes.xml", &footnotes),
            ("word/endnotes.xml", &endnotes),
            ("docProps/core.xml", core),
        ],
    );
    let out = fill(
        &package,
        context! { v => "<V>", quote => "\"q\"\n", lines => "a\nb" },
    );
    assert_eq!(text(&entry(&out, "word/header1.xml")), "<V> head¶");
    assert_eq!(text(&entry(&out, "word/footer1.xml")), "<V> foot¶");
    assert_eq!(text(&entry(&out, "word/footnotes.xml")), "<V> note¶");
    assert_eq!(text(&entry(&out, "word/endnotes.xml")), "<V> end¶");
    assert!(entry(&out, "docProps/core.xml").contains("<dc:title>&lt;V&gt;\na&#10;b</dc:title>"));
    let document = entry(&out, "word/document.xml");
    assert_eq!(text(&document), "<V> box¶<V> after¶");
    assert!(document.contains("alt=\"&quot;q&quot;&#10;\""));
}

#[test]
fn parts_without_tags_are_copied_byte_for_byte() {
    let odd = "<?xml version='1.0'?>\r\n<w:hdr xmlns:w = \"x\"  ><!-- { --><w:p ></w:p></w:hdr>\n";
    let package = docx_with(
        &p("{{ v }}"),
        &[
            ("word/header1.xml", odd),
            ("word/media/image1.png", "\u{0}not really"),
        ],
    );
    let out = fill(&package, context! { v => 1 });
    assert_eq!(entry(&out, "word/header1.xml"), odd);
    assert_eq!(entry(&out, "word/media/image1.png"), "\u{0}not really");
    assert_eq!(
        entry(&out, "[Content_Types].xml"),
        entry(&package, "[Content_Types].xml")
    );
}

#[test]
fn one_template_serves_many_threads() {
    fn shared<T: Send + Sync>(value: T) -> T {
        value
    }
    let template = shared(Template::compile(&docx(&p("{{ n }}"))).unwrap());
    std::thread::scope(|scope| {
        for n in 0..4 {
            let template = &template;
            scope.spawn(move || {
                let mut out = Vec::new();
                template.render(context! { n => n }, &mut out).unwrap();
                assert_eq!(text(&entry(&out, "word/document.xml")), format!("{n}¶"));
            });
        }
    });
}

#[test]
fn rows_may_be_lazy_and_are_read_as_they_are_written() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let rows = Value::make_object_iterable(counter, |counter| {
        Box::new((0..5_000).map(move |at| {
            counter.fetch_add(1, Ordering::Relaxed);
            context! { x => at }
        }))
    });
    let template = format!(
        "<w:tbl>{}{}{}</w:tbl>",
        row(&["{%tr for r in rows %}"]),
        row(&["{{ r.x }}"]),
        row(&["{%tr endfor %}"])
    );
    let out = body(&template, context! { rows => rows });
    assert_eq!(out.matches("<w:tr>").count(), 5_000);
    assert_eq!(made.load(Ordering::Relaxed), 5_000);
}

#[test]
fn a_value_stays_inside_its_attribute_whichever_quotes_stand_around_it() {
    let values = || context! { x => "it's \"so\" w:new='1'" };
    let inside = "it&apos;s &quot;so&quot; w:new=&apos;1&apos;";
    for quote in ['"', '\''] {
        let got = body(&format!("<w:p w:a={quote}{{{{ x }}}}{quote}/>"), values());
        assert_eq!(got, format!("<w:p w:a={quote}{inside}{quote}/>"));
    }
    // Braces that stand in two values, or around them, are no tag.
    let apart = "<w:p w:a=\"{{ '\" w:b=\"' }}\"/>";
    assert!(
        Template::compile(&docx(apart)).is_err(),
        "the first is never closed"
    );
    let around = "<w:p {{=\"x\" }}=\"y\"/>";
    assert_eq!(body(around, values()), around);
}

#[test]
fn lines_of_the_template_may_be_one_line_of_the_document() {
    let check = |template: &str, expected: &str| {
        assert_eq!(
            text(&body(template, context! { yes => true, no => false })),
            expected,
            "{template}"
        );
    };
    let choice = |condition: &str| {
        p("It is")
            + &p(&format!("{{%- if {condition} -%}}"))
            + &p(" on")
            + &p("{%- else -%}")
            + &p(" off")
            + &p("{%- endif -%}")
            + &p(".")
    };
    check(&choice("yes"), "It is on.¶");
    check(&choice("no"), "It is off.¶");
    check(
        &(p("a") + &p("{%- if yes %}b{% endif %}") + &p("c")),
        "ab¶c¶",
    );
    check(
        &(p("a") + &p("{% if yes %}b{% endif -%}") + &p("c")),
        "a¶bc¶",
    );
    // Inside a line, beside a table and at the ends of the text there is nothing to join.
    check(&(p("a") + &p("b {%- if yes -%} c{% endif %}")), "a¶bc¶");
    check(
        &(p("{%- if yes %}a{% endif -%}") + "<w:tbl>" + &row(&["x"]) + "</w:tbl>"),
        "a¶x¶",
    );
    // A paragraph that gives way to its tag is no line to join.
    check(
        &(p("{%p if yes %}") + &p("{%- if yes %}a{% endif -%}") + &p("{%p endif %}") + &p("b")),
        "a¶b¶",
    );
    let section =
        "<w:p><w:pPr><w:sectPr/></w:pPr><w:r><w:t>{%- if yes %}b{% endif %}</w:t></w:r></w:p>";
    check(&(p("a") + section), "a¶b¶");
}
