use super::{Lift, TagKind, scan};

/// Each expected tag as `kind lift body`.
fn check(raw: &str, expected: &[&str]) {
    let tags = scan(raw).unwrap_or_else(|fault| panic!("{raw}: {fault:?}"));
    let shown: Vec<String> = tags.iter().map(super::Tag::shown).collect();
    assert_eq!(shown, expected, "{raw}");
    for tag in tags {
        assert!(raw[tag.start..tag.end].starts_with('{'), "{raw}");
        assert!(raw[tag.start..tag.end].ends_with('}'), "{raw}");
    }
}

#[test]
fn tags_are_found_in_raw_text() {
    check("", &[]);
    check("no { tag } here }} %}", &[]);
    check(
        "{{a}}{{ b.c }} x {%if d%}",
        &["{{ a }}", "{{ b.c }}", "{% if d %}"],
    );
    check(
        "{{ a if b &lt; 3 &amp;&amp; c }}",
        &["{{ a if b < 3 && c }}"],
    );
    check("{{ &quot;}}&quot; }}", &["{{ \"}}\" }}"]);
    check(
        "{{ \u{201c}x\u{201d}|f(\u{2018}y\u{2019}) }}",
        &["{{ \"x\"|f('y') }}"],
    );
    check("{{ don't }} and {{ x }}", &["{{ don't }}", "{{ x }}"]);
    check("{# it's {{ x }} #}", &["{# it's {{ x }} #}"]);
    check("{{ {'a': {'b': 1} }.a }}", &["{{ {'a': {'b': 1} }.a }}"]);
}

#[test]
fn lifts_are_split_off() {
    check("{%tr for r in rows %}", &["{%tr for r in rows %}"]);
    check("{% tc endfor %}", &["{%tc endfor %}"]);
    check("{%p if x %}{%r endif %}", &["{%p if x %}", "{%r endif %}"]);
    check("{%- tr if x -%}", &["{%tr if x %}"]);
    check(
        "{{p name }}{{r name }}{{tr x }}{{r [a] }}{{r[0] }}",
        &[
            "{{p name }}",
            "{{r name }}",
            "{{ x }}",
            "{{r [a] }}",
            "{{ r[0] }}",
        ],
    );
    check(
        "{{p }}{{p + 1 }}{{r if x }}{{p|upper }}",
        &["{{ p }}", "{{ p + 1 }}", "{{ r if x }}", "{{ p|upper }}"],
    );
    check(
        "{%prefix%}{{ price }}{{ p }}",
        &["{% prefix %}", "{{ price }}", "{{ p }}"],
    );
    check("{#tr gone #}", &["{#tr gone #}"]);
    assert_eq!(scan("{%p if x %}").unwrap()[0].lift, Some(Lift::Paragraph));
    assert_eq!(scan("{%- x -%}").unwrap()[0].trim, (true, true));
}

#[test]
fn raw_text_stays_text() {
    let tags = scan("a{% raw %}{{ b }} {% c %}{% endraw %}{{ d }}").unwrap();
    let kinds: Vec<TagKind> = tags.iter().map(|t| t.kind).collect();
    assert_eq!(
        kinds,
        [TagKind::Comment, TagKind::Comment, TagKind::Variable]
    );
    assert!(scan("{% raw %}{{ b }}").is_err());
}

#[test]
fn a_tag_without_an_end_is_a_fault() {
    assert_eq!(
        scan("Dear {{ name, hello").unwrap_err().shown,
        "{{ name, hello"
    );
    assert!(scan("{% if x }").is_err());
    assert!(scan("{# x").is_err());
    assert!(scan("{{").is_err());
}
