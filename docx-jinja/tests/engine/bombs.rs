//! Templates made to use up memory or time end with an error, and soon.

use std::time::{Duration, Instant};

use docx_jinja::minijinja::context;
use docx_jinja::{Limits, Options, RenderError, Template};

use crate::support::{body, compile_error, docx, p, render_error, text};

/// The time that this thread has had a processor, whatever else the machine does.
fn spent() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split(' ').next().unwrap();
    Duration::from_nanos(nanoseconds.parse().unwrap())
}

/// Checks that the paragraphs are refused with this in the message.
fn check(paragraphs: &[&str], expected: &str) {
    let start = spent();
    let body: String = paragraphs.iter().map(|text| p(text)).collect();
    let error = render_error(&body, context! { n => 4_000_000_000_u64, v => "x" }).to_string();
    assert!(error.contains(expected), "{paragraphs:?}: {error}");
    assert!(spent() - start < Duration::from_secs(60), "{paragraphs:?}");
}

/// The same paragraph many times, between a first and a last one.
fn repeated<'p>(first: &'p str, again: &'p str, count: usize, last: &'p str) -> Vec<&'p str> {
    [vec![first], vec![again; count], vec![last]].concat()
}

#[test]
fn text_that_doubles_is_stopped() {
    let first = "{% set s = 'xxxxxxxxxxxxxxxx' %}";
    for again in [
        "{% set s = s ~ s %}",
        "{% set s = s~s %}",
        "{% set s = (s) ~ (s|upper) %}",
        "{% set s = s + s %}",
        "{% set s = s * 2 %}",
        "{% set s = [s, s] ~ '' %}",
        "{% set s = [s, s]|join %}",
        "{% set s = '%s%s'|format(s, s) %}",
        "{% with t = s ~ s %}{{ t|length }}{% endwith %}{% set s = s ~ s %}",
        "{% set s = v if false else s ~ s %}",
    ] {
        check(
            &repeated(first, again, 30, "{{ s|length }}"),
            "larger than 4194304 bytes",
        );
    }
    let again = "{% set s = s|replace('x', 'xxxxxxxxxx') %}";
    check(&repeated(first, again, 9, ""), "larger than 4194304 bytes");
    let again = "{% set s %}{{ s }}{{ s }}{% endset %}";
    check(&repeated(first, again, 30, ""), "larger than 4194304 bytes");
    let grow = "{% macro m(s, n) %}{% if n %}{{ m(s ~ s, n - 1) }}{% endif %}{% endmacro %}{{ m('xxxxxxxxxxxxxxxx' * 1000, 14) }}";
    check(&[grow], "larger than 4194304 bytes");
}

#[test]
fn constants_are_not_multiplied_when_a_template_is_compiled() {
    check(&["{{ ('x' * 100000) * 200000 }}"], "too large");
    check(
        &["{{ 'x' * 90000000 ~ 'x' * 90000000 }}"],
        "larger than 4194304 bytes",
    );
}

#[test]
fn arguments_are_bounded() {
    for tag in [
        "{{ v|indent(4000000000, true) }}",
        "{{ v|indent(n, true)|length }}",
        "{{ v|indent(width=n, first=true)|length }}",
        "{{ [1]|slice(n)|length }}",
        "{{ [1]|slice(count=n)|length }}",
        "{{ [1]|batch(n, 'x')|length }}",
        "{{ [1]|batch(count=n, fill_with='x')|length }}",
        "{{ '%09999999999d'|format(1) }}",
        "{{ '%*d'|format(n, 1) }}",
        "{{ '%.999999999f'|format(1.5) }}",
    ] {
        let error = render_error(&p(tag), context! { n => 4_000_000_000_u64, v => "x" });
        assert!(matches!(error, RenderError::Tag(_)), "{tag}: {error}");
    }
}

