//! What a template reads against what is supplied.

use docx_jinja::lint::inspect;
use docx_jinja::minijinja::context;
use docx_jinja::{Options, Shape};

use crate::support::{docx, p};

fn supplied() -> Shape {
    let device = Shape::map([
        ("hostname", Shape::Plain),
        ("owner", Shape::optional(Shape::Plain)),
        ("disks", Shape::list(Shape::map([("size", Shape::Plain)]))),
    ]);
    Shape::map([
        (
            "report",
            Shape::map([("title", Shape::Plain), ("date", Shape::Plain)]),
        ),
        ("devices", Shape::list(device)),
        ("extra", Shape::Any),
    ])
}

/// The messages, hints and unused paths for a body.
fn check(body: &str, faults: &[&str], warnings: &[&str], unused: &[&str]) {
    let inspection = inspect(&docx(&p(body)), Options::default()).unwrap();
    let comparison = inspection.compare(&supplied());
    let told = |list: &[docx_jinja::TagError]| -> Vec<String> {
        list.iter()
            .map(|fault| match &fault.hint {
                Some(hint) => format!("{}: {}; {hint}", fault.tag, fault.message),
                None => format!("{}: {}", fault.tag, fault.message),
            })
            .collect()
    };
    assert_eq!(told(&comparison.faults), faults, "{body}");
    assert_eq!(told(&comparison.warnings), warnings, "{body}");
    assert_eq!(comparison.unused, unused, "{body}");
}

#[test]
fn what_fits_is_silent() {
    check(
        "{{ report.title }}{{ report.date }}{% for d in devices %}{{ d.hostname }}{{ d.owner|default('') }}\
         {% for x in d.disks %}{{ x.size }}{% endfor %}{% endfor %}{{ extra.any.thing[0] }}",
        &[],
        &[],
        &[],
    );
}

#[test]
fn what_leads_nowhere_is_told_with_what_does() {
    check(
        "{{ report.titel }}",
        &[
            "{{ report.titel }}: there is no report.titel in the values of report; did you mean report.title?",
        ],
        &[],
        &["devices", "extra", "report.date", "report.title"],
    );
    check(
        "{{ reprot }}{{ extra }}",
        &["{{ reprot }}: there is no reprot in the values; did you mean report?"],
        &[],
        &["devices", "report"],
    );
    check(
        "{% for d in devices %}{{ d.zebra }}{% endfor %}{{ report }}{{ extra }}",
        &[
            "{{ d.zebra }}: there is no devices[].zebra in the values of devices[]; there are: disks, hostname, owner",
        ],
        &[],
        &[
            "devices[].disks",
            "devices[].hostname",
            "devices[].owner",
            "report.date",
            "report.title",
        ],
    );
    check(
        "{{ devices.hostname }}{{ report.title.x }}{{ report.date }}{{ extra }}",
        &[
            "{{ devices.hostname }}: devices is a list and has no hostname of its own; \
             repeat it: {% for item in devices %} … {{ item.hostname }} … {% endfor %}",
            "{{ report.title.x }}: report.title is a plain value and has no x",
        ],
        &[],
        &[],
    );
}

#[test]
fn faults_come_in_reading_order() {
    let body = p("{{ report.zebra }}") + &p("{{ apple }}{{ devices }}") + &p("{{ report.bee }}");
    let inspection = inspect(&docx(&body), Options::default()).unwrap();
    let faults = inspection.compare(&supplied()).faults;
    let tags: Vec<&str> = faults.iter().map(|fault| fault.tag.as_str()).collect();
    assert_eq!(
        tags,
        ["{{ report.zebra }}", "{{ apple }}", "{{ report.bee }}"]
    );
}

#[test]
fn what_may_be_missing_is_a_warning() {
    check(
        "{% for d in devices %}{{ d.owner }}{{ d.hostname }}{{ d.disks }}{% endfor %}{{ report.title }}{{ report.date }}{{ extra }}",
        &[],
        &[
            "{{ d.owner }}: devices[].owner may be missing in the values; for something in its place add |default(\"-\"), or ask first with {% if … is defined %}",
        ],
        &[],
    );
    check(
        "{% if nothing is defined %}{{ nothing.x }}{% endif %}{{ report.title }}{{ report.date }}{{ extra }}{% for d in devices %}{{ d.hostname }}{{ d.disks }}{{ d.owner|d('') }}{% endfor %}",
        &[],
        &[
            "{% if nothing is defined %}: there is no nothing in the values; there are: devices, extra, report",
            "{{ nothing.x }}: there is no nothing in the values; there are: devices, extra, report",
        ],
        &[],
    );
}

#[test]
fn what_is_there_when_asked_for_must_still_have_its_fields() {
    check(
        "{{ report.title }}{{ report.date }}{{ extra }}{% for x in lost|default([]) %}{{ x.y }}{% endfor %}\
         {% if devices is defined %}{% for d in devices %}{{ d.hostname }}{{ d.disks }}{{ d.owner|d }}{{ d.zebra }}{% endfor %}{% endif %}",
        &[
            "{{ d.zebra }}: there is no devices[].zebra in the values of devices[]; there are: disks, hostname, owner",
        ],
        &[
            "{% for x in lost|default([]) %}: there is no lost in the values; there are: devices, extra, report",
            "{{ x.y }}: there is no lost in the values; there are: devices, extra, report",
        ],
        &[],
    );
}

#[test]
fn samples_give_shapes() {
    let sample = context! {
        a => vec![context! { x => 1, y => "t" }, context! { x => 2 }],
        b => (), c => Vec::<u8>::new(), d => context! { e => true },
    };
    let row = Shape::map([("x", Shape::Plain), ("y", Shape::optional(Shape::Plain))]);
    let expected = Shape::map([
        ("a", Shape::list(row)),
        ("b", Shape::Any),
        ("c", Shape::list(Shape::Any)),
        ("d", Shape::map([("e", Shape::Plain)])),
    ]);
    assert_eq!(Shape::of(&sample), expected);
}
