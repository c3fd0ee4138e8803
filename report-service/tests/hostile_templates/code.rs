//! What the code of tags can try.

use super::package::{Package, p};
use super::{Case, good, stopped};

#[expect(clippy::too_many_lines, reason = "a table, one attack after the other")]
pub(crate) fn tags() -> Vec<Case> {
    let own = "belong to the engine";
    let of = |tags: &str| Package::with_body(&p(tags));
    let fault = |name: &str, tags: &str, told: &str| stopped(name, of(tags), told);
    let parens = format!("{{{{ {}1{} }}}}", "(".repeat(3_000), ")".repeat(3_000));
    let blocks = format!(
        "{}{}",
        "{% if 1 %}".repeat(2_000),
        "{% endif %}".repeat(2_000)
    );
    let many = "{{ 1 }}".repeat(10_100);
    let long = format!("{{{{ '{}' }}}}", "x".repeat(9_000));
    let doubled = format!(
        "{{% set s = 'x' * 1000 %}}{}",
        "{% set s = s ~ s %}".repeat(30)
    );
    vec![
        good(
            "a loop",
            of("{% for n in range(1000) %}{{ n }} {% endfor %}"),
        ),
        good(
            "a macro",
            of(
                "{% macro m(n) %}{% if n %}{{ n }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}",
            ),
        ),
        good("what looks like a command", of("{{ 'rm -rf /; $(id)' }}")),
        fault(
            "a shell by way of a class",
            "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
            "cycler",
        ),
        fault(
            "a class of a text",
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "__class__",
        ),
        good(
            "names with two lines",
            of("{% set a__b = '__kept' %}{{ a__b }}{{ [a__b]|map('upper')|first }}"),
        ),
        fault(
            "markup by a helper of the engine",
            "{{ __kept('&lt;/w:t&gt;', []) }}",
            own,
        ),
        fault(
            "an id by a helper of the engine",
            "{{ __picture('x', []) }}",
            own,
        ),
        fault(
            "markup by a filter of the engine",
            "{{ 'v'|__runs('&lt;w:object/&gt;', false) }}",
            own,
        ),
        fault(
            "a filter of the engine by its name",
            "{{ ['v']|map('__blocks', '&lt;w:object/&gt;', '')|first }}",
            own,
        ),
        fault(
            "a filter of the engine by a name put together",
            "{{ ['v']|map('__' ~ 'runs', '&lt;w:object/&gt;', false)|first }}",
            own,
        ),
        fault("a class by filter", "{{ ''|attr('__class__') }}", ""),
        fault(
            "the template's own self",
            "{{ self._TemplateReference__context }}",
            "self",
        ),
        fault(
            "a request",
            "{{ request.application.__globals__ }}",
            "request",
        ),
        fault("a file", "{% include '/etc/passwd' %}", "include"),
        fault("another template", "{% extends 'base.html' %}", "extends"),
        fault("an import", "{% import '/etc/passwd' as x %}", "import"),
        fault("the debugger", "{{ debug() }}", "debug"),
        fault(
            "a loop in a loop",
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "",
        ),
        fault(
            "a loop in a loop that writes",
            "{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}",
            "",
        ),
        fault("a long range", "{{ range(100000000000)|length }}", ""),
        fault("a huge text", "{{ 'x' * 2000000000 }}", "too large"),
        fault("a text that doubles", &doubled, "larger than"),
        fault("a power of powers", "{{ 9 ** 9 ** 9 ** 9 }}", ""),
        fault(
            "an endless macro",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "",
        ),
        fault("a wide format", "{{ '%999999999d'|format(1) }}", ""),
        fault("a wide indent", "{{ 'a\nb'|indent(4000000000) }}", ""),
        fault(
            "a list that doubles",
            "{% set l = [1, 2] %}{% for i in range(40) %}{% set l = l + l %}{% endfor %}{% set ns = namespace(l=[1,2]) %}{% for i in range(40) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
            "more than",
        ),
        fault(
            "texts kept in a list",
            "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + ['x' * 4000000] %}{% endfor %}",
            "",
        ),
        fault(
            "lists kept in lists",
            "{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l, range(9000)|list] %}{% endfor %}",
            "render.memory_mb",
        ),
        fault(
            "a sort in a loop",
            "{% set l = range(100000)|list %}{% for i in range(100000) %}{% set q = l|sort %}{% endfor %}",
            "",
        ),
        fault(
            "a replacement that grows",
            "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(30) %}{% set ns.s = ns.s|replace('x', 'xxxx') %}{% endfor %}",
            "larger than",
        ),
        fault(
            "gigabytes of output",
            "{% set s = 'y' * 1000000 %}{% for i in range(100000) %}{{ s }}{% endfor %}",
            "",
        ),
        fault("brackets without end", &parens, ""),
        fault("blocks without end", &blocks, ""),
        fault("too many tags", &many, ""),
        fault("too long a tag", &long, "longer than"),
        fault("a block that is never closed", "{% for x in y %}", ""),
        fault("a tag that is never closed", "{{ x", "never closed"),
        fault("a division by nothing", "{{ 1 // 0 }}", ""),
    ]
}
