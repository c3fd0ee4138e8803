//! Whatever comes in: no panic, and text comes out as it was.

use docx_jinja::Template;
use docx_jinja::minijinja::context;
use proptest::prelude::*;

use crate::support::{body, docx, docx_with, entry, fill, p, row, text};

/// What a value looks like in Word: without characters XML cannot hold, line ends alike.
fn shown(value: &str) -> String {
    let value = value.replace("\r\n", "\n").replace('\r', "\n");
    let legal = |c: &char| {
        matches!(c, '\t' | '\n' | '\u{c}') || (*c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    value.chars().filter(legal).collect()
}

/// Checks that elements nest; the strictness of Word, as far as the engine can break it.
pub(crate) fn well_formed(xml: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in xml.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{xml}");
        } else if !tag.ends_with('/') && !tag.starts_with(['?', '!']) {
            open.push(tag.split(' ').next().unwrap());
        }
    }
    assert!(open.is_empty(), "{xml}");
}

/// What a template may do to text.
const CHANGES: &[&str] = &[
    "|upper",
    "|lower",
    "|title",
    "|capitalize",
    "|trim",
    "|indent(2, true)",
    "|replace('lt', 'less than')",
    "|replace('&amp;', '&lt;')",
    "|replace('a', v)",
    "|replace('amp', '')",
    "[1:4]",
    "[::-1]",
    "|length",
    "|reverse",
    "|list|join('-')",
    "|split('a')|join('&amp;')",
    "|lines|join('&lt;')",
    "|first|default('')",
    "|string",
    "|safe",
    "|escape",
    " ~ v",
    " * 2",
    "|batch(2)|list",
    "|default('b')|upper|lower",
];

/// Checks that no ampersand stands alone.
fn entities(xml: &str) {
    for piece in xml.split('&').skip(1) {
        let (name, _) = piece.split_once(';').expect(xml);
        assert!(
            ["amp", "lt", "gt", "quot", "apos", "#39", "#x27"].contains(&name),
            "{xml}"
        );
    }
}

/// Pieces that make interesting paragraphs when strung together.
fn snippet() -> impl Strategy<Value = String> {
    let pieces = [
        "{{ a }}",
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{% if b %}",
        "{% endif %}",
        "{% else %}",
        "{% for x in c %}",
        "{% endfor %}",
        "{{ x }}",
        "{%p if b %}",
        "{%p endif %}",
        "{%tr for x in c %}",
        "{%tr endfor %}",
        "{%tc for x in c %}",
        "{%tc endfor %}",
        "{%r if b %}",
        "{%r endif %}",
        "{% raw %}",
        "{% endraw %}",
        "{% vm %}",
        "{% hm %}",
        "{% colspan 2 %}",
        "{% cellbg 'red' %}",
        "{% set d %}",
        "{% endset %}",
        "{{ d }}",
        "'",
        "&quot;",
        "&amp;",
        "text",
        " ",
        "</w:t></w:r><w:r><w:t>",
        "</w:t></w:r></w:p><w:p><w:r><w:t>",
        "</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>",
        "</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..12)
        .prop_map(|pieces| pieces.concat())
}

/// Blocks that nest, with runs and paragraphs changing inside: most of them are accepted.
fn blocks() -> impl Strategy<Value = String> {
    let breaks = [
        "",
        "</w:t></w:r><w:r><w:t>",
        "</w:t></w:r></w:p><w:p><w:r><w:t>",
        "</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>",
        "</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>",
    ];
    let leaf = prop::sample::select(vec![
        "text",
        "{{ a }}",
        "",
        "{# no #}",
        "{% set q = 1 %}",
        "{% colspan 2 %}",
        "{% vm %}",
        "{% hm %}",
    ]);
    let kind = prop::sample::select(vec![
        ("if b", "endif"),
        ("if not b", "endif"),
        ("for x in c", "endfor"),
        ("with y = 1", "endwith"),
    ]);
    let block = (
        kind,
        prop::sample::select(vec!["", "p", "tr", "tc", "r"]),
        prop::sample::select(breaks.to_vec()),
        prop::sample::select(breaks.to_vec()),
    );
    leaf.prop_map(str::to_owned)
        .prop_recursive(4, 24, 3, move |inner| {
            (block.clone(), prop::collection::vec(inner, 0..3)).prop_map(
                |((kind, lift, before, after), inner)| {
                    let (open, close) = kind;
                    let inner = inner.join(before);
                    format!(
                        "{{%{lift} {open} %}}{after}{inner}{after}{{%{lift} {close} %}}{before}"
                    )
                },
            )
        })
}

/// Fills a cell with this text, if it is accepted; whatever comes out must nest, with no element left empty.
fn nests(inner: &str, b: bool, n: usize) -> bool {
    let table = format!(
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>{inner}</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    );
    let Ok(template) = Template::compile(&docx(&table)) else {
        return false;
    };
    let mut out = Vec::new();
    let values = context! { a => "<a>", b => b, c => vec!["&"; n], x => "outer" };
    if template.render(values, &mut out).is_err() {
        return false;
    }
    let document = entry(&out, "word/document.xml");
    well_formed(&document);
    let empty = [
        "<w:tc></w:tc>",
        "<w:tr></w:tr>",
        "<w:tbl></w:tbl>",
        "{%",
        "{{",
    ];
    assert!(
        !empty.iter().any(|piece| document.contains(piece)),
        "{document}"
    );
    true
}

#[test]
fn most_nested_blocks_are_accepted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let accepted = std::cell::Cell::new(0);
    let count = |(inner, b, n): (String, bool, usize)| {
        accepted.set(accepted.get() + usize::from(nests(&inner, b, n)));
        Ok(())
    };
    runner
        .run(&(blocks(), any::<bool>(), 0_usize..3), count)
        .unwrap();
    assert!(
        accepted.get() > 60,
        "{} of 256 were accepted",
        accepted.get()
    );
}

