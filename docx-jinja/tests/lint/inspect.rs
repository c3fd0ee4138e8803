//! Paths of variables.

use docx_jinja::lint::{Inspection, inspect};
use docx_jinja::{Options, Template};

use crate::support::{docx, docx_with, p, part, row};

fn inspected(body: &str) -> Inspection {
    inspect(&docx(body), Options::default()).unwrap()
}

/// The paths that a body reads; `?` marks those that may be missing, `*` those that a loop goes over.
fn check(body: &str, expected: &[&str]) {
    let inspection = inspected(body);
    let paths: Vec<String> = inspection
        .variables
        .iter()
        .map(|variable| {
            let optional = if variable.optional { "?" } else { "" };
            let repeated = if variable.repeated { "*" } else { "" };
            format!("{}{repeated}{optional}", variable.path)
        })
        .collect();
    assert_eq!(paths, expected, "{body}");
}

#[test]
fn paths_lead_through_fields_and_constant_keys() {
    check(&p("{{ customer.name }}"), &["customer.name"]);
    check(&p("{{ customer['name'] }}"), &["customer.name"]);
    check(&p("{{ a[\"b c\"].d }}"), &["a[\"b c\"].d"]);
    check(&p("{{ a[0].b }} {{ a[i].c }}"), &["a[].b", "a[].c", "i"]);
    check(
        &p("{{ a.b ~ c + d * e[1:n] }}"),
        &["a.b", "c", "d", "e", "n"],
    );
    check(&p("{{ range(3) }}{{ 'x' }}"), &[]);
}

#[test]
fn loops_give_items() {
    let table = "<w:tbl>".to_owned()
        + &row(&["{%tr for d in tenants[0].devices %}"])
        + &row(&["{{ d.hostname }}{{ loop.index }}{{ loop.previtem.os }}"])
        + &row(&["{%tr endfor %}"])
        + "</w:tbl>";
    check(
        &table,
        &[
            "tenants[].devices*",
            "tenants[].devices[].hostname",
            "tenants[].devices[].os",
        ],
    );
    check(
        &p(
            "{% for t in tenants %}{% for r in t.rows if r.on %}{{ r.x }}{% else %}{{ t.y }}{% endfor %}{% endfor %}{{ r.z }}",
        ),
        &[
            "r.z",
            "tenants*",
            "tenants[].rows*",
            "tenants[].rows[].on",
            "tenants[].rows[].x",
            "tenants[].y",
        ],
    );
    check(
        &p("{% for k, v in m|items %}{{ k }}{{ v.n }}{% endfor %}"),
        &["m", "m[].n"],
    );
}

#[test]
fn other_names_are_followed() {
    check(
        &p(
            "{% set c = report.customer %}{{ c.name }}{% with d = c.site %}{{ d.city }}{% endwith %}",
        ),
        &[
            "report.customer",
            "report.customer.name",
            "report.customer.site",
            "report.customer.site.city",
        ],
    );
    check(
        &p(
            "{% macro line(d, unit='GB') %}{{ d.size }}{{ unit }}{{ currency }}{% endmacro %}{% for d in disks %}{{ line(d) }}{{ line(d=boot) }}{% endfor %}",
        ),
        &[
            "boot",
            "boot.size",
            "currency",
            "disks*",
            "disks[]",
            "disks[].size",
        ],
    );
    check(&p("{% macro f(x) %}{{ x.a }}{{ y }}{% endmacro %}"), &["y"]);
    check(
        &p("{% macro f(x) %}{{ f(x.a) }}{% endmacro %}{{ f(z) }}"),
        &[
            "z",
            "z.a",
            "z.a.a",
            "z.a.a.a",
            "z.a.a.a.a",
            "z.a.a.a.a.a",
            "z.a.a.a.a.a.a",
            "z.a.a.a.a.a.a.a",
            "z.a.a.a.a.a.a.a.a",
        ],
    );
}

