//! Canonical JSON: keys in order, no white space, fewest escapes, shortest numbers.

use super::tree::{Item, Node, after};
use spokegate_contract::record::{write_integer, write_number, write_string};

/// Writes a value.
pub fn write_value(node: Node<'_>, out: &mut Vec<u8>) {
    match node {
        Node::Item { items, index } => {
            let maps = Vec::new();
            Writer { items, out, maps }.value(index, 0);
        }
        Node::Name(text) => write_string(text, out),
    }
}

struct Writer<'t, 'o> {
    items: &'t [Item<'t>],
    out: &'o mut Vec<u8>,
    /// The last map of each depth. Rows are alike, and so is the order of their keys.
    maps: Vec<Order<'t>>,
}

/// The members of a map and the order in which they are written.
#[derive(Default)]
struct Order<'t> {
    /// Keys and where their values are, as they came.
    members: Vec<(&'t str, u32)>,
    /// Which of them is next, and where what stands before its value ends in `heads`.
    sorted: Vec<(usize, usize)>,
    /// What stands before each value, one after the other: bracket or comma, key and colon.
    heads: Vec<u8>,
}

impl<'t> Writer<'t, '_> {
    fn value(&mut self, index: u32, depth: usize) {
        let items = self.items;
        match items.get(index as usize) {
            Some(Item::Null) | None => self.out.extend_from_slice(b"null"),
            Some(Item::Bool(true)) => self.out.extend_from_slice(b"true"),
            Some(Item::Bool(false)) => self.out.extend_from_slice(b"false"),
            Some(Item::Integer(value)) => write_integer(*value, self.out),
            Some(Item::Float(value)) => write_number(*value, self.out),
            Some(Item::Text { text, traits }) if traits.breaks || traits.quotes => {
                write_string(text, self.out);
            }
            Some(Item::Text { text, .. }) => plain(text, self.out),
            Some(Item::Array { count, .. }) => self.array(*count, index, depth),
            Some(Item::Map { count, .. }) => self.map(*count, index, depth),
        }
    }

    fn array(&mut self, count: u32, index: u32, depth: usize) {
        self.out.push(b'[');
        let mut next = index.saturating_add(1);
        for element in 0..count {
            if element > 0 {
                self.out.push(b',');
            }
            self.value(next, depth.saturating_add(1));
            next = after(self.items, next);
        }
        self.out.push(b']');
    }

    fn map(&mut self, count: u32, index: u32, depth: usize) {
        if count == 0 {
            self.out.extend_from_slice(b"{}");
            return;
        }
        if self.maps.len() <= depth {
            self.maps
                .resize_with(depth.saturating_add(1), Order::default);
        }
        let last = self.maps.get_mut(depth).map(std::mem::take);
        let mut order = last.unwrap_or_default();
        order.take(self.items, count as usize, index.saturating_add(1));
        let mut start = 0;
        for (member, end) in &order.sorted {
            if let (Some(head), Some((_, value))) =
                (order.heads.get(start..*end), order.members.get(*member))
            {
                self.out.extend_from_slice(head);
                self.value(*value, depth.saturating_add(1));
            }
            start = *end;
        }
        self.out.push(b'}');
        if let Some(place) = self.maps.get_mut(depth) {
            *place = order;
        }
    }
}

/// A text without anything to escape.
fn plain(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len().saturating_add(3));
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

impl<'t> Order<'t> {
    /// Takes the members of the next map, of which the first key stands at `next`. CBOR orders keys by length first, JSON
    /// text by bytes.
    fn take(&mut self, items: &'t [Item<'t>], count: usize, mut next: u32) {
        let mut alike = self.members.len() == count;
        self.members.resize(count, ("", 0));
        for member in &mut self.members {
            let key = match items.get(next as usize) {
                Some(Item::Text { text, .. }) => *text,
                _ => "",
            };
            alike = alike && same(member.0, key);
            let value = next.saturating_add(1);
            *member = (key, value);
            next = after(items, value);
        }
        if !alike {
            self.sort();
        }
    }

    fn sort(&mut self) {
        let members = &self.members;
        let key = |member: usize| members.get(member).map_or("", |(key, _)| *key);
        self.sorted.clear();
        self.sorted
            .extend((0..members.len()).map(|member| (member, 0)));
        self.sorted.sort_unstable_by_key(|(member, _)| key(*member));
        self.heads.clear();
        let bytes = members.iter().map(|(key, _)| key.len().saturating_add(4));
        self.heads.reserve(bytes.sum());
        for (member, end) in &mut self.sorted {
            self.heads
                .push(if self.heads.is_empty() { b'{' } else { b',' });
            // Names hold nothing to escape: the decoder refuses those that do.
            plain(key(*member), &mut self.heads);
            self.heads.push(b':');
            *end = self.heads.len();
        }
    }
}

/// Whether two keys are the same; those of rows that are alike are even the same bytes of the input.
fn same(a: &str, b: &str) -> bool {
    std::ptr::eq(a, b) || a == b
}

#[cfg(test)]
mod tests;
