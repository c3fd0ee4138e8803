//! Blocks must open and close at the same depth of the same elements: then whatever the values are, the
//! XML stays well-formed.

use crate::locate::{Faults, Loop};
use crate::suggest;
use crate::xml;

use super::Draft;

/// Statements that a template may use.
const KEYWORDS: &[&str] = &[
    "for",
    "endfor",
    "if",
    "elif",
    "else",
    "endif",
    "set",
    "endset",
    "with",
    "endwith",
    "macro",
    "endmacro",
    "call",
    "endcall",
    "filter",
    "endfilter",
    "raw",
    "endraw",
];

/// Follows the statements in the order they are written.
pub(super) struct Structure<'d, 'a> {
    draft: &'d Draft<'a>,
    open: Vec<Block>,
}

struct Block {
    id: usize,
    anchor: usize,
    captures: bool,
}

impl<'d, 'a> Structure<'d, 'a> {
    pub(super) fn new(draft: &'d Draft<'a>) -> Self {
        Self {
            draft,
            open: Vec::new(),
        }
    }

    /// Takes the next statement, which stands in the element `anchor`.
    pub(super) fn statement(&mut self, id: usize, anchor: usize, faults: &mut Faults) {
        let placed = &self.draft.tags[id];
        let tag = &placed.tag;
        let keyword = tag.keyword();
        let set_block = keyword == "set" && !tag.rest().contains('=');
        let captures = set_block || matches!(keyword, "macro" | "call" | "filter");
        match keyword {
            "for" | "if" | "with" => self.push(id, anchor, false),
            _ if captures && tag.lift.is_some() => {
                faults.add(
                    placed
                        .place
                        .error(format!("{keyword} cannot stand for a whole element"), None),
                );
                self.push(id, anchor, false);
            }
            _ if captures => self.push(id, anchor, true),
            "set" => {}
            "elif" | "else" => self.middle(id, anchor, faults),
            _ if keyword.starts_with("end") && KEYWORDS.contains(&keyword) => {
                self.pop(id, anchor, faults)
            }
            _ => faults.add(
                placed.place.error(
                    format!("\"{keyword}\" is not a statement of Word templates"),
                    suggest::closest(keyword, KEYWORDS.iter().copied())
                        .map(|word| format!("did you mean {word}?")),
                ),
            ),
        }
    }

    /// The loops around the present place, outermost first.
    pub(super) fn loops(&self) -> Vec<Loop> {
        let tags = self.open.iter().map(|block| &self.draft.tags[block.id].tag);
        tags.filter(|tag| tag.keyword() == "for")
            .filter_map(|tag| {
                let (variable, iterable) = tag.rest().split_once(" in ")?;
                Some(Loop {
                    variable: variable.trim().to_owned(),
                    iterable: iterable.trim().to_owned(),
                })
            })
            .collect()
    }

    /// Reports what was never closed.
    pub(super) fn finish(self, faults: &mut Faults) {
        for block in &self.open {
            let placed = &self.draft.tags[block.id];
            let keyword = placed.tag.keyword();
            faults.add(placed.place.error(
                "the block is never closed",
                Some(format!(
                    "add {} where it ends",
                    self.closing(block.id, keyword)
                )),
            ));
        }
    }

    fn push(&mut self, id: usize, anchor: usize, captures: bool) {
        self.open.push(Block {
            id,
            anchor,
            captures,
        });
    }

    fn middle(&mut self, id: usize, anchor: usize, faults: &mut Faults) {
        let placed = &self.draft.tags[id];
        let keyword = placed.tag.keyword();
        let Some(block) = self.open.last() else {
            faults.add(
                placed
                    .place
                    .error(format!("{keyword} without an if before it"), None),
            );
            return;
        };
        let opening = &self.draft.tags[block.id];
        let fits = match opening.tag.keyword() {
            "if" => true,
            "for" => keyword == "else",
            _ => false,
        };
        if fits {
            self.same_place(block, id, anchor, faults);
        } else {
            let shown = opening.tag.shown();
            faults.add(
                placed
                    .place
                    .error(format!("{keyword} does not belong to {shown}"), None),
            );
        }
    }

    fn pop(&mut self, id: usize, anchor: usize, faults: &mut Faults) {
        let placed = &self.draft.tags[id];
        let keyword = placed.tag.keyword();
        let Some(block) = self.open.pop() else {
            faults.add(placed.place.error("it closes nothing", None));
            return;
        };
        let opening = &self.draft.tags[block.id];
        if keyword.strip_prefix("end") == Some(opening.tag.keyword()) {
            self.same_place(&block, id, anchor, faults);
            return;
        }
        let (shown, number) = (opening.tag.shown(), opening.place.paragraph);
        let at = number.map_or(String::new(), |n| format!(" of paragraph {n}"));
        faults.add(placed.place.error(
            format!("{shown}{at} must be closed first"),
            Some(format!(
                "add {} before it",
                self.closing(block.id, opening.tag.keyword())
            )),
        ));
        // The outer block may be the one meant: go on as if the inner one had been closed.
        let outer = self
            .open
            .last()
            .map(|outer| self.draft.tags[outer.id].tag.keyword());
        if keyword.strip_prefix("end") == outer {
            self.open.pop();
        }
    }

    fn same_place(&self, block: &Block, id: usize, anchor: usize, faults: &mut Faults) {
        let (opening, placed) = (&self.draft.tags[block.id], &self.draft.tags[id]);
        let fits = if block.captures {
            block.anchor == anchor && placed.tag.lift.is_none()
        } else {
            opening.tag.lift == placed.tag.lift
                && xml::same_path(&self.draft.tokens, block.anchor, anchor)
        };
        if fits {
            return;
        }
        let hint = if block.captures {
            "open and close it inside one piece of text with the same formatting".to_owned()
        } else if opening.tag.lift == placed.tag.lift {
            "put both into the same kind of place: both in table rows, or both in plain paragraphs"
                .to_owned()
        } else {
            format!(
                "close it with {}",
                self.closing(block.id, placed.tag.keyword().trim_start_matches("end"))
            )
        };
        let shown = opening.tag.shown();
        let number = opening
            .place
            .paragraph
            .map_or(String::new(), |n| format!(" in paragraph {n}"));
        faults.add(placed.place.error(
            format!("{shown}{number} stands in another kind of place"),
            Some(hint),
        ));
    }

    fn closing(&self, id: usize, keyword: &str) -> String {
        use crate::tags::Lift;
        let mark = match self.draft.tags[id].tag.lift {
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
}
