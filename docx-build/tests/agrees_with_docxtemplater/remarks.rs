//! What cannot be taken over is told with its place, and never printed.

use docx_build::docxtemplater::{Import, Options, Weight, import};
use docx_jinja::Template;

use crate::cases::refused;
use crate::package::{outline, package};

fn taken_over(body: &str) -> Import {
    import(&package(&refused(body)), &Options::default()).unwrap()
}

/// Taking this over leaves exactly this to do.
#[track_caller]
fn check(tag: &str, expected: &str) {
    let import = taken_over(&format!(
        "<w:p><w:r><w:t>Before {tag} after</w:t></w:r></w:p>"
    ));
    let left: Vec<String> = import
        .remarks
        .iter()
        .filter(|remark| remark.weight == Weight::Left)
        .map(ToString::to_string)
        .collect();
    assert_eq!(left, [expected], "{tag}");
    Template::compile(&import.template).unwrap();
}

#[test]
fn what_has_no_counterpart_is_told_with_its_place() {
    check(
        "{@raw}",
        "left: document, paragraph 1: {@raw}: raw XML has no counterpart: a value can only ever become text\n  \
         in: Before {@raw} after\n  \
         hint: write the formatting into the template, or use {{p value|markdown }}",
    );
    check(
        "{a | money}",
        "left: document, paragraph 1: {a | money}: the filter money is code of the old system that the template does not \
         carry along\n  in: Before {a | money} after",
    );
    check(
        "{first name}",
        "left: document, paragraph 1: {first name}: name is not expected there\n  in: Before {first name} after",
    );
    check(
        "{größe}",
        "left: document, paragraph 1: {größe}: \"größe\" cannot be a name in a template: give the value a name of letters, \
         digits and _\n  in: Before {größe} after",
    );
    check(
        "{#rows}",
        "left: document, paragraph 1: {#rows}: the section is never closed\n  in: Before {#rows} after",
    );
    check(
        "{/rows}",
        "left: document, paragraph 1: {/rows}: it closes nothing\n  in: Before {/rows} after",
    );
}

#[test]
fn both_ends_of_a_section_are_left_together() {
    let import = taken_over("<w:p><w:r><w:t>{#a | money}{b}{/}</w:t></w:r></w:p>");
    let left = import
        .remarks
        .iter()
        .filter(|remark| remark.weight == Weight::Left);
    assert_eq!(left.count(), 2, "{:?}", import.remarks);
    assert_eq!(
        outline(&import.template, "word/document.xml"),
        "{# {#a | money} #}{{ b }}{# {/} #}¶"
    );
    Template::compile(&import.template).unwrap();
}

#[test]
fn guesses_are_told() {
    let import = taken_over("<w:p><w:r><w:t>{#rows}{n}{/rows}</w:t></w:r></w:p>");
    let remarks: Vec<String> = import.remarks.iter().map(ToString::to_string).collect();
    assert_eq!(
        remarks,
        [
            "look: document, paragraph 1: {#rows}: taken for a loop over a list\n  in: {#rows}{n}{/rows}\n  \
          hint: with a sample of the old data (--data) nothing is guessed"
        ]
    );
    assert_eq!(
        outline(&import.template, "word/document.xml"),
        "{% for row in rows %}{{ row.n }}{% endfor %}¶"
    );
    assert_eq!(import.taken, 3);
}

#[test]
fn pictures_are_taken_over_with_a_word_on_their_size() {
    let import = taken_over("<w:p><w:r><w:t>{%logo} {%%a.b}</w:t></w:r></w:p>");
    assert!(
        import
            .remarks
            .iter()
            .all(|remark| remark.weight == Weight::Look)
    );
    assert_eq!(import.remarks.len(), 2);
    assert_eq!(
        outline(&import.template, "word/document.xml"),
        "{{ logo|image }} {{ a.b|image }}¶"
    );
}

#[test]
fn what_is_no_template_is_refused() {
    let check = |bytes: &[u8], expected: &str| {
        let error = import(bytes, &Options::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(b"no zip", "is not a Word document");
    check(
        &package(&refused("<w:p></w:body>")),
        "document.xml is damaged",
    );
}