proptest! {
    #[test]
    fn any_text_comes_out_as_it_was(value in any::<String>()) {
        let out = body(&p("{{ v }}"), context! { v => value.as_str() });
        well_formed(&out);
        prop_assert_eq!(text(&out), shown(&value) + "¶");
    }

    #[test]
    fn filters_never_tear_captured_text(value in "[&<>\"'a-c;#lt\n\t é]{0,24}", name in prop::sample::select(CHANGES.to_vec())) {
        for source in [
            format!("{{% set x %}}{{{{ v }}}}{{% endset %}}{{{{ x{name} }}}}"),
            format!("{{% macro m() %}}{{{{ v }}}}{{% endmacro %}}{{{{ m(){name} }}}}"),
            format!("{{% set y %}}{{% set x %}}{{{{ v }}}}{{% endset %}}{{{{ x }}}}{{% endset %}}{{{{ y{name} }}}}"),
        ] {
            let out = body(&p(&source), context! { v => value.as_str() });
            well_formed(&out);
            entities(&out);
            let direct = body(&p(&format!("{{{{ v{name} }}}}")), context! { v => value.as_str() });
            prop_assert_eq!(text(&out), text(&direct), "{}", source);
        }
    }

    #[test]
    fn any_text_of_awkward_characters_comes_out_as_it_was(value in "[\\x00-\\x20<>&\"'{}%#\u{e}\u{fffe}\u{ffff}é]{0,40}") {
        let list = docx_with(
            &(String::from("<w:tbl>") + &row(&["{%tr for v in vs %}"]) + &row(&["{{ v }}", "{{ v|upper }}"]) + &row(&["{%tr endfor %}"]) + "</w:tbl>"),
            &[("docProps/core.xml", "<c><t>{{ vs|first }}</t></c>")],
        );
        let out = fill(&list, context! { vs => vec![value.clone()] });
        let document = entry(&out, "word/document.xml");
        well_formed(&document);
        well_formed(&entry(&out, "docProps/core.xml"));
        let expected = shown(&value) + "¶" + &shown(&value.to_uppercase()) + "¶";
        prop_assert_eq!(text(&document), expected);
    }

    #[test]
    fn a_template_that_is_accepted_gives_a_document_that_nests(inner in snippet(), b in any::<bool>(), n in 0_usize..3) {
        nests(&inner.replace("{% raw %}", ""), b, n);
    }

    #[test]
    fn nothing_panics_on_any_markup(xml in "[<>/wptcr:{}%# \"'=&;a-e!?\\[\\]-]{0,80}") {
        drop(Template::compile(&docx(&xml)));
        drop(Template::compile(&docx_with("", &[("word/_rels/document.xml.rels", &xml), ("word/header1.xml", &xml)])));
    }

    #[test]
    fn nothing_panics_on_any_package(at in 0_usize..2_000, with in any::<u8>(), cut in 0_usize..2_000) {
        let mut bytes = docx(&p("{{ v }}"));
        let length = bytes.len();
        bytes[at % length] = with;
        drop(Template::compile(&bytes));
        bytes.truncate(cut % length);
        drop(Template::compile(&bytes));
    }
}
