//! Markdown in the template's own styles.

use docx_jinja::Value;
use docx_jinja::minijinja::context;
use docx_jinja::values::{Look, Markdown, RichText};
use proptest::prelude::*;

use crate::properties::well_formed;
use crate::support::{body, docx, docx_with, entry, fill, names, p, render_error, row, text};

const RELS: &str = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
    <Relationship Id=\"rId1\" Type=\"http://x/styles\" Target=\"styles.xml\"/></Relationships>";
const STYLES: &str = "<w:styles>\
    <w:style w:type=\"paragraph\" w:styleId=\"H2\"><w:name w:val=\"heading 2\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"LP\"><w:name w:val=\"List Paragraph\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"Q\"><w:name w:val=\"Quote\"/></w:style>\
    <w:style w:type=\"paragraph\" w:styleId=\"C\"><w:name w:val=\"HTML Preformatted\"/></w:style>\
    <w:style w:type=\"table\" w:styleId=\"TG\"><w:name w:val=\"Table Grid\"/></w:style>\
    <w:style w:type=\"table\" w:styleId=\"RT\"><w:name w:val=\"Report Table\"/></w:style></w:styles>";

fn styled(body: &str) -> Vec<u8> {
    docx_with(
        body,
        &[
            ("word/_rels/document.xml.rels", RELS),
            ("word/styles.xml", STYLES),
        ],
    )
}

/// The body that `{{p m|markdown }}` gives in a template with styles.
fn markdown(source: &str) -> String {
    let out = fill(&styled(&p("{{p m|markdown }}")), context! { m => source });
    let document = entry(&out, "word/document.xml");
    let (_, rest) = document.split_once("<w:body>").unwrap();
    rest.strip_suffix("</w:body></w:document>")
        .unwrap()
        .to_owned()
}

/// A short form to compare: each paragraph by its style, list and text; runs by their marks.
fn outline(source: &str) -> String {
    let mut out = String::new();
    for piece in markdown(source).split('<').skip(1) {
        let (tag, after) = piece.split_once('>').unwrap();
        let value = |name: &str| {
            let rest = tag.split_once(&format!("{name}=\""));
            rest.map_or(String::new(), |(_, rest)| {
                rest.split('"').next().unwrap().to_owned()
            })
        };
        match tag.split([' ', '/']).next().unwrap() {
            "w:pStyle" | "w:tblStyle" => out.push_str(&format!("{}:", value("w:val"))),
            "w:numId" => out.push_str(&format!("#{}:", value("w:val"))),
            "w:ilvl" => out.push_str(&value("w:val")),
            "w:ind" => out.push_str(&format!("+{}:", value("w:left"))),
            "w:jc" => out.push_str(&format!("{}:", value("w:val"))),
            "w:b" => out.push('*'),
            "w:i" => out.push('/'),
            "w:strike" => out.push('-'),
            "w:rFonts" => out.push('`'),
            "w:hyperlink" => out.push('['),
            "w:br" => out.push('⏎'),
            "w:tbl" => out.push('{'),
            "" => out.push_str(match tag {
                "/w:p" => "¶",
                "/w:tr" => "|",
                "/w:tbl" => "}",
                "/w:hyperlink" => "]",
                _ => "",
            }),
            "w:p" if tag.ends_with('/') => out.push('¶'),
            "w:t" => out.push_str(after),
            _ => {}
        }
    }
    out
}

fn check(source: &str, expected: &str) {
    assert_eq!(outline(source), expected, "{source}");
}

