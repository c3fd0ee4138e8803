//! Follows the elements of a part as it is written.
//!
//! A render writes the same pieces of its template over and over. What such a piece does to the elements around it is
//! worked out once and remembered by where the piece lies in the template's source, which does not change; everything
//! else is read as it comes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::effect::{Class, Effect, Frame, Seen, effect};

/// Most open elements before the rest is not followed any more.
const DEPTH_MAX: usize = 1_024;
/// Most pieces remembered.
const EFFECTS_MAX: usize = 16_384;

/// What is wrong with the elements of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    NotWellFormed,
    CellWithoutParagraph,
    CellEndsWithTable,
    RowWithoutCell,
    TableWithoutRow,
    NoParagraph,
    ControlCharacter,
}

impl Fault {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::NotWellFormed => "its elements do not nest",
            Self::CellWithoutParagraph => "a table cell has no paragraph",
            Self::CellEndsWithTable => "a table cell ends with a table instead of a paragraph",
            Self::RowWithoutCell => "a table row has no cell",
            Self::TableWithoutRow => "a table has no row",
            Self::NoParagraph => "a text box, header, footer, note or comment has no paragraph",
            Self::ControlCharacter => "it holds a control character, which is no part of XML",
        }
    }
}

/// What was found in a part.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) faults: HashSet<Fault>,
    /// Ids of relationships that it uses.
    pub(crate) references: HashSet<String>,
    /// Numbers that more than one drawing has.
    pub(crate) repeated: HashSet<u32>,
}

/// Follows one part.
pub(crate) struct Machine {
    source: Range<usize>,
    /// Open addressing by address: keys and indexes of effects.
    slots: Vec<Option<(usize, usize, u32)>>,
    effects: Vec<Effect>,
    stack: Vec<Frame>,
    /// The beginning of markup whose end has not come yet.
    pending: Vec<u8>,
    drawings: HashMap<u32, u32>,
    findings: Findings,
    is_lost: bool,
    had_root: bool,
}

impl Machine {
    /// Follows a part whose pieces come from `source`, as far as they do.
    pub(crate) fn new(source: &str, pieces: usize) -> Self {
        let start = source.as_ptr().addr();
        let slots = (pieces.min(EFFECTS_MAX) * 4).next_power_of_two().max(64);
        Self {
            source: start..start + source.len(),
            slots: vec![None; slots],
            effects: Vec::new(),
            stack: Vec::with_capacity(64),
            pending: Vec::new(),
            drawings: HashMap::new(),
            findings: Findings::default(),
            is_lost: false,
            had_root: false,
        }
    }

    /// Reads a whole part.
    pub(crate) fn read(text: &[u8]) -> Findings {
        let mut machine = Self::new("", 0);
        machine.feed(text);
        machine.finish()
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if self.is_lost {
            return;
        }
        if !self.pending.is_empty() {
            return self.go_on(bytes);
        }
        let start = bytes.as_ptr().addr();
        if self.source.contains(&start) && start + bytes.len() <= self.source.end {
            return self.known(bytes, start);
        }
        if bytes.contains(&b'<') {
            self.plain(bytes);
        }
    }

    /// What was found once the part is complete.
    pub(crate) fn finish(mut self) -> Findings {
        let is_open = !self.stack.is_empty() || !self.pending.is_empty() || !self.had_root;
        if is_open && !self.is_lost {
            self.findings.faults.insert(Fault::NotWellFormed);
        }
        self.findings
    }

    /// A piece of the template.
    fn known(&mut self, bytes: &[u8], start: usize) {
        let mask = self.slots.len() - 1;
        let mut at = (start ^ (start >> 7) ^ bytes.len()) & mask;
        loop {
            match self.slots[at] {
                Some((address, length, index)) if address == start && length == bytes.len() => {
                    return self.apply_known(index as usize);
                }
                Some(_) => at = (at + 1) & mask,
                None => break,
            }
        }
        let (effect, rest) = effect(bytes);
        if rest.is_some() || self.effects.len() * 2 >= self.slots.len() {
            return self.plain(bytes);
        }
        self.slots[at] = Some((start, bytes.len(), self.effects.len() as u32));
        self.note(&effect.seen);
        self.apply(&effect);
        self.count(&effect.seen);
        self.effects.push(effect);
    }

    fn apply_known(&mut self, index: usize) {
        let effects = std::mem::take(&mut self.effects);
        if let Some(effect) = effects.get(index) {
            self.apply(effect);
            self.count(&effect.seen);
        }
        self.effects = effects;
    }

    /// A piece that was not seen before, or not all of it.
    fn plain(&mut self, bytes: &[u8]) {
        let (effect, rest) = effect(bytes);
        self.note(&effect.seen);
        self.apply(&effect);
        self.count(&effect.seen);
        if let Some(rest) = rest {
            self.pending.extend_from_slice(&bytes[rest..]);
        }
    }

    /// Markup that began in an earlier piece.
    fn go_on(&mut self, bytes: &[u8]) {
        let mut whole = std::mem::take(&mut self.pending);
        whole.extend_from_slice(bytes);
        // Without what may end it nothing new is known.
        if bytes.contains(&b'>') {
            self.plain(&whole);
        } else {
            self.pending = whole;
        }
    }

    fn apply(&mut self, effect: &Effect) {
        self.findings.faults.extend(effect.faults.iter());
        for &(name, class, closes) in &effect.outward {
            if !closes {
                self.child(class);
                continue;
            }
            match self.stack.pop() {
                Some(frame) if frame.name == name => {
                    if let Some(fault) = frame.fault() {
                        self.findings.faults.insert(fault);
                    }
                    self.child(frame.class);
                }
                _ => return self.lose(),
            }
        }
        if effect.inward.len() + self.stack.len() > DEPTH_MAX {
            return self.lose();
        }
        self.stack.extend_from_slice(&effect.inward);
    }

    fn child(&mut self, class: Class) {
        match self.stack.last_mut() {
            Some(parent) => parent.child(class),
            None => self.had_root = true,
        }
    }

    fn lose(&mut self) {
        self.findings.faults.insert(Fault::NotWellFormed);
        self.is_lost = true;
    }

    /// Notes what a piece refers to, which is the same each time it is written.
    fn note(&mut self, seen: &Seen) {
        for reference in &seen.references {
            if !self.findings.references.contains(reference) {
                self.findings.references.insert(reference.clone());
            }
        }
    }

    fn count(&mut self, seen: &Seen) {
        for &drawing in &seen.drawings {
            let count = self.drawings.entry(drawing).or_default();
            *count += 1;
            if *count > 1 {
                self.findings.repeated.insert(drawing);
            }
        }
    }
}
