//! The sentences that the maker of a template reads.

use docx_jinja::minijinja::context;
use docx_jinja::{Limits, Options, RenderError, Template, TemplateError, Value};

use crate::support::{compile_error, docx, docx_with, fill, p, part, render_error, row};

/// All faults of a body, one text.
fn check(body: &str, expected: &str) {
    let TemplateError::Tags(faults) = compile_error(&docx(body)) else {
        panic!("{body}: not a fault of tags");
    };
    assert_eq!(faults.to_string(), expected, "{body}");
}

#[test]
fn faults_name_part_paragraph_tag_and_next_step() {
    check(
        &(p("first") + &p("Dear {{ name| }}!")),
        "document, paragraph 2: {{ name| }}: unexpected end of variable block, expected identifier\n  in: Dear {{ name| }}!",
    );
    check(
        &p("{{ x|dat }}"),
        "document, paragraph 1: {{ x|dat }}: there is no filter \"dat\"\nhint: did you mean date?",
    );
    check(
        &p("{% if x is nice %}{% endif %}"),
        "document, paragraph 1: {% if x is nice %}: there is no test \"nice\"\n  in: {% if x is nice %}{% endif %}",
    );
    check(
        &p("{{ }}"),
        "document, paragraph 1: {{  }}: the tag is empty\n  in: {{ }}",
    );
    check(
        &p("Dear {{ name"),
        "document, paragraph 1: {{ name: the tag is never closed in its paragraph\n  in: Dear {{ name\n\
         hint: close it with }} or %}; to print the braces themselves, write {% raw %}{{{% endraw %}",
    );
    check(
        &p("{% include 'x' %}"),
        "document, paragraph 1: {% include 'x' %}: \"include\" is not a statement of Word templates",
    );
    check(
        &p("{% for a in b %}{% endfro %}{% endfor %}"),
        "document, paragraph 1: {% endfro %}: \"endfro\" is not a statement of Word templates\n  \
         in: {% for a in b %}{% endfro %}{% endfor %}\nhint: did you mean endfor?",
    );
    check(
        "<w:p><w:r><w:instrText>{{ x }}</w:instrText></w:r></w:p>",
        "document, paragraph 1: {{ x }}: a tag cannot stand inside a field code",
    );
    check(
        "<w:p w:rsidR=\"{{ x \"/>",
        "document: {{ x : the tag is never closed in its attribute\n  in: <w:p w:rsidR=\"{{ x \"/>",
    );
}

#[test]
fn signs_of_other_languages_are_told_with_what_takes_their_place() {
    let check = |tag: &str, expected: Option<&str>| {
        let text = tag.replace('&', "&amp;").replace('<', "&lt;");
        let closing = match tag.split_whitespace().nth(1) {
            Some("if") => "{% endif %}",
            Some("for") => "{% endfor %}",
            _ => "",
        };
        let TemplateError::Tags(faults) = compile_error(&docx(&p(&(text + closing)))) else {
            panic!("{tag}: not a fault of tags");
        };
        assert_eq!(faults.0[0].hint.as_deref(), expected, "{tag}: {faults}");
    };
    check("{% if a = b %}", Some("to compare, write == instead of ="));
    check("{% if a && b %}", Some("write and instead of &&"));
    check("{% if a || b %}", Some("write or instead of ||"));
    check("{{ !a }}", Some("write not instead of !"));
    check(
        "{% for a of b %}",
        Some("write in instead of of: {% for row in rows %}"),
    );
    check(
        "{% if a %}x{% else if b %}y",
        Some("write elif instead of else if"),
    );
    check(
        "{{ a|date(%d.%m.%Y) }}",
        Some("put quotes around the pattern: \"%d.%m.%Y\""),
    );
    check(
        "{{ a|date(\"%d) }}",
        Some("the text in quotes is never closed"),
    );
    check("{% for a in b }", Some("the tag ends with %}"));
    check("{{ a }", Some("the tag ends with }}"));
    check("{{ a|date(\"%Q\") }}", None);
    check(
        "{{ a|date(\"dd.MM.yyyy\") }}",
        Some("write it like \"%d.%m.%Y\", or \"%H:%M\" for the time"),
    );
    check(
        "{{ a|datetime(format=\"HH:mm\") }}",
        Some("write it like \"%d.%m.%Y\", or \"%H:%M\" for the time"),
    );
    check("{{ a| }}", None);
    for allowed in [
        "{{ a|date(\"%d.%m.%Y\") }}",
        "{{ a|date }}",
        "{{ \"dd\"|date }}",
        "{{ a|datetime(format=b) }}",
        "{{ \"&amp;&amp; || of = !\" }}",
    ] {
        assert!(Template::compile(&docx(&p(allowed))).is_ok(), "{allowed}");
    }
}

