//! Values whose shape is known: what may be left out counts as empty, what the shape does not know stays an error.

use docx_jinja::minijinja::{Value, context};
use docx_jinja::{RenderError, Shape, Template};

use crate::support::{docx, entry, p, text};

/// Rows with two columns that may be left out, one of them a map, and a list.
fn shape() -> Shape {
    let row = Shape::map([
        ("name", Shape::Plain),
        ("size", Shape::optional(Shape::Plain)),
        (
            "owner",
            Shape::optional(Shape::map([("mail", Shape::Plain)])),
        ),
        ("disks", Shape::optional(Shape::list(Shape::Plain))),
    ]);
    Shape::map([
        ("rows", Shape::list(row.clone())),
        ("more", Shape::optional(Shape::list(row))),
        ("note", Shape::optional(Shape::Plain)),
        ("anything", Shape::optional(Shape::Any)),
    ])
}

fn values() -> Value {
    context! { rows => vec![context! { name => "a" }, context! { name => "b" }] }
}

fn render(body: &str, values: Value) -> Result<String, RenderError> {
    let template = Template::compile(&docx(body)).unwrap_or_else(|error| panic!("{error}"));
    let mut out = Vec::new();
    template.render(values, &mut out)?;
    Ok(text(&entry(&out, "word/document.xml")))
}

/// What a paragraph with this text becomes.
fn check(tag: &str, expected: &str) {
    let told = render(&p(tag), shape().completed(values()));
    let told = told.unwrap_or_else(|error| panic!("{tag}: {error}"));
    assert_eq!(told.trim_end_matches('¶'), expected, "{tag}");
}

/// What a paragraph with this text cannot be, and why.
fn check_fault(tag: &str, expected: &str) {
    let told = render(&p(tag), shape().completed(values())).expect_err(tag);
    assert!(told.to_string().contains(expected), "{tag}: {told}");
}

#[test]
fn what_is_left_out_is_empty_wherever_it_is_read() {
    check("[{{ note }}]", "[]");
    check(
        "[{{ note ~ '!' }}{{ note|upper }}{{ note|replace('a', 'b') }}]",
        "[!]",
    );
    check("{% if note %}yes{% else %}no{% endif %}", "no");
    check("{% if note is defined %}yes{% else %}no{% endif %}", "no");
    check("{% if note is undefined %}yes{% endif %}", "yes");
    check("{{ note|default('-') }}{{ note|d('-') }}", "--");
    check(
        "[{{ note|date }}{{ note|number(2) }}{{ note|bytes }}{{ note|percent }}{{ note|round }}]",
        "[]",
    );
    check(
        "[{{ note|currency('EUR') }}{{ note|duration }}{{ note[:3]|length }}]",
        "[0]",
    );
    check(
        "[{% for r in rows %}{{ r.size }}{{ r['size']|bytes }};{% endfor %}]",
        "[;;]",
    );
    check(
        "[{% for r in more %}{{ r.name }}{% else %}none{% endfor %}]",
        "[none]",
    );
    check(
        "{{ more|length }}{{ more|map(attribute='name')|join }}",
        "0",
    );
    check("{% set d = more|tally('size') %}{{ d.rows }}", "0");
    check("{{ rows|sum(attribute='size') }}", "0");
    check("{{ rows|selectattr('size')|list|length }}", "0");
    check("{{ rows|map(attribute='size')|join('/') }}", "/");
    check(
        "{% set d = rows|tally('size') %}{{ d.size.empty }}{{ d.size.sum }}",
        "20",
    );
    check(
        "{% for r in rows %}{{ r.disks|join(', ') }}{{ r.disks|length }}{% endfor %}",
        "00",
    );
    check(
        "{{ rows|sort(attribute='size')|map(attribute='name')|join }}",
        "ab",
    );
    check("[{{ anything }}]", "[]");
}

#[test]
fn below_a_map_that_is_left_out_its_own_names_are_known() {
    check(
        "[{% for r in rows %}{{ r.owner.mail }}{{ r.owner }};{% endfor %}]",
        "[;;]",
    );
    check("{{ rows[0].owner.mail|default('nobody') }}", "nobody");
    check("{{ rows[0].owner|default('nobody') }}", "nobody");
    check(
        "{% if rows[0].owner is defined or rows[0].owner %}yes{% else %}no{% endif %}",
        "no",
    );
    check("{{ rows|map(attribute='owner.mail')|join('/') }}", "/");
    check("{{ rows[-1].owner.mail|upper }}", "");
    check_fault(
        "{{ rows[0].owner.phone }}",
        "there is no rows[0].owner.phone",
    );
}

#[test]
fn what_the_shape_does_not_know_stays_an_error() {
    check_fault("{{ nota }}", "did you mean note?");
    check_fault("{{ other }}", "there is no other in the values");
    check_fault(
        "{% for r in rows %}{{ r.szie }}{% endfor %}",
        "did you mean r.size?",
    );
    check_fault("{{ rows|sum(attribute='szie') }}", "did you mean \"size\"?");
    check_fault("{{ rows|tally('szie') }}", "did you mean \"size\"?");
    check_fault("{{ rows[0].name.first }}", "there is no rows[0].name.first");
    // A number is needed where there is none, as with null.
    check_fault("{{ rows[0].size + 1 }}", "unsupported");
    // Without the shape nothing is known to be optional.
    let strict = render(&p("{{ note }}"), values()).unwrap_err();
    assert!(strict.to_string().contains("there is no note"), "{strict}");
}

#[test]
fn every_kind_of_tag_takes_what_is_left_out() {
    check("[{{r note }}]", "[]");
    check("{{p note }}", "");
    check("{{p note|markdown }}", "");
    check(
        "[{{r note|link('open') }}{{r note|rich(bold=true) }}]",
        "[]",
    );
    check("[{{ note|image(width='2cm') }}]", "[]");
    check("[{{ more|chart('line', x='name', y='size') }}]", "[]");
    let row = "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>{% cellbg note %}x</w:t></w:r></w:p></w:tc></w:tr></w:tbl>";
    assert_eq!(render(row, shape().completed(values())).unwrap(), "x¶");
}

#[test]
fn what_is_there_is_given_as_it_is() {
    let full = context! {
        rows => vec![
            context! { name => "a", size => 2048, owner => context! { mail => "x@y" }, disks => vec![1, 2] },
            context! { name => "b", size => (), extra => 1 },
        ],
        note => "n",
    };
    let told = |source: &str| render(&p(source), shape().completed(full.clone())).unwrap();
    let check = |source: &str, expected: &str| assert_eq!(told(source), expected, "{source}");
    check(
        "{{ note }}{{ rows[0].size|bytes }}{{ rows[1].size }}",
        "n2.0 KB¶",
    );
    check(
        "{{ rows[0].owner.mail }}{{ rows[1].extra }}{{ rows[0].disks|join }}",
        "x@y112¶",
    );
    check(
        "{{ rows[0]|join(',') }};{{ rows[1]|length }}",
        "name,size,owner,disks;3¶",
    );
    check("{{ rows == rows }}{{ rows|last is mapping }}", "TrueTrue¶");
}

/// Rows that can be read once only, as from a cursor.
#[test]
fn rows_are_looked_at_one_by_one() {
    let rows = Value::make_one_shot_iterator((0..3).map(|number| context! { name => number }));
    let source = p("{% for r in rows %}{{ r.name }}{{ r.size }};{% endfor %}");
    let told = render(&source, shape().completed(context! { rows }));
    assert_eq!(told.unwrap(), "0;1;2;¶");
}