#[test]
fn filters_pass_items_on_or_read_fields() {
    check(
        &p(
            "{% for r in rows|selectattr('online')|sort(attribute='name,os.kind') %}{{ r.x }}{% endfor %}",
        ),
        &[
            "rows*",
            "rows[].name",
            "rows[].online",
            "rows[].os.kind",
            "rows[].x",
        ],
    );
    check(
        &p("{{ (rows|first).a }}{{ rows|map(attribute='b')|join }}"),
        &["rows", "rows[].a", "rows[].b"],
    );
    check(
        &p(
            "{% for g in rows|groupby('site') %}{{ g.grouper }}{% for r in g.list %}{{ r.a }}{% endfor %}{% endfor %}",
        ),
        &["rows", "rows[].a", "rows[].site"],
    );
    check(
        &p(
            "{% for site, list in rows|groupby('site') %}{{ site }}{% for r in list %}{{ r.a }}{% endfor %}{% endfor %}",
        ),
        &["rows", "rows[].a", "rows[].site"],
    );
    check(
        &p(
            "{% set d = rows|tally('online', 'size') %}{{ d.rows }}{{ d.online.yes|percent(of=all) }}",
        ),
        &["all", "rows", "rows[].online", "rows[].size"],
    );
    let inspection = inspected(&p("{{ a|upper|trim }}{{ b[1:]|length }}{{ a|date }}"));
    let a = &inspection.variables[0];
    assert_eq!(Vec::from_iter(&a.filters), ["date", "upper"]);
    assert_eq!(
        Vec::from_iter(&inspection.filters),
        ["date", "length", "trim", "upper"]
    );
}

#[test]
fn what_is_asked_for_first_is_optional() {
    check(
        &p("{{ a|default('-') }}{{ b|d }}{{ c }}"),
        &["a?", "b?", "c"],
    );
    check(
        &p("{% if a is defined %}{{ a.b }}{% else %}{{ a.c }}{% endif %}"),
        &["a?", "a.b", "a.c"],
    );
    check(
        &p("{% if a is not defined or a.x %}{{ a.y }}{% endif %}"),
        &["a?", "a.x", "a.y"],
    );
    check(
        &p("{{ a.b if a.b is defined and a.b.c else d }}"),
        &["a.b?", "a.b.c", "d"],
    );
    check(
        &p("{% if a is undefined %}{% else %}{{ a }}{% endif %}"),
        &["a?"],
    );
    check(
        &p(
            "{% set b = a.b|default('') %}{{ b }}{% if c|d %}{{ c }}{% endif %}{% for r in rows|default([]) %}{{ r }}{{ r.x }}{% endfor %}",
        ),
        &["a.b?", "c?", "rows*?", "rows[]?", "rows[].x"],
    );
    check(&p("{{ a|default('-') }}{{ a }}"), &["a"]);
}

#[test]
fn places_are_told() {
    let header = part("hdr", &(p("x") + &p("Of {{ customer.name }}")));
    let package = docx_with(
        &(p("{{ customer.name }}")
            + "<w:p><w:r><w:drawing><wp:docPr descr=\"{{ alt }}\"/></w:drawing></w:r></w:p>"),
        &[("word/header1.xml", &header)],
    );
    let inspection = Template::compile(&package).unwrap().inspect();
    let places: Vec<_> = inspection.variables[1]
        .places
        .iter()
        .map(|place| {
            (
                place.part.as_str(),
                place.paragraph,
                place.tag.as_str(),
                place.text.as_str(),
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            (
                "document",
                Some(1),
                "{{ customer.name }}",
                "{{ customer.name }}"
            ),
            (
                "header1",
                Some(2),
                "{{ customer.name }}",
                "Of {{ customer.name }}"
            ),
        ]
    );
    assert_eq!(inspection.variables[0].path, "alt");
}

#[test]
fn templates_with_faults_are_read_as_far_as_they_go() {
    let inspection = inspected(
        &(p("{% for d in devices %}{{ d.a| }}{{ d.b|dat }}")
            + &p("{{ d.c }}{% endif %}{% if + %}{{ d.e }}{% else %}{% endif %}")
            + &p("{% for d in sites %}{% else %}{% else %}{{ d.z }}{% endfor %}{{ open")),
    );
    let messages: Vec<&str> = inspection
        .faults
        .iter()
        .map(|fault| fault.message.as_str())
        .collect();
    assert_eq!(inspection.faults.len(), 6, "{messages:#?}");
    let paths: Vec<&str> = inspection
        .variables
        .iter()
        .map(|variable| variable.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "devices",
            "devices[].b",
            "devices[].c",
            "devices[].e",
            "devices[].z",
            "sites"
        ]
    );
}

#[test]
fn a_refused_package_is_no_inspection() {
    inspect(b"hello", Options::default()).unwrap_err();
}

#[test]
fn tags_where_nothing_is_filled_are_told() {
    let diagram = "<d:p><d:t>{{ x }}</d:t></d:p>";
    let package = docx_with(
        &p("{{ y }}"),
        &[
            ("word/diagrams/data1.xml", diagram),
            ("word/theme.xml", "<a x=\"{1}\"/>"),
        ],
    );
    let inspection = inspect(&package, Options::default()).unwrap();
    assert_eq!(inspection.unfilled, ["word/diagrams/data1.xml"]);
    assert_eq!(inspection.variables.len(), 1);
}