#[test]
fn text_headings_and_marks() {
    check("a\nb\n\nc  \nd", "a b¶c⏎d¶");
    check("## T *x*", "H2:T /x¶");
    check("a **b *c*** ~~d~~ `e`&amp;", "a *b */c -d `e&amp;¶");
    check("\\*a\\* &lt;", "*a* &lt;¶");
    check(
        "<b>x</b><br>y <!-- z -->",
        "&lt;b&gt;x&lt;/b&gt;⏎y &lt;!-- z --&gt;¶",
    );
    check("a\n\n---\n\nb", "a¶¶b¶");
    check("", "");
    check(
        "[x](https://a.example \"t\") <mailto:a@b.example>",
        "[x] [mailto:a@b.example]¶",
    );
    check("[x](javascript:y) [**z**](file:///etc)", "x *z¶");
    check("![a cat](https://a.example/x.png)", "a cat¶");
    // Without a style of the template's, a heading has a look that comes near.
    let bare = body(&p("{{p m|markdown }}"), context! { m => "# T" });
    assert!(
        bare.contains("<w:keepNext/>") && bare.contains("<w:outlineLvl w:val=\"0\"/>"),
        "{bare}"
    );
    assert!(
        bare.contains("<w:b/><w:bCs/><w:sz w:val=\"32\"/>"),
        "{bare}"
    );
}

#[test]
fn lists_quotes_and_code() {
    check(
        "- a\n- b\n  - c\n- d",
        "LP:0#1:a¶LP:0#1:b¶LP:1#1:c¶LP:0#1:d¶",
    );
    check("1. a\n2. b\n\nx\n\n1. c", "LP:0#1:a¶LP:0#1:b¶x¶LP:0#2:c¶");
    check("5. a\n\n   more\n6. b", "LP:0#1:a¶LP:+720:more¶LP:0#1:b¶");
    check("- [x] a\n- [ ] b", "LP:0#1:☑ a¶LP:0#1:☐ b¶");
    check("- # H\n-\n- b", "*H¶LP:0#1:¶LP:0#1:b¶");
    check("> a\n>\n> > b\n\nc", "Q:a¶Q:+1440:b¶c¶");
    check("> - a", "Q:0#1:+1440:a¶");
    check("```rust\nlet <x>;\n\ny\n```", "C:let &lt;x&gt;;⏎⏎y¶");
    check("    code", "C:code¶");
    check("- a\n  ```\n  b\n  ```", "LP:0#1:a¶C:+720:b¶");
    let out = fill(
        &styled(&p("{{p m|markdown }}")),
        context! { m => "- a\n\n1. b" },
    );
    let numbering = entry(&out, "word/numbering.xml");
    assert_eq!(numbering.matches("<w:num ").count(), 2, "{numbering}");
    assert_eq!(numbering.matches("<w:lvl ").count(), 18);
    well_formed(&numbering);
    assert!(entry(&out, "word/_rels/document.xml.rels").contains("Target=\"numbering.xml\""));
}

#[test]
fn tables() {
    let table = "| a | *b* |\n|:-:|--:|\n| 1<br>2 | `3` |\n| 4 |\n";
    check(
        table,
        "{TG:center:*a¶right:*/b¶|center:1⏎2¶right:`3¶|center:4¶right:¶|}¶",
    );
    check(
        &format!("{table}\n{table}"),
        &"{TG:center:*a¶right:*/b¶|center:1⏎2¶right:`3¶|center:4¶right:¶|}¶".repeat(2),
    );
    check("|a|\n|-|\n\nx", "{TG:*a¶|}x¶");
    let out = fill(
        &styled(&p("{{p m|markdown(table='report table') }}")),
        context! { m => "|a|\n|-|" },
    );
    assert!(entry(&out, "word/document.xml").contains("<w:tblStyle w:val=\"RT\"/>"));
    let bare = body(&p("{{p m|markdown }}"), context! { m => "|a|b|\n|-|-|" });
    assert!(
        bare.contains("<w:tblBorders>")
            && bare.contains("<w:gridCol w:w=\"4535\"/><w:gridCol w:w=\"4535\"/>"),
        "{bare}"
    );
}

