//! The strict decoder: deterministic CBOR (RFC 8949 §4.2, dCBOR) that is also I-JSON (RFC 7493).

use super::float::{fits_half, fits_single, half_to_f64};
use super::refusal::{Refusal, Rule};
use super::tree::{Item, Tree, after};
use spokegate_contract::limits::{self, INTEGER_MAX};
use spokegate_contract::text::{self, TextFault, Traits};

/// What a body may hold. The default is the contract's; a schema bounds texts further.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Containers inside containers.
    pub depth: usize,
    /// Values and keys in all.
    pub nodes: usize,
    /// Bytes of one string.
    pub string_bytes: usize,
    /// Bytes of one key.
    pub key_bytes: usize,
    /// Members of one map.
    pub map_entries: usize,
    /// Items of one array.
    pub array_items: usize,
}

impl Default for BodyLimits {
    fn default() -> BodyLimits {
        BodyLimits {
            depth: limits::DEPTH_MAX,
            nodes: limits::NODES_MAX,
            string_bytes: limits::STRING_BYTES_HARD_MAX,
            key_bytes: limits::KEY_BYTES_MAX,
            map_entries: limits::MAP_ENTRIES_MAX,
            array_items: limits::ARRAY_ITEMS_MAX,
        }
    }
}

/// Decodes one body.
///
/// # Errors
/// The first rule that the input breaks, and where.
pub fn decode<'a>(input: &'a [u8], limits: &BodyLimits) -> Result<Tree<'a>, Refusal> {
    let mut decoder = Decoder {
        rest: input,
        limits,
        tree: Tree::for_input(input.len()),
        maps: Vec::new(),
    };
    decoder.value(0)?;
    if decoder.rest.is_empty() {
        Ok(decoder.tree)
    } else {
        Err(Refusal::new(Rule::TrailingBytes))
    }
}

struct Decoder<'a, 'l> {
    rest: &'a [u8],
    limits: &'l BodyLimits,
    tree: Tree<'a>,
    /// Where the last map of each depth begins. Rows are alike: a name that stands where the map before had the same one
    /// is known to be allowed and in order.
    maps: Vec<u32>,
}

/// A map that the next one may be like: where its next name stands and how many are left.
#[derive(Default)]
struct Alike {
    next: u32,
    left: u32,
}

/// Major type, additional information and argument of one head.
struct Head {
    major: u8,
    info: u8,
    argument: u64,
}

