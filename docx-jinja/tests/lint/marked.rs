//! The marked copy of a template.

use std::process::Command;

use docx_jinja::lint::marked_copy;
use docx_jinja::minijinja::context;
use docx_jinja::{RenderError, TagError, Template, TemplateError};

use crate::support::{compile_error, docx, docx_with, entry, fill, p, package, part};

fn faults(package: &[u8]) -> Vec<TagError> {
    match compile_error(package) {
        TemplateError::Tags(faults) => faults.0,
        other => panic!("not a fault of tags: {other}"),
    }
}

fn marked(package: &[u8], faults: &[TagError]) -> Vec<u8> {
    marked_copy(package, faults, "A & B").unwrap()
}

#[test]
fn comments_stand_at_the_faults() {
    let template = docx(
        &(p("fine")
            + "<w:p><w:pPr><w:jc w:val=\"left\"/></w:pPr><w:r><w:t>{{ x|dat }}</w:t></w:r></w:p>"
            + &p("{{ }}")),
    );
    let copy = marked(&template, &faults(&template));
    let reference = |id| {
        format!(
            "<w:commentRangeEnd w:id=\"{id}\"/><w:r><w:commentReference w:id=\"{id}\"/></w:r></w:p>"
        )
    };
    let expected = p("fine")
        + "<w:p><w:pPr><w:jc w:val=\"left\"/></w:pPr><w:commentRangeStart w:id=\"0\"/><w:r><w:t>{{ x|dat }}</w:t></w:r>"
        + &reference(0)
        + "<w:p><w:commentRangeStart w:id=\"1\"/><w:r><w:t>{{ }}</w:t></w:r>"
        + &reference(1);
    let document = entry(&copy, "word/document.xml");
    assert!(document.contains(&expected), "{document}");
    let comments = entry(&copy, "word/comments.xml");
    let first = "<w:comment w:id=\"0\" w:author=\"A &amp; B\" w:initials=\"{}\"><w:p><w:r><w:t xml:space=\"preserve\">\
                 {{ x|dat }}: there is no filter &quot;dat&quot;</w:t></w:r></w:p>\
                 <w:p><w:r><w:t xml:space=\"preserve\">did you mean date?</w:t></w:r></w:p></w:comment>";
    assert!(comments.contains(first), "{comments}");
    assert!(entry(&copy, "[Content_Types].xml").contains("PartName=\"/word/comments.xml\""));
    assert!(entry(&copy, "word/_rels/document.xml.rels").contains("Target=\"comments.xml\""));
}

#[test]
fn marking_again_replaces_and_a_mended_copy_is_a_template() {
    let template = docx(&(p("{{ x|dat }}") + &p("{{ y| }}")));
    let found = faults(&template);
    let copy = marked(&template, &found);
    // The comments name tags; these are not read as faults of their own.
    assert_eq!(faults(&copy), found);
    let again = marked(&copy, &found[1..]);
    let comments = entry(&again, "word/comments.xml");
    assert_eq!(comments.matches("<w:comment ").count(), 1, "{comments}");
    let document = entry(&again, "word/document.xml");
    assert_eq!(
        document.matches("<w:commentReference ").count(),
        1,
        "{document}"
    );
    assert!(document.contains(&p("{{ x|dat }}")), "{document}");
    let clean = marked(&copy, &[]);
    assert_eq!(
        entry(&clean, "word/document.xml"),
        entry(&template, "word/document.xml")
    );

    let good = docx(&p("{{ x }}"));
    let marked_good = marked(&good, &found);
    let finished = fill(&marked_good, context! { x => 7 });
    assert!(entry(&finished, "word/comments.xml").contains("{{ y| }}"));
}