/// Arguments that become text are bounded as the value before the bar is.
#[test]
fn lists_given_as_arguments_do_not_become_endless_text() {
    let again = "{% set s = [s, s] %}";
    for tag in [
        "{{ 'a'|replace('a', s) }}",
        "{{ 'a'|replace(s, 'b') }}",
        "{{ '%s'|format(s) }}",
        "{{ '%(a)s'|format(a=s) }}",
        "{{ 'a b'|split(s) }}",
        "{{ [{'x': 1}]|chart('line', x='x', y='x', title=s) }}",
        "{{ [{'x': 1}]|chart('line', x='x', y='x', alt=s) }}",
        "{{ [{'x': 1}]|chart('line', x=s) }}",
        "{{ v|link(s) }}",
    ] {
        let all = repeated("{% set s = 'xxxx' %}", again, 40, tag);
        check(&all, "larger than 4194304 bytes");
    }
    let long = "{% set s = 'x' * 4000000 %}";
    check(&[long, "{{ '%(a)s%(a)s'|format(a=s) }}"], "larger than");
    check(
        &[long, "{{ 1e300|number(thousands=s) }}"],
        "at most 64 bytes",
    );
    check(&["{{ [{'x': 1}]|tally(['x']) }}"], "names of columns");
    // What they do not stop.
    let filled = body(
        &p(
            "{{ 'a-b'|replace('-', [1, 2]) }}{{ '%s %(n)s'|format(1) if false else '%s'|format([1]) }}{{ '%(a)s'|format(a=7) }}",
        ),
        context! {},
    );
    assert_eq!(text(&filled), "a[1, 2]b[1]7¶");
}

#[test]
fn lists_that_double_are_stopped() {
    let first = "{% set s = [1, 2, 3, 4] %}";
    check(
        &repeated(first, "{% set s = s + s %}", 32, ""),
        "more than 1000000 items",
    );
    check(
        &repeated(first, "{% set s = s|chain(s) %}", 32, ""),
        "more than 1000000 items",
    );
    check(
        &repeated(first, "{% set s = s * 40 %}", 8, ""),
        "more than 1000000 items",
    );
    check(
        &repeated(first, "{% set s = [s, s] %}", 40, "{{ s }}"),
        "larger than 4194304 bytes",
    );
    check(
        &repeated(first, "{% set s = [s, s] %}", 40, "{{ s|upper }}"),
        "larger than 4194304 bytes",
    );
}

#[test]
fn values_that_grow_are_stopped() {
    let again = "{% set s = [s, s]|rich(bold=true) %}";
    check(
        &repeated("{% set s = 'x' %}", again, 30, "{{r s }}"),
        "more than 10000 pieces",
    );
    for tag in [
        "{{r 'x'|rich(font=s) }}",
        "{{r 'x'|rich(link=s) }}",
        "{{p 'x'|markdown(table=s) }}",
    ] {
        let again = "{% set s = [s, s] %}";
        check(
            &repeated("{% set s = 'x' %}", again, 30, tag),
            "larger than 4194304 bytes",
        );
    }
    check(&["{{r range(100000)|rich }}"], "more than 10000 pieces");
    let text = "{% set s = '- *x*\\n' * 100000 %}";
    check(&[text, "{{p s|markdown }}"], "more than 50000 paragraphs");
}

#[test]
fn text_kept_in_a_list_is_stopped() {
    let keep = "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + ['x' * 4000000] %}{% endfor %}";
    check(&[keep], "more than 536870912 bytes");
    let keep = "{% set s = 'x' * 4000000 %}{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + [s[1:]] %}{% endfor %}";
    check(&[keep], "more than 536870912 bytes");
}

#[test]
fn time_is_bounded_with_and_without_output() {
    let limits = Limits {
        render_ms: 200,
        ..Limits::default()
    };
    let options = Options {
        limits,
        ..Options::default()
    };
    for tag in [
        "{% set l = range(10000)|list %}{% for a in range(100000) %}{% set q = l|sort|length %}{% endfor %}",
        "{% set s = 'x' * 4000000 %}{% for a in range(100000) %}{% set q = 'y' in s %}{% endfor %}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(100000) %}{% for b in range(1000) %}{{ b }}{% endfor %}{% endfor %}",
        "{% for a in range(100000) %}{% for b in range(1000) %}text{% endfor %}{% endfor %}",
    ] {
        let start = Instant::now();
        let template = Template::compile_with(&docx(&p(tag)), options).unwrap();
        let error = template.render(context! {}, std::io::sink()).unwrap_err();
        assert!(error.to_string().contains("200"), "{tag}: {error}");
        assert!(start.elapsed() < Duration::from_secs(30), "{tag}");
    }
}

