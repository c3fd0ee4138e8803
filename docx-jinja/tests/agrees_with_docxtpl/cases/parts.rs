//! Headers, notes, text boxes and what else stands beside the main text.

use super::{Template, written};
use crate::package::{docx, p, paragraph, picture, row, run, styled, table};

/// All templates of this kind.
pub(super) fn all() -> Vec<Template> {
    let mut all = edges();
    all.extend(notes());
    all.extend(wrapped());
    all.extend(pictures());
    all.extend(around());
    all
}

fn field(code: &str, shown: &str) -> String {
    let mark = |kind: &str| format!("<w:r><w:fldChar w:fldCharType=\"{kind}\"/></w:r>");
    let code = format!("<w:r><w:instrText xml:space=\"preserve\"> {code} </w:instrText></w:r>");
    mark("begin") + &code + &mark("separate") + &run(shown) + &mark("end")
}

fn edges() -> Vec<Template> {
    let body = || p("{{ report.title }}");
    let listing = table(
        2,
        &[
            row(&["{%tr for d in devices %}", ""]),
            row(&["{{ d.hostname }}", "{{ d.owner }}"]),
            row(&["{%tr endfor %}", ""]),
        ],
    );
    vec![
        written(
            "header",
            &docx(body()).header("default", &p("{{ customer.name }}, {{ report.period }}")),
        ),
        written(
            "footer with page numbers",
            &docx(body()).footer(
                "default",
                &paragraph(
                    "",
                    &[
                        run("{{ report.title }}, page "),
                        field("PAGE", "1"),
                        run(" of "),
                        field("NUMPAGES", "1"),
                    ],
                ),
            ),
        ),
        written(
            "header and footer of the first page",
            &docx(body())
                .header("default", &p("all {{ count }}"))
                .header("first", &p("first {{ customer.city }}"))
                .footer("first", &p("{% if yes %}first footer{% endif %}"))
                .first_page_differs(),
        ),
        written(
            "table in a header",
            &docx(body()).header("default", &(listing + &p(""))),
        ),
        written(
            "header without tags",
            &docx(body())
                .header("default", &p("plain"))
                .footer("default", &p("also plain")),
        ),
        {
            let section = "<w:p><w:pPr><w:sectPr><w:headerReference w:type=\"default\" r:id=\"rIdPart1\"/><w:pgSz w:w=\"11906\" w:h=\"16838\"/>\
                <w:pgMar w:top=\"1134\" w:right=\"1134\" w:bottom=\"1134\" w:left=\"1134\" w:header=\"567\" w:footer=\"567\" w:gutter=\"0\"/></w:sectPr></w:pPr></w:p>";
            written(
                "sections with headers of their own",
                &docx(p("one {{ count }}") + section + &p("two"))
                    .header("", &p("one: {{ customer.city }}"))
                    .header("default", &p("two: {{ report.number }}")),
            )
        },
    ]
}

fn notes() -> Vec<Template> {
    let footnote = "<w:r><w:footnoteReference w:id=\"1\"/></w:r>".to_owned();
    let endnote = "<w:r><w:endnoteReference w:id=\"1\"/></w:r>".to_owned();
    let commented = [
        "<w:commentRangeStart w:id=\"1\"/>".to_owned(),
        run("text {{ count }}"),
        "<w:commentRangeEnd w:id=\"1\"/><w:r><w:commentReference w:id=\"1\"/></w:r>".to_owned(),
    ];
    vec![
        written(
            "footnote",
            &docx(paragraph("", &[run("See {{ report.title }}"), footnote])).notes(
                "footnote",
                &p("{{ customer.name }}, {% for m in months %}{{ m }} {% endfor %}"),
            ),
        ),
        written(
            "endnote without tags",
            &docx(paragraph(
                "",
                &[run("See {{ report.title }}"), endnote.clone()],
            ))
            .notes("endnote", &p("plain")),
        ),
        written(
            "endnote",
            &docx(paragraph("", &[run("See"), endnote]))
                .notes("endnote", &p("{{ customer.name }}")),
        ),
        written(
            "comment without tags",
            &docx(paragraph("", &commented)).comments(&format!(
                "<w:comment w:id=\"1\" w:author=\"A\" w:initials=\"A\">{}</w:comment>",
                p("a remark")
            )),
        ),
    ]
}

