//! Assembles templates out of XML written by hand.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const NAMESPACES: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
    xmlns:wp=\"http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing\" \
    xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" \
    xmlns:pic=\"http://schemas.openxmlformats.org/drawingml/2006/picture\" \
    xmlns:wps=\"http://schemas.microsoft.com/office/word/2010/wordprocessingShape\" \
    xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" \
    xmlns:m=\"http://schemas.openxmlformats.org/officeDocument/2006/math\" \
    xmlns:v=\"urn:schemas-microsoft-com:vml\"";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml";
const PAGE: &str = "<w:pgSz w:w=\"11906\" w:h=\"16838\"/><w:pgMar w:top=\"1134\" w:right=\"1134\" w:bottom=\"1134\" \
    w:left=\"1134\" w:header=\"567\" w:footer=\"567\" w:gutter=\"0\"/>";
const STYLES: &str = include_str!("sources/styles.xml");
const NUMBERING: &str = include_str!("sources/numbering.xml");
/// A red square of 2 by 2 pixels.
const PICTURE: &[u8] = include_bytes!("sources/red.png");

/// A template in the making.
pub(crate) struct Draft {
    body: String,
    /// What the section refers to: headers and footers.
    section: String,
    /// Kind of part, name, root element, content.
    parts: Vec<(&'static str, String, &'static str, String)>,
    links: Vec<(String, String)>,
    title: String,
    keywords: String,
}

/// A document with this body.
pub(crate) fn docx(body: impl Into<String>) -> Draft {
    Draft {
        body: body.into(),
        section: String::new(),
        parts: Vec::new(),
        links: Vec::new(),
        title: "A title".to_owned(),
        keywords: "a, b".to_owned(),
    }
}

impl Draft {
    /// Adds a header for `default`, `first` or `even` pages; its relationship is `rIdPart<number>`.
    pub(crate) fn header(self, pages: &str, content: &str) -> Self {
        self.edge("header", "hdr", pages, content)
    }

    /// Adds a footer, as [`Draft::header`].
    pub(crate) fn footer(self, pages: &str, content: &str) -> Self {
        self.edge("footer", "ftr", pages, content)
    }

    fn edge(mut self, kind: &'static str, root: &'static str, pages: &str, content: &str) -> Self {
        let number = self.parts.len() + 1;
        let id = format!("rIdPart{number}");
        if !pages.is_empty() {
            self.section += &format!("<w:{kind}Reference w:type=\"{pages}\" r:id=\"{id}\"/>");
        }
        self.parts
            .push((kind, format!("{kind}{number}"), root, content.to_owned()));
        self
    }

    /// Adds something to the section's properties, behind headers and footers.
    pub(crate) fn first_page_differs(mut self) -> Self {
        self.section += "<w:titlePg/>";
        self
    }

    /// Adds the part of notes, with one note of number 1 that holds this text.
    pub(crate) fn notes(mut self, kind: &'static str, content: &str) -> Self {
        let (name, root) = match kind {
            "footnote" => ("footnotes", "footnotes"),
            _ => ("endnotes", "endnotes"),
        };
        let separators = ["separator", "continuationSeparator"]
            .iter()
            .zip(["-1", "0"])
            .map(|(mark, id)| {
                format!("<w:{kind} w:type=\"{mark}\" w:id=\"{id}\"><w:p><w:r><w:{mark}/></w:r></w:p></w:{kind}>")
            })
            .collect::<String>();
        let note = format!("{separators}<w:{kind} w:id=\"1\">{content}</w:{kind}>");
        self.parts.push((name, name.to_owned(), root, note));
        self
    }

    /// Adds the part of comments.
    pub(crate) fn comments(mut self, content: &str) -> Self {
        let name = "comments";
        self.parts
            .push((name, name.to_owned(), name, content.to_owned()));
        self
    }

    /// Adds the target of a hyperlink.
    pub(crate) fn link(mut self, id: &str, target: &str) -> Self {
        self.links.push((id.to_owned(), target.to_owned()));
        self
    }

    /// Sets core properties.
    pub(crate) fn properties(mut self, title: &str, keywords: &str) -> Self {
        (self.title, self.keywords) = (title.to_owned(), keywords.to_owned());
        self
    }

