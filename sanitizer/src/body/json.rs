//! Canonical JSON: keys in order, no white space, fewest escapes, shortest numbers.

use super::tree::{Item, Node};
use spokegate_contract::record::{write_number, write_string};
use std::io::Write;

/// Writes a value.
pub fn write_value(node: Node<'_>, out: &mut Vec<u8>) {
    match node.item() {
        Item::Null => out.extend_from_slice(b"null"),
        Item::Bool(true) => out.extend_from_slice(b"true"),
        Item::Bool(false) => out.extend_from_slice(b"false"),
        Item::Integer(value) => write!(out, "{value}").expect("writing into memory cannot fail"),
        Item::Float(value) => write_number(value, out),
        Item::Text { text, .. } => write_string(text, out),
        Item::Array { .. } => write_array(node, out),
        Item::Map { .. } => write_map(node, out),
    }
}

fn write_array(node: Node<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, element) in node.elements().into_iter().flatten().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_value(element, out);
    }
    out.push(b']');
}

fn write_map(node: Node<'_>, out: &mut Vec<u8>) {
    let members = node.members().into_iter().flatten();
    out.push(b'{');
    if in_order(members.clone().map(|(key, _)| key)) {
        for (index, (key, value)) in members.enumerate() {
            write_member(index, key, value, out);
        }
    } else {
        let mut sorted: Vec<_> = members.collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        for (index, (key, value)) in sorted.into_iter().enumerate() {
            write_member(index, key, value, out);
        }
    }
    out.push(b'}');
}

/// CBOR orders keys by length first, JSON text by bytes; often both agree.
fn in_order<'a>(mut keys: impl Iterator<Item = &'a str>) -> bool {
    let mut before = "";
    keys.all(|key| {
        let ordered = before <= key;
        before = key;
        ordered
    })
}

fn write_member(index: usize, key: &str, value: Node<'_>, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
    write_string(key, out);
    out.push(b':');
    write_value(value, out);
}

#[cfg(test)]
mod tests;