fn wrapped() -> Vec<Template> {
    let content = p("{{ customer.name }}")
        + &p("{%p for m in months %}")
        + &p("{{ m }}")
        + &p("{%p endfor %}")
        + &p("end");
    let shape = format!(
        "<w:r><mc:AlternateContent><mc:Choice Requires=\"wps\"><w:drawing><wp:inline><wp:extent cx=\"2520000\" cy=\"1440000\"/>\
         <wp:docPr id=\"9\" name=\"Box\"/><a:graphic><a:graphicData uri=\"http://schemas.microsoft.com/office/word/2010/wordprocessingShape\">\
         <wps:wsp><wps:cNvSpPr txBox=\"1\"/><wps:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"2520000\" cy=\"1440000\"/></a:xfrm>\
         <a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></wps:spPr><wps:txbx><w:txbxContent>{content}</w:txbxContent></wps:txbx>\
         <wps:bodyPr/></wps:wsp></a:graphicData></a:graphic></wp:inline></w:drawing></mc:Choice><mc:Fallback><w:pict>\
         <v:rect style=\"width:198pt;height:113pt\"><v:textbox><w:txbxContent>{content}</w:txbxContent></v:textbox></v:rect></w:pict>\
         </mc:Fallback></mc:AlternateContent></w:r>"
    );
    let link = |text: &str| {
        format!(
            "<w:hyperlink r:id=\"rIdLink\">{}</w:hyperlink>",
            styled("<w:rStyle w:val=\"Hyperlink\"/>", text)
        )
    };
    let control = |properties: &str, content: &str| {
        format!(
            "<w:sdt><w:sdtPr><w:alias w:val=\"Name\"/>{properties}</w:sdtPr><w:sdtContent>{content}</w:sdtContent></w:sdt>"
        )
    };
    vec![
        written(
            "text box",
            &docx(paragraph("", &[run("{{ count }} "), shape])),
        ),
        written(
            "hyperlink text",
            &docx(paragraph(
                "",
                &[run("Go to "), link("{{ customer.city }} page"), run(".")],
            ))
            .link("rIdLink", "https://example.org/"),
        ),
        written(
            "content control around paragraphs",
            &docx(control("", &(p("{{ customer.name }}") + &p("plain"))) + &p("After")),
        ),
        written(
            "content control in a line",
            &docx(paragraph(
                "",
                &[
                    run("Name: "),
                    control("<w:text/>", &run("{{ customer.name }}")),
                    run("!"),
                ],
            )),
        ),
        written(
            "tracked insertion",
            &docx(paragraph(
                "",
                &[
                    run("a "),
                    format!(
                        "<w:ins w:id=\"5\" w:author=\"A\">{}</w:ins>",
                        run("{{ count }}")
                    ),
                    run(" b"),
                ],
            )),
        ),
    ]
}

fn pictures() -> Vec<Template> {
    vec![
        written(
            "picture beside a tag",
            &docx(paragraph(
                "",
                &[
                    run("{{ count }} "),
                    picture("Logo", "a red square"),
                    run(" end"),
                ],
            )),
        ),
        written(
            "alternative text",
            &docx(
                paragraph("", &[picture("Logo", "logo of {{ customer.city }}")])
                    + &p("{{ count }}"),
            ),
        ),
        written(
            "pictures in a loop",
            &docx(
                p("{%p for m in months %}")
                    + &paragraph("", &[run("{{ m }} "), picture("Logo", "square")])
                    + &p("{%p endfor %}")
                    + &p("End"),
            ),
        ),
    ]
}

fn around() -> Vec<Template> {
    vec![
        written(
            "core properties",
            &docx(p("{{ count }}")).properties(
                "{{ report.title }} for {{ customer.city }}",
                "{{ months|join(', ') }}",
            ),
        ),
        written("core properties without tags", &docx(p("{{ count }}"))),
        written(
            "fields beside tags",
            &docx(
                paragraph(
                    "",
                    &[
                        run("{{ count }} "),
                        field("DATE \\@ \"yyyy\"", "2026"),
                        run(" {{ customer.city }}"),
                    ],
                ) + &p("End"),
            ),
        ),
        written(
            "page break and tab stops",
            &docx(
                paragraph(
                    "<w:tabs><w:tab w:val=\"right\" w:pos=\"9000\"/></w:tabs>",
                    &[
                        run("{{ customer.city }}"),
                        "<w:r><w:tab/></w:r>".to_owned(),
                        run("{{ count }}"),
                    ],
                ) + &paragraph(
                    "",
                    &[
                        "<w:r><w:br w:type=\"page\"/></w:r>".to_owned(),
                        run("{{ report.title }}"),
                    ],
                ),
            ),
        ),
        written(
            "bookmarks",
            &docx(paragraph(
                "",
                &[
                    "<w:bookmarkStart w:id=\"1\" w:name=\"place\"/>".to_owned(),
                    run("{{ customer.city }}"),
                    "<w:bookmarkEnd w:id=\"1\"/>".to_owned(),
                ],
            )),
        ),
        written(
            "formula beside a tag",
            &docx(paragraph(
                "",
                &[
                    run("{{ count }} = "),
                    "<m:oMath><m:r><m:t>1+2</m:t></m:r></m:oMath>".to_owned(),
                ],
            )),
        ),
    ]
}
