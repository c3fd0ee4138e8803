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
        &table(&[row(&["{% for a in b %}x{% endfor %}", "{{ c }}"])]),
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
fn blocks_do_not_go_from_cell_to_cell() {
    let across = "write {%tr … %} to repeat rows, {%tc … %} to repeat cells";
    let check_row = |cells: &[&str], expected| check(&table(&[row(cells)]), expected);
    check_row(
        &["{% for a in b %}{{ a }}", "{{ a }}{% endfor %}"],
        Err(across),
    );
    check_row(
        &["{% for a in b %}{{ a }}", "{%tr endfor %}"],
        Err("{%tr … %}"),
    );
    check_row(
        &["{% if a %}x", "y{% endif %}"],
        Err("{%tr … %} to keep or leave out rows"),
    );
    check_row(
        &["{% if a %}x", "{% else %}y{% endif %}"],
        Err("{% if a %} stands in another cell of the row"),
    );
    check_row(
        &["{%tr for a in b %}{{ a }}", "{{ a }}{%tr endfor %}"],
        Ok(()),
    );
    let two = |first: &str, second: &str| format!("<w:tc>{}{}</w:tc>", p(first), p(second));
    let in_row = |cells: &[String]| format!("<w:tbl><w:tr>{}</w:tr></w:tbl>", cells.concat());
    check(
        &in_row(&[
            two("{% for a in b %}{{ a }}", "{{ a }}{% endfor %}"),
            cell("x"),
        ]),
        Ok(()),
    );
    check(
        &in_row(&[
            two("{%p for a in b %}", "{{ a }}"),
            two("{{ a }}", "{%p endfor %}"),
        ]),
        Err(across),
    );
}

/// Checks all faults of a body, each as `tag: message` and hint.
fn check_faults(body: &str, expected: &[&str]) {
    let Err(TemplateError::Tags(faults)) = Template::compile(&docx(body)) else {
        panic!("{body}: not a fault of tags");
    };
    let told = faults.0.iter().map(|fault| {
        let hint = fault.hint.as_deref().unwrap_or("nothing");
        format!(
            "{:?} {}: {}; {hint}",
            fault.paragraph, fault.tag, fault.message
        )
    });
    assert_eq!(told.collect::<Vec<_>>(), expected, "{body}");
}

#[test]
fn the_block_that_is_left_open_is_the_one_accused() {
    let rows = |last: &str| {
        p("{%p for t in tenants %}")
            + &table(&[
                row(&["{%tr for r in t.rows %}"]),
                row(&["{{ r.name }}"]),
                row(&[last]),
            ])
            + &p("{%p endfor %}")
    };
    check(&rows("{%tr endfor %}"), Ok(()));
    check_faults(
        &rows("last"),
        &[
            "Some(2) {%tr for r in t.rows %}: the block is never closed; add {%tr endfor %} where it ends",
        ],
    );
    check_faults(
        &p("{% for a in b %}{% if a %}{% endfor %}"),
        &["Some(1) {% if a %}: the block is never closed; add {% endif %} where it ends"],
    );
    check_faults(
        &p("{% if a %}x{% endfor %}"),
        &[
            "Some(1) {% endfor %}: it closes nothing; open is {% if a %}; write {% endif %}, or take it out",
        ],
    );
    check_faults(
        &table(&[row(&["{% for a in b %}"]), row(&["{%tr endfor %}"])]),
        &[
            "Some(2) {%tr endfor %}: {% for a in b %} in paragraph 1 stands in another kind of place; open it with {%tr for a in b %}",
        ],
    );
    check_faults(
        &(p("{%tr if x %}") + &p("{%p if y %}") + &p("{%p endif %}") + &p("{%tr endif %}")),
        &[
            "Some(1) {%tr if x %}: it does not stand inside a table row; \
             put it into a row of its own in the table, or write {%p to repeat paragraphs",
            "Some(4) {%tr endif %}: it does not stand inside a table row; \
             put it into a row of its own in the table, or write {%p to repeat paragraphs",
        ],
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
        Err("{% if a %}: the block is never closed"),
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