    /// The finished package. A picture is always in it: `rIdPicture`.
    pub(crate) fn build(&self) -> Vec<u8> {
        let (headers, title_page) = match self.section.strip_suffix("<w:titlePg/>") {
            Some(headers) => (headers, "<w:titlePg/>"),
            None => (self.section.as_str(), ""),
        };
        let document = format!(
            "{HEAD}<w:document {NAMESPACES} mc:Ignorable=\"\"><w:body>{}<w:sectPr>{headers}{PAGE}{title_page}</w:sectPr></w:body>\
             </w:document>",
            self.body,
        );
        let mut entries = vec![
            (
                "[Content_Types].xml".to_owned(),
                self.content_types().into_bytes(),
            ),
            (
                "_rels/.rels".to_owned(),
                package_relationships().into_bytes(),
            ),
            ("docProps/core.xml".to_owned(), self.core().into_bytes()),
            ("word/document.xml".to_owned(), document.into_bytes()),
            (
                "word/_rels/document.xml.rels".to_owned(),
                self.relationships().into_bytes(),
            ),
            ("word/styles.xml".to_owned(), STYLES.into()),
            ("word/numbering.xml".to_owned(), NUMBERING.into()),
            ("word/media/red.png".to_owned(), PICTURE.into()),
        ];
        for (_, name, root, content) in &self.parts {
            let xml = format!("{HEAD}<w:{root} {NAMESPACES}>{content}</w:{root}>");
            entries.push((format!("word/{name}.xml"), xml.into_bytes()));
        }
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            writer
                .start_file(name, SimpleFileOptions::default())
                .unwrap();
            writer.write_all(&bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn content_types(&self) -> String {
        let mut parts = vec![
            ("document".to_owned(), "document.main"),
            ("styles".to_owned(), "styles"),
            ("numbering".to_owned(), "numbering"),
        ];
        parts.extend(
            self.parts
                .iter()
                .map(|(kind, name, ..)| (name.clone(), *kind)),
        );
        let overrides: String = parts
            .iter()
            .map(|(name, kind)| {
                format!(
                    "<Override PartName=\"/word/{name}.xml\" ContentType=\"{TYPES}.{kind}+xml\"/>"
                )
            })
            .collect();
        format!(
            "{HEAD}<Types xmlns=\"{PACKAGE}/content-types\">\
             <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
             <Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"png\" ContentType=\"image/png\"/>\
             <Override PartName=\"/docProps/core.xml\" ContentType=\"application/vnd.openxmlformats-package.core-properties+xml\"/>\
             {overrides}</Types>"
        )
    }

    fn relationships(&self) -> String {
        let mut all = relationship("rIdStyles", "styles", "styles.xml")
            + &relationship("rIdNumbering", "numbering", "numbering.xml")
            + &relationship("rIdPicture", "image", "media/red.png");
        for (number, (kind, name, ..)) in self.parts.iter().enumerate() {
            all += &relationship(
                &format!("rIdPart{}", number + 1),
                kind,
                &format!("{name}.xml"),
            );
        }
        for (id, target) in &self.links {
            all += &format!(
                "<Relationship Id=\"{id}\" Type=\"{OFFICE}/hyperlink\" Target=\"{target}\" TargetMode=\"External\"/>"
            );
        }
        format!("{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\">{all}</Relationships>")
    }

    fn core(&self) -> String {
        format!(
            "{HEAD}<cp:coreProperties xmlns:cp=\"{PACKAGE}/metadata/core-properties\" \
             xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
             xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{}</dc:title><dc:creator>The author</dc:creator>\
             <cp:keywords>{}</cp:keywords><dcterms:created xsi:type=\"dcterms:W3CDTF\">2026-01-01T00:00:00Z</dcterms:created>\
             </cp:coreProperties>",
            self.title, self.keywords
        )
    }
}

fn relationship(id: &str, kind: &str, target: &str) -> String {
    format!("<Relationship Id=\"{id}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>")
}

fn package_relationships() -> String {
    let core = format!(
        "<Relationship Id=\"rIdCore\" Type=\"{PACKAGE}/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>"
    );
    let main = relationship("rIdMain", "officeDocument", "word/document.xml");
    format!("{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\">{main}{core}</Relationships>")
}

/// Text inside XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A run of plain text.
pub(crate) fn run(text: &str) -> String {
    styled("", text)
}

/// A run with properties.
pub(crate) fn styled(properties: &str, text: &str) -> String {
    let properties = match properties {
        "" => String::new(),
        some => format!("<w:rPr>{some}</w:rPr>"),
    };
    format!(
        "<w:r>{properties}<w:t xml:space=\"preserve\">{}</w:t></w:r>",
        escaped(text)
    )
}

/// A paragraph of these runs.
pub(crate) fn paragraph(properties: &str, runs: &[String]) -> String {
    let properties = match properties {
        "" => String::new(),
        some => format!("<w:pPr>{some}</w:pPr>"),
    };
    format!("<w:p>{properties}{}</w:p>", runs.concat())
}

/// A paragraph of one run of plain text.
pub(crate) fn p(text: &str) -> String {
    paragraph("", &[run(text)])
}

/// A table cell with this width and content.
pub(crate) fn cell(properties: &str, content: &str) -> String {
    format!(
        "<w:tc><w:tcPr><w:tcW w:w=\"2000\" w:type=\"dxa\"/>{properties}</w:tcPr>{content}</w:tc>"
    )
}

/// A row of cells with plain text.
pub(crate) fn row(texts: &[&str]) -> String {
    let cells = texts.iter().map(|text| cell("", &p(text)));
    format!("<w:tr>{}</w:tr>", cells.collect::<String>())
}

/// A bordered table of so many columns.
pub(crate) fn table(columns: usize, rows: &[String]) -> String {
    format!(
        "<w:tbl><w:tblPr><w:tblStyle w:val=\"Grid\"/><w:tblW w:w=\"0\" w:type=\"auto\"/></w:tblPr><w:tblGrid>{}</w:tblGrid>{}\
         </w:tbl>",
        "<w:gridCol w:w=\"2000\"/>".repeat(columns),
        rows.concat()
    )
}

/// The picture of the package, 1 cm wide, with this alternative text.
pub(crate) fn picture(name: &str, description: &str) -> String {
    format!(
        "<w:r><w:drawing><wp:inline distT=\"0\" distB=\"0\" distL=\"0\" distR=\"0\"><wp:extent cx=\"360000\" cy=\"360000\"/>\
         <wp:docPr id=\"7\" name=\"{name}\" descr=\"{description}\"/><a:graphic>\
         <a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/picture\"><pic:pic><pic:nvPicPr>\
         <pic:cNvPr id=\"7\" name=\"{name}\" descr=\"{description}\"/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed=\"rIdPicture\"/>\
         <a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x=\"0\" y=\"0\"/>\
         <a:ext cx=\"360000\" cy=\"360000\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr></pic:pic>\
         </a:graphicData></a:graphic></wp:inline></w:drawing></w:r>"
    )
}
