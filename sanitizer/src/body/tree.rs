//! The decoded body: values in pre-order in one vector, strings borrowed from the input.

use spokegate_contract::text::Traits;

/// One value. Containers know where their content ends, so that a reader can step over them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// An integer within ±(2^53 - 1).
    Integer(i64),
    /// A finite float without an integer value.
    Float(f64),
    /// Text in normalisation form C without forbidden characters.
    Text {
        /// The text.
        text: &'a str,
        /// What it holds.
        traits: Traits,
    },
    /// An array; its items follow.
    Array {
        /// Number of items.
        count: u32,
        /// Index after the last value inside.
        end: u32,
    },
    /// A map; its members follow, a key before each value.
    Map {
        /// Number of members.
        count: u32,
        /// Index after the last value inside.
        end: u32,
    },
}

/// A decoded body.
#[derive(Debug, Default)]
pub struct Tree<'a> {
    pub(super) items: Vec<Item<'a>>,
}

/// Bytes of input to a value, at a guess; rows have more.
const BYTES_PER_ITEM: usize = 8;

impl<'a> Tree<'a> {
    /// An empty one with room for what an input of this length is likely to hold.
    pub(super) fn for_input(bytes: usize) -> Tree<'a> {
        Tree {
            items: Vec::with_capacity(bytes / BYTES_PER_ITEM),
        }
    }

    /// The whole body.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node::Item {
            items: &self.items,
            index: 0,
        }
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.items.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn push(&mut self, item: Item<'a>) {
        self.items.push(item);
    }

    pub(super) fn close(&mut self, start: u32, item: Item<'a>) {
        if let Some(slot) = self.items.get_mut(start as usize) {
            *slot = item;
        }
    }
}

/// A place in a body, or a name on its own (for `propertyNames`).
#[derive(Debug, Clone, Copy)]
pub enum Node<'a> {
    /// A value of a tree.
    Item {
        /// All values of the tree.
        items: &'a [Item<'a>],
        /// Which one.
        index: u32,
    },
    /// A text that is no value of a tree.
    Name(&'a str),
}

impl<'a> Node<'a> {
    /// The value here.
    #[must_use]
    pub fn item(&self) -> Item<'a> {
        match *self {
            Node::Item { items, index } => items.get(index as usize).copied().unwrap_or(Item::Null),
            Node::Name(text) => Item::Text {
                text,
                traits: Traits::default(),
            },
        }
    }

    /// The items when this is an array.
    #[must_use]
    pub fn elements(&self) -> Option<Elements<'a>> {
        match (*self, self.item()) {
            (Node::Item { items, index }, Item::Array { count, .. }) => Some(Elements {
                items,
                next: index.saturating_add(1),
                left: count,
            }),
            _ => None,
        }
    }

    /// The members when this is a map.
    #[must_use]
    pub fn members(&self) -> Option<Members<'a>> {
        match (*self, self.item()) {
            (Node::Item { items, index }, Item::Map { count, .. }) => Some(Members {
                items,
                next: index.saturating_add(1),
                left: count,
            }),
            _ => None,
        }
    }
}

/// The items of an array.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    items: &'a [Item<'a>],
    next: u32,
    left: u32,
}

impl Elements<'_> {
    /// How many are left.
    #[must_use]
    pub fn count_left(&self) -> usize {
        self.left as usize
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        self.left = self.left.checked_sub(1)?;
        let node = Node::Item {
            items: self.items,
            index: self.next,
        };
        self.next = after(self.items, self.next);
        Some(node)
    }
}

/// The members of a map, in key order.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    items: &'a [Item<'a>],
    next: u32,
    left: u32,
}

impl Members<'_> {
    /// How many are left.
    #[must_use]
    pub fn count_left(&self) -> usize {
        self.left as usize
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<(&'a str, Node<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let Some(Item::Text { text, .. }) = self.items.get(self.next as usize).copied() else {
            return None;
        };
        let index = self.next.saturating_add(1);
        self.next = after(self.items, index);
        Some((
            text,
            Node::Item {
                items: self.items,
                index,
            },
        ))
    }
}

/// The index behind a value.
pub(super) fn after(items: &[Item<'_>], index: u32) -> u32 {
    match items.get(index as usize) {
        Some(Item::Array { end, .. } | Item::Map { end, .. }) => *end,
        _ => index.saturating_add(1),
    }
}
