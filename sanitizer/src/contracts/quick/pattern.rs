//! Patterns that one look at each character decides: a class repeated, with perhaps another at the begin and at the end.

/// What a byte may be in a text.
const FIRST: u8 = 1;
const INNER: u8 = 2;
const LAST: u8 = 4;
/// Punctuation that stands for itself in a class, wherever it stands.
const THEMSELVES: &[u8] = b" !#%*+,./:;@_~";

/// Texts that a pattern takes; there may be others.
#[derive(Debug)]
pub(super) struct PlainPattern {
    /// What each byte may be.
    places: [u8; 256],
    length_min: usize,
    length_max: usize,
    /// The length is a multiple of this.
    step: usize,
}

/// One class and how often it may stand there.
type Repeated<'p> = (Vec<u8>, (usize, usize), &'p str);

impl PlainPattern {
    /// Reads `^[…]+$`, `^([…]{n})+$` and `^[…]([…]{0,n}[…])?$`, with any count.
    pub(super) fn of(pattern: &str) -> Option<PlainPattern> {
        let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
        if let Some(group) = inner.strip_prefix('(') {
            let (bytes, (min, max), rest) = repeated(group)?;
            let whole = rest == ")+" && min == max && min > 0;
            return whole.then(|| PlainPattern::new([&bytes; 3], (min, usize::MAX), min));
        }
        let (first, (min, max), rest) = repeated(inner)?;
        if rest.is_empty() {
            return Some(PlainPattern::new([&first; 3], (min, max), 1));
        }
        let (middle, (least, most), rest) = repeated(rest.strip_prefix('(')?)?;
        let (last, once, rest) = repeated(rest)?;
        let whole = rest == ")?" && (min, max) == (1, 1) && once == (1, 1) && least == 0;
        // The one character of a text of one is the first and the last.
        whole.then(|| PlainPattern::new([&first, &middle, &last], (1, most.saturating_add(2)), 1))
    }

    fn new(places: [&Vec<u8>; 3], length: (usize, usize), step: usize) -> PlainPattern {
        let mut pattern = PlainPattern {
            places: [0; 256],
            length_min: length.0,
            length_max: length.1,
            step,
        };
        for (bytes, place) in places.into_iter().zip([FIRST, INNER, LAST]) {
            for byte in bytes {
                if let Some(places) = pattern.places.get_mut(usize::from(*byte)) {
                    *places |= place;
                }
            }
        }
        pattern
    }

    /// Whether a text is seen to match.
    pub(super) fn takes(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let may_be = |byte: u8, place: u8| {
            let places = self.places.get(usize::from(byte)).copied();
            places.unwrap_or_default() & place != 0
        };
        let in_length = (self.length_min..=self.length_max).contains(&bytes.len());
        if !in_length || (self.step > 1 && !bytes.len().is_multiple_of(self.step)) {
            return false;
        }
        let (Some((first, _)), Some((last, before))) = (bytes.split_first(), bytes.split_last())
        else {
            return true;
        };
        let inner = before.get(1..).unwrap_or_default();
        may_be(*first, FIRST)
            && may_be(*last, LAST)
            && inner.iter().all(|byte| may_be(*byte, INNER))
    }
}

/// A class in brackets and its count.
fn repeated(pattern: &str) -> Option<Repeated<'_>> {
    let (class, rest) = pattern.strip_prefix('[')?.split_once(']')?;
    let (count, rest) = counted(rest)?;
    Some((class_bytes(class.as_bytes())?, count, rest))
}

fn counted(pattern: &str) -> Option<((usize, usize), &str)> {
    if let Some(rest) = pattern.strip_prefix('+') {
        return lazy_refused((1, usize::MAX), rest);
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        return lazy_refused((0, usize::MAX), rest);
    }
    let Some(counts) = pattern.strip_prefix('{') else {
        return lazy_refused((1, 1), pattern);
    };
    let (counts, rest) = counts.split_once('}')?;
    let (min, max) = counts.split_once(',').unwrap_or((counts, counts));
    let number = |digits: &str| {
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| plain)
    };
    let max = if max.is_empty() {
        usize::MAX
    } else {
        number(max)?
    };
    lazy_refused((number(min)?, max), rest)
}

