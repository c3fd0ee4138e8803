//! Joins the text of each paragraph over its runs and finds the tags.

use crate::docxtemplater::expression::parse;
use crate::docxtemplater::scan::{Delimiters, Mark, Tag, scan};
use crate::markup::{Kind, NO_PARENT, Token, decode};

use super::Placed;

/// How much of a paragraph a remark shows, in characters.
const TEXT_CHARS_MAX: usize = 120;

/// Elements outside runs whose text holds tags, as docxtemplater has them.
const TEXT_ELEMENTS: &[&str] = &[
    "a:t",
    "m:t",
    "dc:creator",
    "dc:description",
    "dc:subject",
    "dc:title",
    "cp:category",
    "cp:contentStatus",
    "cp:keywords",
];

/// Text that is read as one: the runs of a paragraph, or one element outside runs.
struct Carrier {
    paragraph: Option<usize>,
    texts: Vec<usize>,
}

/// Every tag in the order of the text, and the braces that would be tags on our side.
pub(super) fn tags(
    tokens: &[Token<'_>],
    delimiters: &Delimiters,
) -> (Vec<Placed>, Vec<(usize, usize, usize)>) {
    let mut delimiters = delimiters.clone();
    let (mut tags, mut literals) = (Vec::new(), Vec::new());
    for carrier in carriers(tokens) {
        let joined: String = carrier.texts.iter().map(|&at| tokens[at].raw).collect();
        let found = scan(&joined, &mut delimiters);
        for (start, length) in braces(&joined, &found) {
            if let [(token, range)] = covers(tokens, &carrier, start, start + length).as_slice() {
                literals.push((*token, range.start, length));
            }
        }
        let text = decode(&joined);
        for tag in found {
            tags.push(Placed {
                covers: covers(tokens, &carrier, tag.start, tag.end),
                paragraph: carrier.paragraph,
                text: shortened(&text),
                alone: tag.start == 0 && tag.end == joined.len(),
                expr: expr(&tag),
                partner: None,
                parent: None,
                tag,
            });
        }
    }
    // A text box stands inside a paragraph whose own text goes on behind it.
    tags.sort_by_key(|placed| {
        placed
            .covers
            .first()
            .map(|(token, range)| (*token, range.start))
    });
    (tags, literals)
}

fn expr(tag: &Tag) -> Option<Result<crate::docxtemplater::expression::Expr, String>> {
    match &tag.mark {
        Mark::Value(body) | Mark::Open { body, .. } | Mark::Picture { body, .. } => {
            Some(parse(body))
        }
        _ => None,
    }
}

fn carriers(tokens: &[Token<'_>]) -> Vec<Carrier> {
    let mut carriers: Vec<Carrier> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut paragraphs = 0;
    for (at, token) in tokens.iter().enumerate() {
        match (token.kind, token.name) {
            (Kind::Open, "w:p") => {
                paragraphs += 1;
                open.push(carriers.len());
                carriers.push(Carrier {
                    paragraph: Some(paragraphs),
                    texts: Vec::new(),
                });
            }
            (Kind::Empty, "w:p") => paragraphs += 1,
            (Kind::Close, "w:p") => {
                open.pop();
            }
            (Kind::Text, _) if token.parent != NO_PARENT => {
                match (tokens[token.parent].name, open.last()) {
                    ("w:t", Some(&carrier)) => carriers[carrier].texts.push(at),
                    (name, _) if TEXT_ELEMENTS.contains(&name) => carriers.push(Carrier {
                        paragraph: open.last().and_then(|&carrier| carriers[carrier].paragraph),
                        texts: vec![at],
                    }),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    carriers
}

/// The tokens that a stretch of the joined text lies in. An empty stretch lies in the token before its end.
fn covers(
    tokens: &[Token<'_>],
    carrier: &Carrier,
    start: usize,
    end: usize,
) -> Vec<(usize, std::ops::Range<usize>)> {
    let mut covers = Vec::new();
    let mut from = 0;
    for &at in &carrier.texts {
        let to = from + tokens[at].raw.len();
        let (first, last) = (start.clamp(from, to), end.clamp(from, to));
        let empty = start == end && covers.is_empty() && (from..to).contains(&start);
        if first < last || empty {
            covers.push((at, first - from..last - from));
        }
        from = to;
    }
    covers
}

/// Braces of the text that our side would read as the beginning of a tag, and braces right before a tag.
fn braces(joined: &str, tags: &[Tag]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    let ends = tags.iter().map(|tag| (tag.start, tag.end));
    for (start, end) in ends.chain([(joined.len(), joined.len())]) {
        let gap = &joined[from.min(start)..start];
        let mut at = 0;
        while let Some(brace) = gap[at..].find('{').map(|offset| at + offset) {
            let doubled = matches!(gap.as_bytes().get(brace + 1), Some(b'{' | b'%' | b'#'));
            if doubled {
                found.push((from + brace, 2));
            } else if brace + 1 == gap.len() && start < end {
                found.push((from + brace, 1));
            }
            at = brace + if doubled { 2 } else { 1 };
        }
        from = end;
    }
    found
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    let mut shown: String = text.chars().take(TEXT_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
