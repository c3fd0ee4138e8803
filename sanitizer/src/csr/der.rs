//! Just enough DER (X.690 §8 and §10): low tag numbers, definite lengths in their shortest form, nothing left over.

/// Tags in use, as they stand in the first byte.
pub(super) mod tag {
    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const BIT_STRING: u8 = 0x03;
    pub(in super::super) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    /// `[0] IMPLICIT SET OF Attribute`.
    pub(in super::super) const ATTRIBUTES: u8 = 0xa0;
}

/// Bit of a tag that says that elements follow.
const CONSTRUCTED: u8 = 0x20;
/// Tag numbers from this on take more bytes.
const HIGH_TAG_NUMBER: u8 = 0x1f;
/// Deepest nesting of what is walked over.
const DEPTH_MAX: usize = 12;

/// Bytes that are not the expected DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// What is left of an element's content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a>(&'a [u8]);

/// One element: its tag, its content, and all of its bytes.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    /// Ends the reading; anything left is refused.
    pub(super) fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// The content of a primitive element.
    pub(super) fn primitive(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        self.expect(tag).map(|element| element.content)
    }

    /// The inside of a constructed element.
    pub(super) fn nested(&mut self, tag: u8) -> Result<Input<'a>, Malformed> {
        self.expect(tag).map(|element| Input(element.content))
    }

    /// The same, and all of its bytes: what a signature covers.
    pub(super) fn nested_with_head(&mut self, tag: u8) -> Result<(&'a [u8], Input<'a>), Malformed> {
        let element = self.expect(tag)?;
        Ok((element.whole, Input(element.content)))
    }

    /// The bytes of a bit string without unused bits.
    pub(super) fn bit_string(&mut self) -> Result<&'a [u8], Malformed> {
        match self.primitive(tag::BIT_STRING)?.split_first() {
            Some((0, bytes)) => Ok(bytes),
            _ => Err(Malformed),
        }
    }

    /// Sees that the rest is whole elements all the way down.
    pub(super) fn walk(self) -> Result<(), Malformed> {
        self.walk_at(DEPTH_MAX)
    }

    fn walk_at(mut self, depth_left: usize) -> Result<(), Malformed> {
        while !self.0.is_empty() {
            let element = self.element()?;
            if element.tag & CONSTRUCTED != 0 {
                let depth_left = depth_left.checked_sub(1).ok_or(Malformed)?;
                Input(element.content).walk_at(depth_left)?;
            }
        }
        Ok(())
    }

    fn expect(&mut self, tag: u8) -> Result<Element<'a>, Malformed> {
        let mut after = *self;
        let element = after.element()?;
        if element.tag != tag {
            return Err(Malformed);
        }
        *self = after;
        Ok(element)
    }

    fn element(&mut self) -> Result<Element<'a>, Malformed> {
        let start = self.0;
        let tag = self.byte()?;
        if tag & HIGH_TAG_NUMBER == HIGH_TAG_NUMBER {
            return Err(Malformed);
        }
        let length = self.length()?;
        let (content, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        let whole = start
            .len()
            .checked_sub(rest.len())
            .and_then(|bytes| start.get(..bytes))
            .ok_or(Malformed)?;
        Ok(Element {
            tag,
            content,
            whole,
        })
    }

    /// A length of at most two bytes, in its shortest form; more than a request may have cannot come.
    fn length(&mut self) -> Result<usize, Malformed> {
        match self.byte()? {
            short @ 0..=0x7f => Some(usize::from(short)),
            0x81 => Some(usize::from(self.byte()?)).filter(|length| *length > 0x7f),
            0x82 => {
                let bytes = [self.byte()?, self.byte()?];
                Some(usize::from(u16::from_be_bytes(bytes))).filter(|length| *length > 0xff)
            }
            _ => None,
        }
        .ok_or(Malformed)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }
}