#[test]
fn places_of_markdown() {
    let one = p("a {{r m|markdown }} b");
    assert_eq!(text(&body(&one, context! { m => "**x** y" })), "a x y b¶");
    let refused = |template: &str, source: String, expected: &str| {
        let error = render_error(&p(template), context! { m => source }).to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused(
        "{{r m|markdown }}",
        "a\n\nb".into(),
        "Markdown needs a paragraph of its own\nhint: write {{p … }}",
    );
    refused(
        "{{ m|markdown }}",
        "a".into(),
        "Markdown needs a run of its own",
    );
    refused(
        "{{p m|markdown(table='x') }}",
        "|a|\n|-|".into(),
        "no table style \"x\"",
    );
    refused(
        "{{p m|markdown }}",
        "> ".repeat(100) + "x",
        "nest deeper than 64",
    );
    refused(
        "{{p m|markdown }}",
        "a\n\n".repeat(60_000),
        "more than 50000 paragraphs",
    );
    refused(
        "{{p m|markdown }}",
        "x".repeat(2 << 20),
        "larger than 1048576 bytes",
    );
    let wide = "|a".repeat(64) + "|\n" + &"|-".repeat(64) + "|";
    refused("{{p m|markdown }}", wide, "more than 63 columns");
    let cells = format!("<w:tbl>{}</w:tbl>", row(&["{{p m }}"]));
    let table = Value::from(Markdown::new("|a|\n|-|"));
    assert!(
        body(&cells, context! { m => table }).ends_with("</w:tbl><w:p/></w:tc></w:tr></w:tbl>")
    );
    assert_eq!(body(&p("{{p m|markdown }}"), context! { m => () }), "");
}

/// Pieces that make interesting Markdown when strung together.
const PIECES: &[&str] = &[
    "a",
    "*",
    "**",
    "_",
    "~~",
    "`",
    "```\n",
    "# ",
    "- ",
    "1. ",
    "7) ",
    "> ",
    "\n",
    "\n\n",
    "    ",
    "|",
    "|-|-|\n",
    "| a | b |\n",
    "[x](https://a)",
    "[y](z)",
    "![",
    "](",
    ")",
    "<br>",
    "<b>",
    "&lt;",
    "&",
    "<",
    "\\",
    "---\n",
    "- [x] ",
    "\t",
    "\u{1}",
    "\u{fffe}",
    "é",
];

/// Every cell ends with a paragraph, every row has a cell, every relationship resolves, every list is defined.
fn valid(package: &[u8]) {
    let document = entry(package, "word/document.xml");
    well_formed(&document);
    for piece in document
        .split("</w:tc>")
        .collect::<Vec<_>>()
        .split_last()
        .unwrap()
        .1
    {
        assert!(
            piece.ends_with("</w:p>") || piece.ends_with("<w:p/>"),
            "{document}"
        );
    }
    assert!(
        !document.contains("<w:tr></w:tr>") && !document.contains("</w:tbl><w:tbl>"),
        "{document}"
    );
    let file = |name: &str| {
        let there = names(package).iter().any(|found| found == name);
        if there {
            entry(package, name)
        } else {
            String::new()
        }
    };
    let (rels, numbering) = (
        file("word/_rels/document.xml.rels"),
        file("word/numbering.xml"),
    );
    for (attribute, defined, whole) in [
        ("r:id=\"", "Id=\"", &rels),
        ("<w:numId w:val=\"", "<w:num w:numId=\"", &numbering),
    ] {
        for piece in document.split(attribute).skip(1) {
            let id = piece.split('"').next().unwrap();
            assert!(
                whole.contains(&format!("{defined}{id}\"")),
                "{id} of {document}"
            );
        }
    }
    well_formed(&rels);
    well_formed(&numbering);
}

proptest! {
    #[test]
    fn any_markdown_gives_a_valid_document(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
        let source = pieces.concat();
        let table = format!("<w:tbl>{}</w:tbl>", row(&["{{p m|markdown }}"]));
        for template in [styled(&(p("{{p m|markdown }}") + &table)), docx(&table)] {
            valid(&fill(&template, context! { m => source.as_str() }));
        }
    }

    #[test]
    fn any_rich_text_gives_a_valid_document(value in any::<String>(), url in "(https://|mailto:|x:)?.{0,12}", font in ".{0,8}", on in any::<bool>()) {
        let rich = RichText::new().text(value.as_str()).link(&url, value.as_str(), Look::new().font(&font).bold(on).caps(on));
        let out = fill(&docx(&(p("{{r v }}{{r v|rich(size=9) }}{{ v }}").replace("{{ v }}", "") + &p("{{p v }}"))), context! { v => Value::from(rich) });
        valid(&out);
    }
}