#[test]
fn comments_of_people_stay() {
    let types = crate::support::content_types(
        "<Override PartName=\"/word/notes.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.comments+xml\"/>",
    );
    let body = "<w:p><w:commentRangeStart w:id=\"4\"/><w:r><w:t>{{ x| }}</w:t></w:r><w:commentRangeEnd w:id=\"4\"/>\
                <w:r><w:commentReference w:id=\"4\"/></w:r></w:p>";
    let document = part("document", &format!("<w:body>{body}</w:body>"));
    let comments = part(
        "comments",
        &format!(
            "<w:comment w:id=\"4\" w:author=\"Ann\">{}</w:comment>",
            p("mine")
        ),
    );
    let template = package(&[
        ("[Content_Types].xml", &types),
        ("word/document.xml", &document),
        ("word/notes.xml", &comments),
        (
            "word/_rels/document.xml.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
             Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments\" Target=\"/word/notes.xml\"/></Relationships>",
        ),
    ]);
    let copy = marked(&template, &faults(&template));
    let comments = entry(&copy, "word/notes.xml");
    assert!(
        comments.contains("w:author=\"Ann\"") && comments.contains("w:id=\"5\""),
        "{comments}"
    );
    let clean = marked(&copy, &[]);
    assert_eq!(entry(&clean, "word/document.xml"), document);
}

#[test]
fn faults_elsewhere_stand_at_the_first_paragraph() {
    let header = part("hdr", &p("{{ a| }}"));
    let body = "<w:p/>".to_owned()
        + "<w:p><w:r><w:drawing><wp:docPr descr=\"{{ b \"/></w:drawing></w:r><w:r><w:pict><w:txbxContent>"
        + &p("{{ c| }}")
        + "</w:txbxContent></w:pict></w:r></w:p>";
    let template = docx_with(&body, &[("word/header1.xml", &header)]);
    let copy = marked(&template, &faults(&template));
    let document = entry(&copy, "word/document.xml");
    let after = document.split_once("<w:p/><w:p>").unwrap().1;
    assert_eq!(
        after.matches("<w:commentReference ").count(),
        3,
        "{document}"
    );
    assert_eq!(
        document
            .split_once("<w:txbxContent>")
            .unwrap()
            .1
            .split_once("</w:txbxContent>")
            .unwrap()
            .0,
        p("{{ c| }}")
    );
    let comments = entry(&copy, "word/comments.xml");
    assert!(
        comments.contains(">header1, paragraph 1: {{ a| }}: "),
        "{comments}"
    );
    assert!(comments.contains(">document: {{ b : "), "{comments}");
}

#[test]
fn a_failed_render_is_marked_too() {
    let template = docx(&(p("x") + &p("{{ nam }}")));
    let error = Template::compile(&template)
        .unwrap()
        .render(context! { name => 1 }, std::io::sink())
        .unwrap_err();
    let RenderError::Tag(fault) = error else {
        panic!("{error}");
    };
    let copy = marked(&template, &[*fault]);
    assert!(entry(&copy, "word/comments.xml").contains("did you mean name?"));
    assert!(
        entry(&copy, "word/document.xml")
            .contains("<w:p><w:commentRangeStart w:id=\"0\"/><w:r><w:t>{{ nam }}")
    );
}

#[test]
fn libreoffice_shows_the_comments() {
    let root = "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
                <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
                Target=\"word/document.xml\"/></Relationships>";
    let template = docx_with(&(p("fine") + &p("{{ x|dat }}")), &[("_rels/.rels", root)]);
    let copy = marked(&template, &faults(&template));
    let folder = std::env::temp_dir().join(format!("marked-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("marked.docx");
    std::fs::write(&file, copy).unwrap();
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.display());
    let output = Command::new("soffice")
        .args([&profile, "--headless", "--convert-to", "fodt", "--outdir"])
        .arg(&folder)
        .arg(&file)
        .output()
        .expect("soffice, from tests/testbed/install.sh");
    let text = std::fs::read_to_string(folder.join("marked.fodt"));
    std::fs::remove_dir_all(&folder).unwrap();
    let text = text.unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let annotation = text.split_once("<office:annotation ").expect("a comment").1;
    let annotation = annotation.split_once("</office:annotation>").unwrap().0;
    assert!(
        annotation.contains("<dc:creator>A &amp; B</dc:creator>"),
        "{annotation}"
    );
    assert!(annotation.contains("there is no filter"), "{annotation}");
    assert!(annotation.contains("did you mean date?"), "{annotation}");
}