impl<'a> Decoder<'a, '_> {
    fn value(&mut self, depth: usize) -> Result<(), Refusal> {
        let head = self.head()?;
        let item = match head.major {
            0 if head.argument <= INTEGER_MAX => Item::Integer(signed(head.argument)?),
            1 if head.argument < INTEGER_MAX => {
                Item::Integer(signed(head.argument)?.saturating_neg().saturating_sub(1))
            }
            0 | 1 => return Err(Refusal::new(Rule::NumberRange)),
            2 => return Err(Refusal::new(Rule::ByteString)),
            3 => self.text(head.argument, self.limits.string_bytes, Rule::StringLength)?,
            4 => return self.array(head.argument, depth),
            5 => return self.map(head.argument, depth),
            6 => return Err(Refusal::new(Rule::Tag)),
            _ => simple(&head)?,
        };
        self.push(item)
    }

    fn push(&mut self, item: Item<'a>) -> Result<(), Refusal> {
        if self.tree.items.len() >= self.limits.nodes {
            return Err(Refusal::new(Rule::Nodes));
        }
        self.tree.push(item);
        Ok(())
    }

    fn array(&mut self, count: u64, depth: usize) -> Result<(), Refusal> {
        let (start, length) = self.open(count, depth, self.limits.array_items, Rule::ArrayItems)?;
        for index in 0..length {
            self.value(depth.saturating_add(1))
                .map_err(|refusal| refusal.under_index(index as usize))?;
        }
        self.tree.close(
            start,
            Item::Array {
                count: length,
                end: self.tree.len(),
            },
        );
        Ok(())
    }

    fn map(&mut self, count: u64, depth: usize) -> Result<(), Refusal> {
        let (start, length) = self.open(count, depth, self.limits.map_entries, Rule::MapEntries)?;
        let mut alike = self.last_map(depth, start);
        let mut before: Option<&'a str> = None;
        for _ in 0..length {
            let key = self.key(before, &mut alike)?;
            before = Some(key);
            self.value(depth.saturating_add(1))
                .map_err(|refusal| refusal.under_key(key))?;
        }
        self.tree.close(
            start,
            Item::Map {
                count: length,
                end: self.tree.len(),
            },
        );
        Ok(())
    }

    /// Takes a place for a container whose content is still to come.
    fn open(
        &mut self,
        count: u64,
        depth: usize,
        count_max: usize,
        rule: Rule,
    ) -> Result<(u32, u32), Refusal> {
        if depth >= self.limits.depth {
            return Err(Refusal::new(Rule::Depth));
        }
        // Every item takes a byte at least: a declared length can never be larger than what is left.
        if count > self.rest.len() as u64 {
            return Err(Refusal::new(Rule::Truncated));
        }
        let length = u32::try_from(count).map_err(|_| Refusal::new(rule.clone()))?;
        if length as usize > count_max {
            return Err(Refusal::new(rule));
        }
        let start = self.tree.len();
        self.push(Item::Null)?;
        Ok((start, length))
    }

    /// Notes where a map begins; gives its forerunner of the same depth.
    fn last_map(&mut self, depth: usize, start: u32) -> Alike {
        if self.maps.len() <= depth {
            self.maps.resize(depth.saturating_add(1), u32::MAX);
        }
        let last = self
            .maps
            .get_mut(depth)
            .map(|last| std::mem::replace(last, start));
        let map = last.and_then(|last| self.tree.items.get(last as usize).zip(Some(last)));
        match map {
            Some((Item::Map { count, .. }, at)) => Alike {
                next: at.saturating_add(1),
                left: *count,
            },
            _ => Alike::default(),
        }
    }

    /// The name and what holds it, if the forerunner has the same one here.
    fn known(&mut self, alike: &mut Alike) -> Option<&'a str> {
        alike.left = alike.left.checked_sub(1)?;
        let item = *self.tree.items.get(alike.next as usize)?;
        let Item::Text { text, .. } = item else {
            return None;
        };
        let length = u8::try_from(text.len())
            .ok()
            .filter(|length| *length < 24)?;
        let (head, rest) = self.rest.split_first()?;
        let rest = rest.strip_prefix(text.as_bytes())?;
        if *head != 0x60 | length || self.tree.items.len() >= self.limits.nodes {
            return None;
        }
        self.rest = rest;
        self.tree.push(item);
        alike.next = after(&self.tree.items, alike.next.saturating_add(1));
        Some(text)
    }

    fn key(&mut self, before: Option<&'a str>, alike: &mut Alike) -> Result<&'a str, Refusal> {
        if let Some(key) = self.known(alike) {
            return Ok(key);
        }
        // From here on the two maps differ, and every name is looked at.
        *alike = Alike::default();
        let head = self.head()?;
        if head.major != 3 {
            return Err(Refusal::new(Rule::KeyType));
        }
        let item = self.text(head.argument, self.limits.key_bytes, Rule::KeyLength)?;
        // Names in canonical JSON hold no escapes, so that they compare as they are written.
        let key = match item {
            Item::Text { text, traits } if traits == Traits::default() => text,
            _ => return Err(Refusal::new(Rule::Character)),
        };
        self.push(item)?;
        match before {
            Some(before) if before == key => Err(Refusal::new(Rule::DuplicateKey)),
            // Deterministic order is by encoded bytes: the shorter key first (RFC 8949 §4.2.1).
            Some(before) if (before.len(), before) > (key.len(), key) => {
                Err(Refusal::new(Rule::KeyOrder))
            }
            _ => Ok(key),
        }
    }

    fn text(&mut self, length: u64, bytes_max: usize, rule: Rule) -> Result<Item<'a>, Refusal> {
        let length = usize::try_from(length).map_err(|_| Refusal::new(Rule::Truncated))?;
        let bytes = self.take(length)?;
        if length > bytes_max {
            return Err(Refusal::new(rule));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Refusal::new(Rule::Utf8))?;
        match text::check(text) {
            Ok(traits) => Ok(Item::Text { text, traits }),
            Err(TextFault::Character) => Err(Refusal::new(Rule::Character)),
            Err(TextFault::NotNormal) => Err(Refusal::new(Rule::NotNormalized)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| Refusal::new(Rule::Truncated))?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, Refusal> {
        let first = self.take(1)?.first().copied().unwrap_or_default();
        let (major, info) = (first >> 5, first & 0x1f);
        let (argument, least) = match info {
            0..=23 => (u64::from(info), 0),
            24 => (self.unsigned(1)?, 24),
            25 => (self.unsigned(2)?, 1 << 8),
            26 => (self.unsigned(4)?, 1 << 16),
            27 => (self.unsigned(8)?, 1 << 32),
            31 => return Err(Refusal::new(Rule::Indefinite)),
            _ => return Err(Refusal::new(Rule::HeadForm)),
        };
        // For major type 7 the argument is a float or a simple value, not a length.
        if major != 7 && argument < least {
            return Err(Refusal::new(Rule::HeadForm));
        }
        Ok(Head {
            major,
            info,
            argument,
        })
    }

    fn unsigned(&mut self, length: usize) -> Result<u64, Refusal> {
        Ok(self
            .take(length)?
            .iter()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }
}

fn signed(value: u64) -> Result<i64, Refusal> {
    i64::try_from(value).map_err(|_| Refusal::new(Rule::NumberRange))
}

fn simple(head: &Head) -> Result<Item<'static>, Refusal> {
    let bits = head.argument;
    let (value, shorter) = match head.info {
        20 => return Ok(Item::Bool(false)),
        21 => return Ok(Item::Bool(true)),
        22 => return Ok(Item::Null),
        25 => (half_to_f64(u16::try_from(bits).unwrap_or(0x7e00)), false),
        26 => {
            let single = f32::from_bits(u32::try_from(bits).unwrap_or(0x7fc0_0000));
            (f64::from(single), fits_half(single))
        }
        27 => (f64::from_bits(bits), fits_single(f64::from_bits(bits))),
        _ => return Err(Refusal::new(Rule::Simple)),
    };
    if !value.is_finite() || value.fract() == 0.0 || shorter {
        return Err(Refusal::new(Rule::FloatForm));
    }
    Ok(Item::Float(value))
}

#[cfg(test)]
mod tests;