/// A second count, or one that asks for as few as can be, is none of these patterns.
fn lazy_refused(count: (usize, usize), rest: &str) -> Option<((usize, usize), &str)> {
    (!rest.starts_with(['?', '+', '*', '{'])).then_some((count, rest))
}

/// The bytes of a class of letters, digits, ranges and some punctuation.
fn class_bytes(class: &[u8]) -> Option<Vec<u8>> {
    let itself = |byte: &u8| byte.is_ascii_alphanumeric() || THEMSELVES.contains(byte);
    let mut bytes = Vec::new();
    let mut rest = class;
    while let Some((first, after)) = rest.split_first() {
        rest = match after {
            // At the end of a class it stands for itself.
            [] if *first == b'-' && !bytes.is_empty() => {
                bytes.push(b'-');
                after
            }
            [b'-', last, after @ ..] if itself(first) && itself(last) && first <= last => {
                bytes.extend(*first..=*last);
                after
            }
            _ if itself(first) => {
                bytes.push(*first);
                after
            }
            _ => return None,
        };
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Node;
    use crate::contracts::representation::Body;
    use proptest::prelude::*;

    /// Patterns that one look at each character decides, and what is in their classes.
    const SEEN: [&str; 13] = [
        "^[A-Za-z0-9#._-]+$",
        "^([0-9a-f]{2})+$",
        "^[A-Z]{3}$",
        "^[!-~]+$",
        "^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$",
        "^[a-c]([d-f-]{0,2}[0-9])?$",
        "^[a-c]([d-f-]*[a0-9])?$",
        "^[a]*$",
        "^[ab]{2,}$",
        "^[ab]{1,3}$",
        "^[a-]{0}$",
        "^[a ~]$",
        "^[ -~]+$",
    ];

    #[test]
    fn what_is_no_such_pattern_is_left_to_the_library() {
        for pattern in [
            "[a]+",
            "^[a]+",
            "^a+$",
            "^[^a]+$",
            "^[\\d]+$",
            "^[a]+?$",
            "^[a]+b$",
            "^[a]{2}{3}$",
            "^[-a]+$",
            "^[b-a]+$",
            "^([a]+)+$",
            "^([a]{2})*$",
            "^[a]([b]{1,2}[c])?$",
            "^[a]|[b]$",
            "^[a]+([b]*[c])?$",
            "^[a]([b]*[c])$",
            "^[]$",
            "^[é]+$",
            "^[a&&b]+$",
            "^[a[b]]+$",
            "^([a]{0})+$",
            "^[a]{+1}$",
            "^[a--]+$",
            "",
        ] {
            assert!(PlainPattern::of(pattern).is_none(), "{pattern}");
        }
        for pattern in SEEN {
            assert!(PlainPattern::of(pattern).is_some(), "{pattern}");
        }
    }

    fn library(pattern: &str) -> jsonschema::Validator<Body> {
        jsonschema::options_for::<Body>()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&serde_json::json!({ "pattern": pattern }))
            .unwrap()
    }

    #[test]
    fn what_it_takes_the_library_takes_at_every_limit() {
        let name = |length: usize| "a".repeat(length);
        let host = SEEN[4];
        let plain = PlainPattern::of(host).unwrap();
        for (text, expected) in [(name(253), true), (name(254), false), (name(0), false)] {
            assert_eq!(plain.takes(&text), expected);
            assert_eq!(library(host).is_valid(Node::Name(&text)), expected);
        }
    }

    proptest! {
        #[test]
        fn what_it_takes_the_library_takes(
            which in 0..SEEN.len(),
            text in prop_oneof!["[a-f0-9A-F ~-]{0,6}", "[ab]{0,4}", "[ -~\n\té]{0,4}"],
        ) {
            let pattern = SEEN[which];
            if PlainPattern::of(pattern).unwrap().takes(&text) {
                prop_assert!(library(pattern).is_valid(Node::Name(&text)), "{} {:?}", pattern, text);
            }
        }
    }
}