#[test]
fn arguments_that_do_not_exist_are_named() {
    let values = || {
        context! { a => "x", size => 2, rows => vec![context! { day => "Mo", ok => 1 }], report => context! { title => "T" } }
    };
    let check = |tag: &str, named: &str, hint: &str| {
        let RenderError::Tag(error) = render_error(&p(tag), values()) else {
            panic!("{tag}: not a fault of a tag");
        };
        assert_eq!(
            error.message,
            format!("there is no {named} in the values"),
            "{tag}"
        );
        assert_eq!(error.hint.as_deref(), Some(hint), "{tag}");
    };
    let quoted = |word: &str| format!("if the text is meant, put it in quotes: \"{word}\"");
    check("{{ a|default(fallbck) }}", "fallbck", &quoted("fallbck"));
    check("{{r a|rich(bold=tru) }}", "tru", "did you mean true?");
    check("{{ rows|join(sep) }}", "sep", &quoted("sep"));
    check("{{ 1.5|round(siz) }}", "siz", "did you mean size?");
    check(
        "{{r a|link(report.titel) }}",
        "report.titel",
        "did you mean report.title?",
    );
    check(
        "{{ rows|chart(title=report.titel) }}",
        "report.titel",
        "did you mean report.title?",
    );
    check("{{ rows|chart(x=month) }}", "month", &quoted("month"));
    check(
        "{{ logo|image }}",
        "logo",
        "there are: a, size, rows, report",
    );
    check("{{ sizes|number }}", "sizes", "did you mean size?");
    for allowed in [
        "{{ b|default(a) }}",
        "{{ b|default }}",
        "{{ b.c|default(\"-\") if b is defined }}",
        "{{r a|rich(bold=true if size == 3) }}",
        "{{ rows|map(attribute=\"ok\")|join(\", \" if a) }}",
    ] {
        fill(&docx(&p(allowed)), values());
    }
}

#[test]
fn every_fault_is_reported_in_one_run() {
    let header = part("hdr", &p("{{ 1 + }}"));
    let package = docx_with(
        &(p("{{ a| }}") + &p("{% if x %}") + &p("{{ b|nope }}")),
        &[("word/header1.xml", &header)],
    );
    let TemplateError::Tags(faults) = compile_error(&package) else {
        panic!("not a fault of tags");
    };
    let places: Vec<(&str, Option<usize>)> = faults
        .0
        .iter()
        .map(|fault| (fault.part.as_str(), fault.paragraph))
        .collect();
    assert_eq!(
        places,
        [
            ("document", Some(1)),
            ("document", Some(2)),
            ("document", Some(3)),
            ("header1", Some(1))
        ]
    );
}

