//! Blocks that would tear the document apart are refused when the template is read.

use docx_jinja::{Template, TemplateError};

use crate::support::{cell, docx, p, row};

/// Checks that the body is refused with this message, or allowed.
fn check(body: &str, expected: Result<(), &str>) {
    match (Template::compile(&docx(body)), expected) {
        (Ok(_), Ok(())) => {}
        (Err(TemplateError::Tags(faults)), Err(part)) => {
            assert!(faults.to_string().contains(part), "{body}: {faults}");
        }
        (got, expected) => panic!("{body}: {got:?}, expected {expected:?}"),
    }
}

fn table(rows: &[String]) -> String {
    format!("<w:tbl>{}</w:tbl>", rows.concat())
}

#[test]
fn blocks_open_and_close_in_the_same_kind_of_place() {
    check(&(p("a{% if x %}b") + &p("c{% endif %}d")), Ok(()));
    check(
        &(p("{% if x %}") + &table(&[row(&["{% endif %}"])])),
        Err("stands in another kind of place"),
    );
    check(
        &table(&[row(&["{% for a in b %}", "{% endfor %}"])]),
        Ok(()),
    );
    check(
        &table(&[
            row(&["{%tr for a in b %}"]),
            row(&["x"]),
            row(&["{%tr endfor %}"]),
        ]),
        Ok(()),
    );
    check(
        &table(&[row(&["{%tr for a in b %}"]), row(&["{% endfor %}"])]),
        Err("hint: close it with {%tr endfor %}"),
    );
    check(
        "<w:p><w:r><w:t>{% if x %}</w:t></w:r><w:hyperlink><w:r><w:t>{% endif %}</w:t></w:r></w:hyperlink></w:p>",
        Err("stands in another kind of place"),
    );
}

#[test]
fn blocks_nest_and_end() {
    check(
        &p("{% if x %}"),
        Err("the block is never closed\n  in: {% if x %}")
            .map_err(|_| "hint: add {% endif %} where it ends"),
    );
    check(&p("{% endif %}"), Err("it closes nothing"));
    check(&p("{% else %}"), Err("else without an if before it"));
    check(
        &p("{% for a in b %}{% elif c %}{% endfor %}"),
        Err("elif does not belong to {% for a in b %}"),
    );
    check(
        &p("{% if a %}{% else %}{% elif b %}{% endif %}"),
        Err("elif comes after the else of {% if a %}"),
    );
    check(
        &p("{% if a %}{% else %}{% else %}{% endif %}"),
        Err("else comes after the else of {% if a %}"),
    );
    check(
        &p("{% for a in b %}{% if a %}{% endfor %}"),
        Err("{% if a %} of paragraph 1 must be closed first"),
    );
    check(
        &p("{% for a in b %}{% else %}{% endfor %}{% if a %}{% elif b %}{% else %}{% endif %}"),
        Ok(()),
    );
    check(
        &(p("{%p if x %}") + &p("y")),
        Err("hint: add {%p endif %} where it ends"),
    );
}

#[test]
fn captured_text_stays_inside_one_run() {
    check(&p("{% set a %}x{% endset %}{{ a }}"), Ok(()));
    check(
        &(p("{% set a %}x") + &p("y{% endset %}")),
        Err("inside one piece of text"),
    );
    check(
        &(p("{%p macro f() %}") + &p("x") + &p("{%p endmacro %}")),
        Err("macro cannot stand for a whole element"),
    );
}

#[test]
fn lifted_tags_stand_alone_or_around_their_element() {
    check(
        &p("{%tr if x %}"),
        Err("it does not stand inside a table row"),
    );
    check(
        &(p("{%p if x %} lost") + &p("{%p endif %}")),
        Err("its paragraph holds other content"),
    );
    check(&p("{%p if x %} kept {%p endif %}"), Ok(()));
    check(
        &p("{%p if x %}a{%p else %}b{%p endif %}"),
        Err("its paragraph holds other content"),
    );
    check(
        &format!(
            "<w:tbl><w:tr>{}{}</w:tr></w:tbl>",
            cell("{%tc for a in b %}"),
            cell("x")
        ),
        Err("never closed"),
    );
}
