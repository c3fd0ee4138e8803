//! What is said of blocks that do not fit.

use super::super::{Draft, Placed};
use super::Block;
use crate::error::TagError;
use crate::tags::{Lift, Tag};

/// How a tag of this keyword is written that belongs to the block of `opening`.
pub(super) fn closing(opening: &Tag, keyword: &str) -> String {
    let mark = match opening.lift {
        Some(Lift::Row) => "tr",
        Some(Lift::Cell) => "tc",
        Some(Lift::Paragraph) => "p",
        Some(Lift::Run) => "r",
        None => "",
    };
    match keyword {
        "else" | "elif" => format!("{{%{mark} {keyword} %}}"),
        _ => format!("{{%{mark} end{keyword} %}}"),
    }
}

pub(super) fn unclosed(draft: &Draft<'_>, block: &Block) -> TagError {
    let placed = &draft.tags[block.id];
    placed.place.error(
        "the block is never closed",
        Some(format!(
            "add {} where it ends",
            closing(&placed.tag, placed.tag.keyword())
        )),
    )
}

pub(super) fn crosses(placed: &Placed, merge: &Placed) -> TagError {
    let shown = merge.tag.shown();
    placed.place.error(
        format!("its block begins outside of the cell that {shown} merges"),
        Some("open and close it in the same cell".to_owned()),
    )
}
