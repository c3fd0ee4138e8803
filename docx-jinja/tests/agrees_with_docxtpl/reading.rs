//! What a document shows, in a form that two documents can be compared by: one line for each paragraph, run, row and
//! cell. How text is cut into runs, identifiers and editing marks leave no trace; targets of relationships stand for them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Read};

use roxmltree::{Document, Node};
use zip::ZipArchive;

/// Elements that show nothing.
const UNSEEN: &[&str] = &[
    "proofErr",
    "bookmarkStart",
    "bookmarkEnd",
    "lastRenderedPageBreak",
    "noProof",
];
/// Attributes that show nothing.
const UNSEEN_ATTRIBUTES: &[&str] = &["paraId", "textId", "Ignorable"];
/// Core properties that tell of the save, not of the content.
const OF_THE_SAVE: &[&str] = &["modified", "revision", "lastModifiedBy"];
const FILLED: &[&str] = &[
    "word/document",
    "word/header",
    "word/footer",
    "word/footnotes",
    "word/endnotes",
    "word/comments",
];

/// Part by part; a line of text, or of looks, each.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Text, structure, properties, pictures.
    pub(crate) text: Vec<String>,
    /// The same with all formatting.
    pub(crate) looks: Vec<String>,
}

/// Reads a finished document.
pub(crate) fn read(package: &[u8]) -> Reading {
    let entries = entries(package);
    let mut reading = Reading {
        text: properties(&entries),
        looks: Vec::new(),
    };
    let filled =
        |name: &str| name.ends_with(".xml") && FILLED.iter().any(|start| name.starts_with(start));
    for (name, bytes) in entries.iter().filter(|(name, _)| filled(name)) {
        let xml = std::str::from_utf8(bytes).unwrap();
        let document = Document::parse(xml).unwrap_or_else(|error| panic!("{name}: {error}"));
        if !document
            .descendants()
            .any(|node| node.tag_name().name() == "p")
        {
            continue;
        }
        let targets = targets(&entries, name);
        for looks in [false, true] {
            let mut walk = Walk {
                targets: &targets,
                looks,
                lines: vec![format!("part {name}")],
            };
            walk.block(document.root_element(), 0);
            match looks {
                false => reading.text.append(&mut walk.lines),
                true => reading.looks.append(&mut walk.lines),
            }
        }
    }
    reading
}

fn entries(package: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(package)).unwrap();
    let mut entries = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        entries.insert(file.name().unwrap().into_owned(), bytes);
    }
    entries
}

fn digest(bytes: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn properties(entries: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let Some(bytes) = entries.get("docProps/core.xml") else {
        return Vec::new();
    };
    let document = Document::parse(std::str::from_utf8(bytes).unwrap()).unwrap();
    let elements = document.root_element().children().filter(Node::is_element);
    let mut lines: Vec<String> = elements
        .filter(|node| !OF_THE_SAVE.contains(&node.tag_name().name()))
        .filter_map(|node| {
            Some(format!(
                "property {}: {}",
                node.tag_name().name(),
                node.text()?
            ))
        })
        .collect();
    lines.sort();
    lines
}

/// What the relationships of a part lead to: addresses, or digests of media.
fn targets(entries: &BTreeMap<String, Vec<u8>>, part: &str) -> BTreeMap<String, String> {
    let (folder, file) = part.rsplit_once('/').unwrap();
    let Some(bytes) = entries.get(&format!("{folder}/_rels/{file}.rels")) else {
        return BTreeMap::new();
    };
    let document = Document::parse(std::str::from_utf8(bytes).unwrap()).unwrap();
    let elements = document.root_element().children().filter(Node::is_element);
    elements
        .map(|node| {
            let target = node.attribute("Target").unwrap();
            let name = match target.strip_prefix('/') {
                Some(absolute) => absolute.to_owned(),
                None => format!("{folder}/{target}"),
            };
            let leads_to = match entries.get(&name) {
                Some(bytes) if name.contains("/media/") => digest(bytes),
                Some(_) => name,
                None => target.to_owned(),
            };
            (node.attribute("Id").unwrap().to_owned(), leads_to)
        })
        .collect()
}

struct Walk<'t> {
    targets: &'t BTreeMap<String, String>,
    looks: bool,
    lines: Vec<String>,
}

