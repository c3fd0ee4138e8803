//! What is active or reaches outside: programs, links, fields.

use super::package::{KINDS, Package, WORD, field, p, relationships};
use super::{Case, good, refused};

const OUTSIDE: &str = " TargetMode=\"External\"";

fn plain() -> Package {
    Package::with_body(&p("Hello"))
}

fn typed(extension: &str, kind: &str) -> Package {
    let new = format!("<Default Extension=\"{extension}\" ContentType=\"{kind}\"/></Types>");
    plain().replaced("[Content_Types].xml", "</Types>", &new)
}

pub(crate) fn programs() -> Vec<Case> {
    let main = "vnd.openxmlformats-officedocument.wordprocessingml.document.main";
    let becomes = |to: &str| plain().replaced("[Content_Types].xml", main, to);
    let holds = |name: &str| plain().entry(name, "x");
    let body = |markup: &str| Package::with_body(&format!("<w:p><w:r>{markup}</w:r></w:p>"));
    vec![
        good("no program at all", plain()),
        good("a workbook behind a chart", holds("word/embeddings/sheet1.xlsx")),
        refused("macros", holds("word/vbaProject.bin"), "macros"),
        refused("macros in other letters", holds("word/VBAPROJECT.BIN"), "macros"),
        refused("macros' data", holds("word/vbaData.xml"), "macros"),
        refused("macros under another name", typed("bin", "application/vnd.ms-office.vbaProject"), "macros"),
        refused(
            "macros by their relationship",
            plain().related("http://schemas.microsoft.com/office/2006/relationships/vbaProject", "x.bin", ""),
            "macros",
        ),
        refused("a docm that calls itself docx", becomes("vnd.ms-word.document.macroEnabled.main"), "macros"),
        refused("a dotm", becomes("vnd.ms-word.template.macroEnabledTemplate.main"), "macros"),
        refused(
            "a dotx",
            becomes("vnd.openxmlformats-officedocument.wordprocessingml.template.main"),
            "a Word template type",
        ),
        refused("an ActiveX control", holds("word/activeX/activeX1.xml"), "ActiveX"),
        refused("an ActiveX control by its type", typed("ax", "application/vnd.ms-office.activeX+xml"), "ActiveX"),
        refused("an ActiveX control by its relationship", plain().related("control", "c.xml", ""), "ActiveX"),
        refused("an OLE object", holds("word/embeddings/oleObject1.bin"), "OLE"),
        refused("an OLE object by its relationship", plain().related("oleObject", "embeddings/x.bin", ""), "OLE"),
        refused(
            "an OLE object by its type",
            typed("bin", "application/vnd.openxmlformats-officedocument.oleObject"),
            "OLE",
        ),
        refused(
            "an OLE object in the markup",
            body("<w:object><o:OLEObject Type=\"Link\" ProgID=\"Package\" r:id=\"rId9\"/></w:object>"),
            "OLE",
        ),
        refused("an embedded web page", plain().related("aFChunk", "chunk.xml", ""), "foreign document"),
        refused("a place for a foreign document", Package::with_body("<w:altChunk r:id=\"rId9\"/>"), "foreign document"),
        refused("a sub-document", plain().related("subDocument", "x.docx", OUTSIDE), "sub-document"),
        refused("a place for a sub-document", Package::with_body("<w:subDoc r:id=\"rId9\"/>"), "sub-document"),
        refused("a program", holds("word/embeddings/invoice.exe"), "a .exe file"),
        refused("a script", holds("word/media/image1.js"), "a .js file"),
        refused("a web page", holds("word/afchunk.mht"), "a .mht file"),
        refused("a workbook with macros", holds("word/embeddings/sheet1.xlsm"), "a .xlsm file"),
        refused("a ribbon", holds("customUI/customUI14.xml"), "ribbon"),
        refused(
            "a ribbon by its relationship",
            plain().entry("_rels/.rels", relationships(&[("http://schemas.microsoft.com/office/2007/relationships/ui/extensibility", "u.xml", "")])),
            "ribbon",
        ),
        refused("keys that start macros", typed("tcg", "application/vnd.ms-word.keyMapCustomizations+xml"), "keys"),
        refused("a web add-in", holds("word/webextensions/taskpanes.xml"), "web add-in"),
        refused(
            "a form field that starts a macro",
            body("<w:fldChar w:fldCharType=\"begin\"><w:ffData><w:entryMacro w:val=\"Run\"/></w:ffData></w:fldChar>"),
            "starts a macro",
        ),
        refused(
            "a mail merge",
            plain().entry(
                "word/settings.xml",
                format!("<w:settings xmlns:w=\"{WORD}\"><w:mailMerge><w:connectString w:val=\"DSN=x\"/></w:mailMerge></w:settings>"),
            ),
            "mail merge",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one attack after the other")]
pub(crate) fn links() -> Vec<Case> {
    let to = |kind: &str, target: &str| plain().related(kind, target, OUTSIDE);
    let pict = |markup: &str| {
        Package::with_body(&format!("<w:p><w:r><w:pict>{markup}</w:pict></w:r></w:p>"))
    };
    let drawn = |content: &str| {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">{content}</svg>"
        );
        plain().entry("word/media/image1.svg", svg)
    };
    let linked = "linked instead of embedded";
    let other = "a file outside the template";
    let no_web = "not http, https or mailto";
    vec![
        good(
            "a link to the web",
            to("hyperlink", "https://example.org/?a=1&amp;b=2"),
        ),
        good("a link to mail", to("hyperlink", "mailto:a@example.org")),
        good(
            "a drawing",
            drawn("<defs><g id=\"a\"/></defs><use xlink:href=\"#a\" fill=\"url(#b)\"/>"),
        ),
        good(
            "a shape with a link",
            pict("<v:rect href=\"https://example.org\"><v:imagedata r:id=\"rId1\"/></v:rect>"),
        ),
        good(
            "a shape with a name that is a tag",
            pict(
                "<v:rect alt=\"{{ 1 }}\"><v:imagedata o:title=\"{{ 1 }}\" r:id=\"rId1\"/></v:rect>",
            ),
        ),
        refused(
            "a picture that a tag names",
            pict("<v:shape><v:imagedata src=\"{{ 'file:///etc/passwd' }}\"/></v:shape>"),
            "a tag in a reference",
        ),
        refused(
            "a source of a picture that a tag names",
            pict("<v:shape><v:imagedata o:href=\"{{ 'file:///etc/passwd' }}\"/></v:shape>"),
            "a tag in a reference",
        ),
        refused(
            "a shape with a link that a tag names",
            pict("<v:shape href=\"{{ 'file:///etc/passwd' }}\"/>"),
            "a tag in a reference",
        ),
        refused(
            "a relationship that a tag names",
            Package::with_body("<w:p><w:hyperlink r:id=\"{{ 'rId1' }}\"/></w:p>"),
            "a tag in a reference",
        ),
        refused(
            "a namespace that a tag names",
            pict("<v:shape xmlns:q=\"{{ 'urn:x' }}\"/>"),
            "a tag in a reference",
        ),
        good(
            "a part above",
            plain().related("customXml", "../customXml/item1.xml", ""),
        ),
        refused(
            "a picture on the web",
            to("image", "http://example.org/x.png"),
            linked,
        ),
        refused(
            "a picture in a file",
            to("image", "file:///etc/passwd"),
            linked,
        ),
        refused(
            "a picture on a share",
            to("image", "\\\\host\\share\\x.png"),
            linked,
        ),
        refused(
            "a picture, spelt with entities",
            plain().related("image", "http://h/x", " TargetMode='Extern&#97;l'"),
            linked,
        ),
        refused(
            "a picture of a header",
            plain().entry(
                "word/_rels/header1.xml.rels",
                relationships(&[("image", "http://example.org/x.png", OUTSIDE)]),
            ),
            linked,
        ),
        refused(
            "a picture by VML",
            pict("<v:shape><v:imagedata src=\"http://example.org/x.png\"/></v:shape>"),
            linked,
        ),
        refused(
            "a filling by VML",
            pict("<v:rect><v:fill src=\"\\\\host\\share\\x\"/></v:rect>"),
            linked,
        ),
        refused(
            "a shape that leads to a file",
            pict("<v:rect href=\"file:///c:/x.exe\"/>"),
            no_web,
        ),
        refused(
            "another template",
            to("attachedTemplate", "http://example.org/x.dotm"),
            "another template file",
        ),
        refused("a frame", to("frame", "https://example.org"), other),
        refused("an OLE link", to("oleObject", "file:///c:/x.xlsx"), "OLE"),
        refused(
            "a workbook elsewhere",
            to("externalLinkPath", "https://example.org/x.xlsx"),
            other,
        ),
        refused(
            "a chart's workbook elsewhere",
            plain().entry(
                "word/charts/_rels/chart1.xml.rels",
                relationships(&[("package", "https://example.org/x.xlsx", OUTSIDE)]),
            ),
            other,
        ),
        refused(
            "a data source",
            to("mailMergeSource", "file:///c:/x.mdb"),
            "mail merge",
        ),
        refused(
            "a transformation",
            to("transform", "https://example.org/x.xsl"),
            other,
        ),
        refused("a film", to("video", "https://example.org/x.mp4"), other),
        refused(
            "a link to a file",
            to("hyperlink", "file:///etc/passwd"),
            no_web,
        ),
        refused(
            "a link to a share",
            to("hyperlink", "\\\\host\\share"),
            no_web,
        ),
        refused(
            "a link to a program",
            to("hyperlink", "ms-msdt:/id PCWDiagnostic"),
            no_web,
        ),
        refused(
            "a link that is a script",
            to("hyperlink", "javascript:alert(1)"),
            no_web,
        ),
        refused(
            "a part outside the package",
            plain().related("header", "../../../etc/passwd", ""),
            "outside the template",
        ),
        refused(
            "a part with a scheme",
            plain().related("image", "file:///etc/passwd", ""),
            "outside the template",
        ),
        refused(
            "a part on a share",
            plain().related("image", "\\\\host\\share\\x.png", ""),
            "outside the template",
        ),
        refused(
            "a drawing that fetches",
            drawn("<image xlink:href=\"http://example.org/x.png\"/>"),
            linked,
        ),
        refused(
            "a drawing that reads a file",
            drawn("<image href=\"file:///etc/passwd\"/>"),
            linked,
        ),
        refused(
            "a drawing with a script",
            drawn("<script>x</script>"),
            "a program in it",
        ),
        refused(
            "a drawing with a page in it",
            drawn("<foreignObject/>"),
            "a program in it",
        ),
        refused(
            "a drawing that acts when it is shown",
            drawn("<g onload=\"x()\"/>"),
            "a program in it",
        ),
        refused(
            "a drawing with a style that fetches",
            drawn("<style>@import 'http://example.org/x.css';</style>"),
            linked,
        ),
        refused(
            "a drawing with a filling that is fetched",
            drawn("<g fill=\"url(http://example.org/#a)\"/>"),
            linked,
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one attack after the other")]
pub(crate) fn fields() -> Vec<Case> {
    let of = |code: &str| Package::with_body(&field(code));
    let simple =
        |code: &str| Package::with_body(&format!("<w:p><w:fldSimple w:instr=\"{code}\"/></w:p>"));
    let other_prefix = format!("<q:p xmlns:q=\"{WORD}\"><q:fldSimple q:instr=\" DDE x \"/></q:p>");
    let no_prefix = format!("<p xmlns=\"{WORD}\"><fldSimple xmlns:q=\"x\"/></p>");
    let nested = "<w:p><w:r><w:fldChar w:fldCharType=\"begin\"/></w:r><w:r><w:fldChar w:fldCharType=\"begin\"/></w:r>\
         <w:r><w:instrText>QUOTE \"INCLUDETEXT\"</w:instrText></w:r><w:r><w:fldChar w:fldCharType=\"end\"/></w:r>\
         <w:r><w:instrText> \"file:///etc/passwd\"</w:instrText></w:r><w:r><w:fldChar w:fldCharType=\"end\"/></w:r></w:p>";
    let mut cases = vec![
        good("page numbers", of(" PAGE ")),
        good(
            "a table of contents",
            of(" TOC \\o &quot;1-3&quot; \\h \\z \\u "),
        ),
        good(
            "a link to a bookmark",
            of(" HYPERLINK \\l &quot;_Toc1&quot; \\o &quot;x:y&quot; "),
        ),
        good(
            "a link to the web by field",
            of(" HYPERLINK &quot;https://example.org/a b&quot; \\t &quot;_blank&quot; "),
        ),
        good("a field's name in quotes", of(" &quot;PAGE&quot; ")),
        good(
            "a tag in what a field shows",
            of(
                "PAGE</w:instrText></w:r><w:r><w:fldChar w:fldCharType='separate'/></w:r><w:r><w:t>{{ 1 }}</w:t></w:r><w:r><w:instrText>",
            ),
        ),
        refused(
            "a field that CDATA hides",
            of("<![CDATA[ INCLUDETEXT x ]]>"),
            "a CDATA section",
        ),
        refused(
            "a field with a part that a tag takes away",
            of(
                "QUOTE</w:instrText><w:t>{%r if false %}</w:t></w:r><w:r><w:instrText>x</w:instrText></w:r><w:r><w:t>{%r endif %}</w:t></w:r><w:r><w:instrText>INCLUDETEXT x",
            ),
            "a tag inside a field's code",
        ),
        refused(
            "a field whose code is text",
            of("</w:instrText><w:t>INCLUDETEXT x</w:t><w:instrText>"),
            "(INCLUDETEXT)",
        ),
        refused(
            "a field whose code is a value",
            of("</w:instrText><w:t>{{ 'INCLUDETEXT x' }}</w:t><w:instrText>"),
            "a tag inside a field's code",
        ),
        refused(
            "a link to a file by a field that is text",
            of("</w:instrText><w:t>HYPERLINK &quot;file:///etc/passwd&quot;</w:t><w:instrText>"),
            "not http, https or mailto",
        ),
        refused(
            "a field in quotes",
            of(" &quot;INCLUDETEXT&quot; &quot;file:///etc/passwd&quot; "),
            "(INCLUDETEXT)",
        ),
        refused(
            "a field split over runs",
            of("INCL</w:instrText></w:r><w:r><w:instrText>UDETEXT x"),
            "(INCLUDETEXT)",
        ),
        refused("a field spelt with entities", of("&#68;DE cmd"), "(DDE)"),
        refused(
            "a simple field in small letters",
            simple("link Excel.Sheet x"),
            "(LINK)",
        ),
        refused(
            "a field without its marks",
            Package::with_body("<w:p><w:r><w:instrText>DDEAUTO x</w:instrText></w:r></w:p>"),
            "(DDEAUTO)",
        ),
        refused(
            "a field within a field's condition",
            of(
                " IF 1 = 1 </w:instrText></w:r><w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>IMPORT x",
            ),
            "(IMPORT)",
        ),
        refused(
            "a field whose code another field makes",
            Package::with_body(nested),
            "whose code is another field",
        ),
        refused(
            "a field whose code a value makes",
            simple("{{ code }}"),
            "whose code is a tag",
        ),
        refused(
            "a field under another prefix",
            Package::with_body(&other_prefix),
            "another prefix",
        ),
        refused(
            "a field without a prefix",
            Package::with_body(&no_prefix),
            "another prefix",
        ),
        refused(
            "a link to a file by field",
            of(" HYPERLINK &quot;file:///etc/passwd&quot; "),
            "not http, https or mailto",
        ),
        refused(
            "a link to a share by field",
            of(" HYPERLINK \\\\host\\share "),
            "not http, https or mailto",
        ),
        refused(
            "a field of a header",
            plain().entry(
                "word/header1.xml",
                format!(
                    "<w:hdr xmlns:w=\"{WORD}\" xmlns:r=\"{KINDS}\">{}</w:hdr>",
                    field("DDE x")
                ),
            ),
            "(DDE)",
        ),
    ];
    for name in [
        "INCLUDETEXT",
        "INCLUDEPICTURE",
        "INCLUDE",
        "DDE",
        "DDEAUTO",
        "LINK",
        "IMPORT",
        "DATABASE",
        "RD",
        "MACROBUTTON",
        "AUTOTEXT",
        "EMBED",
        "CONTROL",
        "PRINT",
        "ADDIN",
        "HTMLCONTROL",
    ] {
        cases.push(refused(
            &format!("the field {name}"),
            of(&format!(" {name} x ")),
            &format!("({name})"),
        ));
    }
    cases
}
