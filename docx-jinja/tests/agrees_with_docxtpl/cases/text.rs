//! Tags in running text, between pieces of different looks.

use super::{Template, written};
use crate::package::{docx, p, paragraph, run, styled};

const BOLD: &str = "<w:b/>";
const RED: &str = "<w:color w:val=\"C00000\"/>";

/// All templates of this kind.
pub(super) fn all() -> Vec<Template> {
    let mut all = values();
    all.extend(split_tags());
    all.extend(statements());
    all.extend(paragraphs());
    all
}

/// A document of one paragraph.
fn line(name: &str, runs: &[String]) -> Template {
    written(name, &docx(paragraph("", runs)))
}

fn values() -> Vec<Template> {
    vec![
        written(
            "line breaks keep the look",
            &docx(paragraph(
                "<w:jc w:val=\"both\"/>",
                &[styled(BOLD, "{{ lines }} and {{ tabbed }}"), run(" plain")],
            )),
        ),
        written(
            "spaces around",
            &docx(p("  {{ count }}   {{ count }}  ") + &p(" x {{ empty }} y ")),
        ),
        written(
            "look of a value",
            &docx(paragraph(
                "<w:pStyle w:val=\"Heading1\"/>",
                &[
                    run("Title: "),
                    styled(&format!("{BOLD}{RED}"), "{{ report.title }}"),
                    run(" end"),
                ],
            )),
        ),
        written(
            "character style",
            &docx(paragraph(
                "<w:spacing w:after=\"120\"/><w:jc w:val=\"center\"/>",
                &[
                    styled("<w:rStyle w:val=\"Strong\"/>", "{{ customer.name }}"),
                    styled("<w:i/>", ", {{ customer.city }}"),
                ],
            )),
        ),
    ]
}

fn split_tags() -> Vec<Template> {
    let proof = "<w:proofErr w:type=\"spellStart\"/>".to_owned();
    let letters = |text: &str, look: &str| {
        text.chars()
            .map(|c| styled(look, &c.to_string()))
            .collect::<Vec<_>>()
    };
    vec![
        line(
            "split over runs",
            &[
                run("To {"),
                run("{ customer"),
                proof.clone(),
                run(".name }"),
                run("} now"),
            ],
        ),
        line(
            "split over runs of one look",
            &[
                styled(BOLD, "To {{ "),
                styled(BOLD, "customer.name"),
                styled(BOLD, " }} now"),
            ],
        ),
        line(
            "split letter by letter",
            &letters("{{ customer.name|upper }}", BOLD),
        ),
        line(
            "split over runs of different looks",
            &[
                styled(BOLD, "To {{ "),
                styled(RED, "customer.name"),
                styled("<w:i/>", " }}"),
                run(" now"),
            ],
        ),
        line(
            "split with text behind it",
            &[
                styled(BOLD, "To {{ customer"),
                styled(RED, ".name }} behind"),
                run(" now"),
            ],
        ),
        line(
            "split statements",
            &[
                run("{% i"),
                run("f yes %}yes"),
                run("{% el"),
                run("se %}no{"),
                run("% endif %}"),
                run("."),
            ],
        ),
        line(
            "split over a bookmark",
            &[
                run("{{ "),
                "<w:bookmarkStart w:id=\"3\" w:name=\"here\"/>".to_owned(),
                run("count"),
                "<w:bookmarkEnd w:id=\"3\"/>".to_owned(),
                run(" }} ok"),
            ],
        ),
    ]
}

fn statements() -> Vec<Template> {
    vec![
        line(
            "loop over looks",
            &[
                run("{% for m in months %}"),
                styled(BOLD, "{{ m }}"),
                styled(RED, "; "),
                run("{% endfor %}end"),
            ],
        ),
        line(
            "run loop",
            &[
                run("{%r for m in months %}"),
                styled(BOLD, "{{ m }}"),
                run("{%r endfor %}"),
                run(" end"),
            ],
        ),
        line(
            "run condition",
            &[
                run("a "),
                run("{%r if no %}"),
                styled(BOLD, "b"),
                run("{%r endif %}"),
                run(" c"),
            ],
        ),
    ]
}

fn paragraphs() -> Vec<Template> {
    vec![
        written(
            "numbered list",
            &docx(
                p("{%p for d in devices %}")
                    + &paragraph(
                        "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr>",
                        &[run("{{ d.hostname }}")],
                    )
                    + &p("{%p endfor %}")
                    + &p("End"),
            ),
        ),
        written(
            "list of two levels",
            &docx(
                p("{%p for d in devices %}")
                    + &paragraph(
                        "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr>",
                        &[run("{{ d.hostname }}")],
                    )
                    + &p("{%p for k in d.disks %}")
                    + &paragraph(
                        "<w:numPr><w:ilvl w:val=\"1\"/><w:numId w:val=\"1\"/></w:numPr>",
                        &[run("{{ k.name }}")],
                    )
                    + &p("{%p endfor %}")
                    + &p("{%p endfor %}"),
            ),
        ),
        written(
            "bullets",
            &docx(
                p("{%p for s in sections %}")
                    + &paragraph("<w:pStyle w:val=\"Heading2\"/>", &[run("{{ s.title }}")])
                    + &p("{{ s.text }}")
                    + &p("{%p for i in s['items'] %}")
                    + &paragraph(
                        "<w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"2\"/></w:numPr>",
                        &[run("{{ i }}")],
                    )
                    + &p("{%p endfor %}")
                    + &p("{%p endfor %}"),
            ),
        ),
    ]
}
