//! Canonical JSON: keys in order, no white space, fewest escapes, shortest numbers.

use super::tree::{Item, Node};
use spokegate_contract::record::{write_integer, write_number, write_string};

/// Writes a value.
pub fn write_value(node: Node<'_>, out: &mut Vec<u8>) {
    let mut writer = Writer {
        out,
        maps: Vec::new(),
    };
    writer.value(node, 0);
}

struct Writer<'t, 'o> {
    out: &'o mut Vec<u8>,
    /// The last map of each depth. Rows are alike, and so is the order of their keys.
    maps: Vec<Order<'t>>,
}

/// The members of a map and the order in which they are written.
#[derive(Default)]
struct Order<'t> {
    members: Vec<(&'t str, Node<'t>)>,
    sorted: Vec<usize>,
}

impl<'t> Writer<'t, '_> {
    fn value(&mut self, node: Node<'t>, depth: usize) {
        match node.item() {
            Item::Null => self.out.extend_from_slice(b"null"),
            Item::Bool(true) => self.out.extend_from_slice(b"true"),
            Item::Bool(false) => self.out.extend_from_slice(b"false"),
            Item::Integer(value) => write_integer(value, self.out),
            Item::Float(value) => write_number(value, self.out),
            Item::Text { text, traits } if traits.breaks || traits.quotes => {
                write_string(text, self.out);
            }
            Item::Text { text, .. } => self.plain(text),
            Item::Array { .. } => self.array(node, depth),
            Item::Map { .. } => self.map(node, depth),
        }
    }

    /// A text without anything to escape.
    fn plain(&mut self, text: &str) {
        self.out.reserve(text.len().saturating_add(3));
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    fn array(&mut self, node: Node<'t>, depth: usize) {
        self.out.push(b'[');
        for (index, element) in node.elements().into_iter().flatten().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(element, depth.saturating_add(1));
        }
        self.out.push(b']');
    }

    fn map(&mut self, node: Node<'t>, depth: usize) {
        if self.maps.len() <= depth {
            self.maps
                .resize_with(depth.saturating_add(1), Order::default);
        }
        let mut order = self
            .maps
            .get_mut(depth)
            .map(std::mem::take)
            .unwrap_or_default();
        order.take(node);
        self.out.push(b'{');
        for (index, member) in order.sorted.iter().enumerate() {
            let Some((key, value)) = order.members.get(*member) else {
                continue;
            };
            if index > 0 {
                self.out.push(b',');
            }
            // Names hold nothing to escape: the decoder refuses those that do.
            self.plain(key);
            self.out.push(b':');
            self.value(*value, depth.saturating_add(1));
        }
        self.out.push(b'}');
        if let Some(place) = self.maps.get_mut(depth) {
            *place = order;
        }
    }
}

impl<'t> Order<'t> {
    /// Takes the members of the next map. CBOR orders keys by length first, JSON text by bytes.
    fn take(&mut self, node: Node<'t>) {
        let members = node.members().into_iter().flatten();
        let mut alike = 0_usize;
        let before = self.members.len();
        for (index, member) in members.enumerate() {
            match self.members.get_mut(index) {
                Some(place) => {
                    alike = alike.saturating_add(usize::from(same(place.0, member.0)));
                    *place = member;
                }
                None => self.members.push(member),
            }
        }
        let count = node.members().map_or(0, |members| members.count_left());
        self.members.truncate(count);
        if alike == count && before == count {
            return;
        }
        self.sorted.clear();
        self.sorted.extend(0..count);
        let members = &self.members;
        self.sorted
            .sort_unstable_by_key(|index| members.get(*index).map(|(key, _)| *key));
    }
}

/// Whether two keys are the same; those of rows that are alike are even the same bytes of the input.
fn same(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || a == b
}

#[cfg(test)]
mod tests;