#[test]
fn long_templates_take_no_longer_than_their_length_asks_for() {
    let soon = Duration::from_secs(20);
    let start = spent();
    let signs = format!(
        "{{% set x %}}{}{{% endset %}}{{{{ x|upper|length }}}}",
        "&".repeat(1_000_000)
    );
    assert_eq!(text(&body(&p(&signs), context! {})), "1000000¶");
    assert!(spent() - start < soon, "{:?}", spent() - start);
    let drawing = |inner: &str| format!("<w:p><w:r><w:drawing>{inner}</w:drawing></w:r></w:p>");
    let start = spent();
    let pictures = "<a:blip r:embed=\"r\"/>".repeat(60_000);
    Template::compile(&docx(&drawing(&pictures))).unwrap();
    let shapes = "<asvg:svgBlip r:embed=\"r\"/>".repeat(20_000);
    Template::compile(&docx(&drawing(&format!("<a:ext>{shapes}</a:ext>")))).unwrap();
    assert!(spent() - start < soon, "{:?}", spent() - start);
    let named = |count: usize| {
        let name = format!("<wp:docPr descr=\"{}\"/>", "x".repeat(50_000));
        docx(&drawing(&(name + &"<a:blip r:embed=\"r\"/>".repeat(count))))
    };
    Template::compile(&named(10)).unwrap();
    let error = compile_error(&named(1_000)).to_string();
    assert!(
        error.contains("the names of its pictures are too long"),
        "{error}"
    );
}

#[test]
fn guarded_operators_mean_what_they_did() {
    for (tag, expected) in [
        ("{{ 1 + 2 * 3 }}", "7"),
        ("{{ (1 + 2) * 3 }}", "9"),
        ("{{ -(1 + 2) * -3 ** 2 }}", "-27"),
        ("{{ 'a' ~ 1 + 2 ~ 'b' * 2 }}", "a12bb"),
        ("{{ ('a' ~ 'b')[1:] ~ ((o).x)[:2] }}", "bxy"),
        ("{{ o.x[1:][1:] ~ o['x'][0:1] }}", "zx"),
        ("{{ o.x[1:]|upper }}", "YZ"),
        (
            "{{ ''[::-1] ~ o.x[::-1] ~ o.x[:0:-1] ~ o.x[ 5 : : -2 ] }}",
            "zyxzyzx",
        ),
        (
            "{{ [][::-1]|length ~ [1, 2, 3][::-1] ~ o.list[(0):(1 + 1)] }}",
            "0[3, 2, 1][4, 5]",
        ),
        (
            "{{ o.list[o['list'][0] - 4:][-1:]|first ~ o.list[:][::]|length ~ (o.list)[1:2][0] }}",
            "635",
        ),
        (
            "{{ range(9)[2:8:3]|join ~ (range(9)|reverse)[-2:]|join ~ none[1:]|length }}",
            "25100",
        ),
        ("{{ (o.x ~ '+~*')|length }}", "6"),
        ("{{ '~' ~ \"'~'\" ~ [1 + 1, 'a' ~ 'b'][1] }}", "~'~'ab"),
        ("{{ 'yes' if o.x ~ 'w' == 'xyz' + 'w' else 'no' }}", "yes"),
        ("{{ [3, 1] + [2] }}", "[3, 1, 2]"),
        ("{{ ([3, 1] + [2])|sort|join(', ' ~ '') }}", "1, 2, 3"),
        ("{{ {'k': 'a' ~ 'b'}.k ~ none }}", "abNone"),
        (
            "{% if 'a' ~ 'b' in 'xaby' and o.x[0] ~ 'b' is string %}in{% endif %}",
            "in",
        ),
        (
            "{% for c in 'ab' ~ 'c' if c ~ 'd' != 'bd' %}{{ c }}{% endfor %}",
            "ac",
        ),
        (
            "{% with a = 'b' ~ 'c', d = 1 + 1 %}{{ a ~ d }}{% endwith %}",
            "bc2",
        ),
        ("{% if false %}{% elif 1 + 1 == 2 %}elif{% endif %}", "elif"),
        (
            "{% macro m(a, b='x' ~ 'y') %}{{ a ~ b }}{% endmacro %}{{ m('1' ~ '2') }}",
            "12xy",
        ),
        ("{% filter replace('a', 'b' ~ 'c') %}a{% endfilter %}", "bc"),
    ] {
        let out = body(
            &p(tag),
            context! { o => context! { x => "xyz", list => [4, 5, 6] } },
        );
        assert_eq!(text(&out), format!("{expected}¶"), "{tag}");
    }
}
