//! What a piece of XML does to the elements around it.

use super::machine::Fault;
use crate::xml;

/// Elements that Word asks something of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Paragraph,
    Table,
    Row,
    Cell,
    /// May stand for a paragraph, a row or a cell.
    Control,
    /// Must hold a paragraph.
    Container,
    Other,
}

impl Class {
    fn of(name: &[u8]) -> Self {
        match name {
            b"w:p" => Self::Paragraph,
            b"w:tbl" => Self::Table,
            b"w:tr" => Self::Row,
            b"w:tc" => Self::Cell,
            b"w:sdt"
            | b"w:customXml"
            | b"w:ins"
            | b"w:del"
            | b"w:moveFrom"
            | b"w:moveTo"
            | b"mc:AlternateContent"
            | b"w:altChunk" => Self::Control,
            b"w:txbxContent" | b"w:hdr" | b"w:ftr" | b"w:footnote" | b"w:endnote"
            | b"w:comment" => Self::Container,
            _ => Self::Other,
        }
    }
}

/// An element that is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// A digest of its name.
    pub(super) name: u64,
    pub(super) class: Class,
    /// The last child that counts.
    last: Option<Class>,
}

impl Frame {
    fn new(name: &[u8]) -> Self {
        Self {
            name: digest(name),
            class: Class::of(name),
            last: None,
        }
    }

    /// Takes a child.
    pub(super) fn child(&mut self, class: Class) {
        if class != Class::Other {
            self.last = Some(class);
        }
    }

    /// What is wrong with it when it ends here.
    pub(super) fn fault(&self) -> Option<Fault> {
        match (self.class, self.last) {
            (Class::Cell, Some(Class::Table)) => Some(Fault::CellEndsWithTable),
            (Class::Cell, None) => Some(Fault::CellWithoutParagraph),
            (Class::Row, None) => Some(Fault::RowWithoutCell),
            (Class::Table, None) => Some(Fault::TableWithoutRow),
            (Class::Container, None) => Some(Fault::NoParagraph),
            _ => None,
        }
    }
}

/// Names that a piece holds.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Ids of relationships.
    pub(super) references: Vec<String>,
    /// Numbers of drawings.
    pub(super) drawings: Vec<u32>,
}

/// What a piece does.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Elements of the piece that stand in an element begun before it, and ends of such elements (true).
    pub(super) outward: Vec<(u64, Class, bool)>,
    /// Elements that are open behind it, outermost first.
    pub(super) inward: Vec<Frame>,
    pub(super) seen: Seen,
    pub(super) faults: Vec<Fault>,
}

impl Effect {
    fn close(&mut self, name: &[u8]) {
        let Some(frame) = self.inward.pop() else {
            return self.outward.push((digest(name), Class::of(name), true));
        };
        if frame.name != digest(name) {
            self.faults.push(Fault::NotWellFormed);
        }
        self.faults.extend(frame.fault());
        self.child(frame.class, frame.name);
    }

    fn empty(&mut self, name: &[u8]) {
        let frame = Frame::new(name);
        self.faults.extend(frame.fault());
        self.child(frame.class, frame.name);
    }

    fn child(&mut self, class: Class, name: u64) {
        match self.inward.last_mut() {
            Some(parent) => parent.child(class),
            None => self.outward.push((name, class, false)),
        }
    }

    fn look_at(&mut self, name: &[u8], raw: &[u8]) {
        let has_reference = raw.windows(3).any(|window| window == b" r:");
        let is_drawing = name == b"wp:docPr";
        if !has_reference && !is_drawing {
            return;
        }
        let Ok(raw) = std::str::from_utf8(raw) else {
            return self.faults.push(Fault::NotWellFormed);
        };
        for (name, value) in xml::attributes(raw) {
            if name.starts_with("r:") {
                self.seen.references.push(xml::decode(value).into_owned());
            } else if is_drawing && name == "id" {
                self.seen.drawings.extend(value.parse::<u32>());
            }
        }
    }
}

/// Works out what a piece does that begins outside markup; gives also where markup begins that does not end in it.
pub(super) fn effect(bytes: &[u8]) -> (Effect, Option<usize>) {
    let mut effect = Effect::default();
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    if bytes.iter().any(is_control) {
        effect.faults.push(Fault::ControlCharacter);
    }
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], b'<') {
        let start = at + found;
        let Some(length) = length(&bytes[start..]) else {
            return (effect, Some(start));
        };
        let raw = &bytes[start..start + length];
        at = start + length;
        match raw {
            [b'<', b'/', ..] => effect.close(name(&raw[2..])),
            [b'<', b'!' | b'?', ..] => {}
            [.., b'/', b'>'] => {
                effect.look_at(name(&raw[1..]), raw);
                effect.empty(name(&raw[1..]));
            }
            _ => {
                effect.look_at(name(&raw[1..]), raw);
                effect.inward.push(Frame::new(name(&raw[1..])));
            }
        }
    }
    (effect, None)
}

/// The length of the markup at the start of `bytes`; none when its end is not among them.
fn length(bytes: &[u8]) -> Option<usize> {
    let until = |end: &[u8]| {
        let at = bytes.windows(end.len()).position(|window| window == end);
        at.map(|at| at + end.len())
    };
    match bytes {
        [b'<', b'?', ..] => return until(b"?>"),
        [b'<', b'!', b'-', ..] => return until(b"-->"),
        [b'<', b'!', b'[', ..] => return until(b"]]>"),
        _ => {}
    }
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().position(|&found| found == byte)
}

fn name(raw: &[u8]) -> &[u8] {
    let end = raw
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>'));
    &raw[..end.unwrap_or(raw.len())]
}

/// FNV-1a: enough to tell names of one document apart.
fn digest(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |digest, &byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
