//! A readable source from the tags of a part whose blocks do not fit together, so that what it reads can be told in the
//! same run as what is wrong with it.

use crate::check;
use crate::locate::SourceMap;
use crate::prepare::{EXPRESSION, STATEMENT};
use crate::tags::{Tag, TagKind};

/// A block that is open.
struct Block {
    keyword: String,
    /// False for one whose tag cannot be read: what belongs to it is left out.
    kept: bool,
    has_else: bool,
}

/// The tags alone, without those that cannot be read, with every block closed.
pub(super) fn repaired(map: &SourceMap) -> (String, SourceMap) {
    let mut source = String::new();
    let mut places = SourceMap::default();
    let mut open: Vec<Block> = Vec::new();
    for place in map.places() {
        let tag = &place.source;
        let start = source.len();
        match tag.kind {
            TagKind::Comment => {}
            TagKind::Variable if check::reads_alone(tag) => {
                write(&mut source, EXPRESSION, &tag.body)
            }
            TagKind::Variable => {}
            TagKind::Statement => statement(tag, &mut source, &mut open),
        }
        if source.len() > start {
            places.add(start, place.clone());
        }
    }
    while let Some(block) = open.pop() {
        close(&block, &mut source);
    }
    (source, places)
}

fn statement(tag: &Tag, source: &mut String, open: &mut Vec<Block>) {
    let keyword = tag.keyword();
    let opens = matches!(keyword, "for" | "if" | "with" | "macro" | "call" | "filter")
        || (keyword == "set" && !tag.rest().contains('='));
    if opens {
        let kept = check::reads_alone(tag);
        if kept {
            write(source, STATEMENT, &tag.body);
        }
        open.push(Block {
            keyword: keyword.to_owned(),
            kept,
            has_else: false,
        });
    } else if let Some(closed) = keyword.strip_prefix("end") {
        if let Some(at) = open.iter().rposition(|block| block.keyword == closed) {
            for block in open.drain(at..).rev() {
                close(&block, source);
            }
        }
    } else if matches!(keyword, "else" | "elif") {
        let Some(block) = open.last_mut() else { return };
        let fits = match block.keyword.as_str() {
            "if" => true,
            "for" => keyword == "else",
            _ => false,
        };
        if fits && block.kept && !block.has_else && check::reads_alone(tag) {
            block.has_else = keyword == "else";
            write(source, STATEMENT, &tag.body);
        }
    } else if keyword == "set" && check::reads_alone(tag) {
        write(source, STATEMENT, &tag.body);
    }
}

fn close(block: &Block, source: &mut String) {
    if block.kept {
        write(source, STATEMENT, &format!("end{}", block.keyword));
    }
}

fn write(source: &mut String, (open, close): (&str, &str), body: &str) {
    for piece in [open, " ", body, " ", close] {
        source.push_str(piece);
    }
}