#[test]
fn values_that_do_not_exist_are_named_with_what_does() {
    let values = || {
        context! { customer => context! { name => "A", city => "B" }, tenants => vec![context! { rows => vec![context! { hostname => 1, os => 2 }] }] }
    };
    let check = |body: &str, expected: &str| {
        let error = render_error(body, values());
        assert_eq!(error.to_string(), expected, "{body}");
    };
    check(
        &p("{{ custmer.name }}"),
        "document, paragraph 1: {{ custmer.name }}: there is no custmer in the values\nhint: did you mean customer?",
    );
    check(
        &p("To {{ customer.nmae }}"),
        "document, paragraph 1: {{ customer.nmae }}: there is no customer.nmae in the values\n  in: To {{ customer.nmae }}\n\
         hint: did you mean customer.name?",
    );
    check(
        &p("{{ customer.telephone|date }}"),
        "document, paragraph 1: {{ customer.telephone|date }}: there is no customer.telephone in the values\nhint: there are: name, city",
    );
    let nested = p("{%p for t in tenants %}")
        + "<w:tbl>"
        + &row(&["{%tr for r in t.rows %}"])
        + &row(&["{{ r.hostnme }}"])
        + &row(&["{%tr endfor %}"])
        + "</w:tbl>"
        + &p("{%p endfor %}");
    check(
        &nested,
        "document, paragraph 3: {{ r.hostnme }}: there is no r.hostnme in the values\nhint: did you mean r.hostname?",
    );
    check(
        &p("{% if customer.vip %}x{% endif %}"),
        "document, paragraph 1: {% if customer.vip %}: there is no customer.vip in the values\n  \
         in: {% if customer.vip %}x{% endif %}\nhint: there are: name, city",
    );
    check(
        &p("{{ customer.name|number }}"),
        "document, paragraph 1: {{ customer.name|number }}: a number is needed, not \"A\"",
    );
    check(
        &p("{{ customer.name() }}"),
        "document, paragraph 1: {{ customer.name() }}: value of type string is not callable",
    );
}

#[test]
fn a_fault_in_a_header_says_so() {
    let header = part("hdr", &(p("x") + &p("{{ nam }}")));
    let template = Template::compile(&docx_with("", &[("word/header1.xml", &header)])).unwrap();
    let error = template
        .render(context! { name => 1 }, std::io::sink())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "header1, paragraph 2: {{ nam }}: there is no nam in the values\nhint: did you mean name?"
    );
}

fn bounded(body: &str, limits: Limits) -> RenderError {
    let options = Options {
        limits,
        ..Options::default()
    };
    let template = Template::compile_with(&docx(body), options).unwrap();
    template
        .render(context! { s => "x".repeat(1000) }, std::io::sink())
        .unwrap_err()
}

#[test]
fn runaway_templates_are_stopped() {
    let endless = p(
        "{% for a in range(100000) %}{% for b in range(100000) %}{{ b }}{% endfor %}{% endfor %}",
    );
    let fuel = Limits {
        fuel: 50_000,
        ..Limits::default()
    };
    assert!(matches!(
        bounded(&endless, fuel),
        RenderError::TooLarge {
            what: "the number of steps",
            ..
        }
    ));
    let long = p("{% for a in range(1000) %}{{ s }}{% endfor %}");
    let output = Limits {
        output_bytes: 100_000,
        ..Limits::default()
    };
    assert!(matches!(
        bounded(&long, output),
        RenderError::TooLarge {
            what: "the XML in bytes",
            limit: 100_000
        }
    ));
    let recursion = p("{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}");
    assert!(matches!(
        bounded(&recursion, Limits::default()),
        RenderError::Tag(_)
    ));
    let attack = p("{{ ''.__class__.__mro__ }}");
    assert!(matches!(
        bounded(&attack, Limits::default()),
        RenderError::Tag(_)
    ));
}

#[test]
fn a_writer_that_fails_is_told_apart() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let template = Template::compile(&docx(&p("{{ x }}"))).unwrap();
    let error = template
        .render(Value::from_pairs([("x", 1)]), Full)
        .unwrap_err();
    assert!(
        matches!(error, RenderError::Output(error) if error.kind() == std::io::ErrorKind::StorageFull)
    );
}

#[test]
fn a_failed_render_leaves_no_document_behind() {
    let template = Template::compile(&docx(&(p("{{ x }}") + &p("{{ y }}")))).unwrap();
    let mut out = Vec::new();
    template
        .render(Value::from_pairs([("x", 1)]), &mut out)
        .unwrap_err();
    assert!(Template::compile(&out).is_err());
}

#[test]
fn variables_are_listed() {
    let template = Template::compile(&docx(&p(
        "{% for r in rows %}{{ r.a }}{{ report.title|date }}{% endfor %}",
    )))
    .unwrap();
    let names: Vec<String> = template.variables().into_iter().collect();
    assert_eq!(names, ["report.title", "rows"]);
}