/// Text of one look within a paragraph.
struct Stretch {
    look: String,
    text: String,
}

impl Walk<'_> {
    /// Writes an element that holds blocks: a line for itself, then its content.
    fn block(&mut self, node: Node<'_, '_>, depth: usize) {
        let name = node.tag_name().name();
        if name == "p" {
            return self.paragraph(node, depth);
        }
        let mut own = String::new();
        for child in elements(node).filter(|child| is_properties(*child)) {
            if self.looks {
                self.canonical(child, &mut own);
            }
        }
        self.line(depth, &format!("{name} {own}"));
        for child in elements(node).filter(|child| !is_properties(*child)) {
            if child
                .descendants()
                .any(|inner| inner.tag_name().name() == "p")
            {
                self.block(child, depth + 1);
            } else if self.looks {
                let mut text = String::new();
                self.canonical(child, &mut text);
                if !text.is_empty() {
                    self.line(depth + 1, &text);
                }
            }
        }
    }

    fn paragraph(&mut self, node: Node<'_, '_>, depth: usize) {
        let mut own = String::new();
        let mut stretches = Vec::new();
        let mut boxes = Vec::new();
        for child in elements(node) {
            if is_properties(child) {
                if self.looks {
                    self.canonical(child, &mut own);
                }
            } else {
                self.inline(child, &mut stretches, &mut boxes);
            }
        }
        if self.looks {
            self.line(depth, &format!("p {own}"));
            for Stretch { look, text } in stretches {
                self.line(depth + 1, &format!("[{look}] {text:?}"));
            }
        } else {
            let text: String = stretches.into_iter().map(|stretch| stretch.text).collect();
            self.line(depth, &format!("p {text:?}"));
        }
        for content in boxes {
            self.block(content, depth + 1);
        }
    }

    /// Adds what a run, or an element around runs, shows.
    fn inline<'a, 'i>(
        &self,
        node: Node<'a, 'i>,
        stretches: &mut Vec<Stretch>,
        boxes: &mut Vec<Node<'a, 'i>>,
    ) {
        let name = node.tag_name().name();
        match name {
            _ if UNSEEN.contains(&name) => {}
            "r" if !node
                .tag_name()
                .namespace()
                .unwrap_or_default()
                .ends_with("/math") =>
            {
                self.run(node, stretches, boxes);
            }
            "hyperlink" | "ins" | "sdt" | "smartTag" | "fldSimple" => {
                self.mark(format!("<{name}{}", self.attributes(node)), stretches);
                for child in elements(node) {
                    self.inline(child, stretches, boxes);
                }
                self.mark(">".to_owned(), stretches);
            }
            "sdtContent" => {
                for child in elements(node) {
                    self.inline(child, stretches, boxes);
                }
            }
            _ => {
                let mut text = String::new();
                self.canonical(node, &mut text);
                self.mark(text, stretches);
            }
        }
    }

    fn run<'a, 'i>(
        &self,
        run: Node<'a, 'i>,
        stretches: &mut Vec<Stretch>,
        boxes: &mut Vec<Node<'a, 'i>>,
    ) {
        let mut look = String::new();
        let mut text = String::new();
        for child in elements(run) {
            match child.tag_name().name() {
                "rPr" => {
                    look = self.sorted(child);
                }
                "t" => {
                    let shown: String = child.children().filter_map(|inner| inner.text()).collect();
                    let kept = child
                        .attributes()
                        .any(|a| a.name() == "space" && a.value() == "preserve");
                    text += if kept { &shown } else { shown.trim() };
                }
                "tab" => text.push('\t'),
                "br" if attribute(child, "type") == Some("page") => text.push('\u{c}'),
                "br" | "cr" => text.push('\n'),
                "drawing" if is_picture(child) => text += &self.picture(child),
                name if UNSEEN.contains(&name) => {}
                _ => {
                    self.canonical(child, &mut text);
                    let content = child
                        .descendants()
                        .filter(|inner| inner.tag_name().name() == "txbxContent");
                    boxes.extend(content);
                }
            }
        }
        if text.is_empty() {
            return;
        }
        match stretches.last_mut().filter(|last| last.look == look) {
            Some(last) => last.text += &text,
            None => stretches.push(Stretch { look, text }),
        }
    }

    /// A picture: which one, how large, and what it says of itself.
    fn picture(&self, drawing: Node<'_, '_>) -> String {
        let find = |element: &str, name: &str| {
            let mut all = drawing.descendants();
            let found = all.find(|node| node.tag_name().name() == element)?;
            attribute(found, name)
        };
        let file = find("blip", "embed").and_then(|id| self.targets.get(id));
        let size = (find("extent", "cx"), find("extent", "cy"));
        let says = find("docPr", "descr").filter(|text| !text.is_empty());
        format!("<picture {file:?} {size:?} {says:?}>")
    }

    /// The properties in an element, in whichever order they were written.
    fn sorted(&self, properties: Node<'_, '_>) -> String {
        let canonical = |property| {
            let mut text = String::new();
            self.canonical(property, &mut text);
            text
        };
        let mut all: Vec<String> = elements(properties).map(canonical).collect();
        all.sort();
        all.concat()
    }

    fn mark(&self, text: String, stretches: &mut Vec<Stretch>) {
        let look = "mark".to_owned();
        stretches.push(Stretch { look, text });
    }

    /// An element as text that does not depend on how it was written down.
    fn canonical(&self, node: Node<'_, '_>, out: &mut String) {
        let name = node.tag_name().name();
        if UNSEEN.contains(&name) || name == "txbxContent" {
            return;
        }
        let start = out.len();
        let _ = write!(out, "<{name}{}", self.attributes(node));
        let before = out.len();
        if name.ends_with("Pr") {
            *out += &self.sorted(node);
        }
        for child in node.children().filter(|_| !name.ends_with("Pr")) {
            if child.is_element() {
                self.canonical(child, out);
            } else if let Some(text) = child.text().filter(|text| !text.trim().is_empty()) {
                let _ = write!(out, " {text:?}");
            }
        }
        let is_empty = out.len() == before && node.attributes().len() == 0;
        if is_empty && is_properties(node) {
            out.truncate(start);
        } else {
            out.push('>');
        }
    }

    fn attributes(&self, node: Node<'_, '_>) -> String {
        let is_link = node.tag_name().name() == "hyperlink";
        let is_drawing = matches!(node.tag_name().name(), "docPr" | "cNvPr");
        let mut all: Vec<String> = node
            .attributes()
            .filter(|a| !a.name().starts_with("rsid") && !UNSEEN_ATTRIBUTES.contains(&a.name()))
            .filter(|a| !(is_drawing && a.name() == "id"))
            .filter(|a| !is_link || matches!(a.name(), "id" | "anchor"))
            .map(|a| {
                let value = match a.namespace() {
                    Some(space) if space.ends_with("/relationships") => self.targets.get(a.value()),
                    _ => None,
                };
                format!(" {}={}", a.name(), value.map_or(a.value(), String::as_str))
            })
            .collect();
        all.sort();
        all.concat()
    }

    fn line(&mut self, depth: usize, text: &str) {
        self.lines.push(format!("{}{text}", "  ".repeat(depth)));
    }
}

fn elements<'a, 'i>(node: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(Node::is_element)
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let mut all = node.attributes();
    all.find(|a| a.name() == name).map(|a| a.value())
}

fn is_picture(drawing: Node<'_, '_>) -> bool {
    let mut all = drawing.descendants();
    all.any(|node| node.tag_name().name() == "blip")
}

/// True for elements that say how their parent looks.
fn is_properties(node: Node<'_, '_>) -> bool {
    let name = node.tag_name().name();
    name.ends_with("Pr") && !matches!(name, "docPr" | "cNvPr") || name == "tblGrid"
}
