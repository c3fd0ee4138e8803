//! Blocks must open and close at the same depth of the same elements: then whatever the values are, the
//! XML stays well-formed.

mod told;

use crate::locate::{Faults, Loop};
use crate::suggest;
use crate::tags::{Lift, Tag};
use crate::xml;

use super::Draft;
use told::{closing, crosses, unclosed};

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
    "colspan",
    "cellbg",
    "vm",
    "hm",
    "numbering",
];

/// Follows the statements in the order they are written.
pub(super) struct Structure<'d, 'a> {
    draft: &'d Draft<'a>,
    open: Vec<Block>,
}

#[derive(Clone, Copy)]
struct Block {
    id: usize,
    anchor: usize,
    captures: bool,
    /// The edge of a merged cell, which no block crosses.
    wall: bool,
    /// True behind its `else`.
    has_else: bool,
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

    /// True where a block around the present place may be written more than once.
    pub(super) fn in_loop(&self) -> bool {
        self.open
            .iter()
            .any(|block| matches!(self.draft.tags[block.id].tag.keyword(), "for" | "macro"))
    }

    /// The loops around the present place, outermost first.
    pub(super) fn loops(&self) -> Vec<Loop> {
        let blocks = self.open.iter().filter(|block| !block.wall);
        let tags = blocks.map(|block| &self.draft.tags[block.id].tag);
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

    /// Takes a directive where it stands in the text of `cell`: no block of the cell's own may be around it.
    pub(super) fn directive(&self, id: usize, cell: Option<usize>, faults: &mut Faults) {
        let Some(cell) = cell else { return };
        let inside = cell..=self.draft.tokens[cell].partner;
        let mut around = self.open.iter().rev().filter(|block| !block.wall);
        if let Some(block) = around.find(|block| inside.contains(&block.anchor)) {
            let placed = &self.draft.tags[id];
            let shown = self.draft.tags[block.id].tag.shown();
            faults.add(placed.place.error(
                format!("it stands inside {shown}, and is about the whole cell"),
                Some(
                    "put it at the cell's beginning, with the condition in its value: {% cellbg \"FF0000\" if bad else none %}"
                        .to_owned(),
                ),
            ));
        }
    }

    /// Takes the beginning of what a merged cell holds.
    pub(super) fn wall(&mut self, id: usize, faults: &mut Faults) {
        let placed = &self.draft.tags[id];
        let columns = placed.tag.keyword() == "hm";
        let parent = self.draft.tokens[placed.token].parent;
        let table = xml::ancestor(&self.draft.tokens, parent, "w:tbl").unwrap_or(0);
        let table = table..=self.draft.tokens[table].partner;
        let mut blocks = self.open.iter().rev().filter(|block| !block.wall);
        let around = blocks.find(|block| self.draft.tags[block.id].tag.keyword() == "for");
        let fits = around.is_some_and(|block| {
            let over_cells = self.draft.tags[block.id].tag.lift == Some(Lift::Cell);
            table.contains(&block.anchor) && over_cells == columns
        });
        if !fits {
            let (what, mark) = if columns {
                ("columns", "tc")
            } else {
                ("rows", "tr")
            };
            faults.add(placed.place.error(
                format!("it stands in no loop over {what}"),
                Some(format!("put {{%{mark} for … %}} around it")),
            ));
        }
        self.open.push(Block {
            id,
            anchor: placed.token,
            captures: false,
            wall: true,
            has_else: false,
        });
    }

    /// Takes the end of what a merged cell holds.
    pub(super) fn wall_end(&mut self, id: usize, faults: &mut Faults) {
        while let Some(block) = self.open.pop() {
            if block.wall && block.id == id {
                return;
            }
            if !block.wall {
                let placed = &self.draft.tags[block.id];
                let shown = self.draft.tags[id].tag.shown();
                faults.add(placed.place.error(
                    format!("the block must end in its cell, which {shown} merges"),
                    Some(format!(
                        "add {} in the same cell",
                        self.closing(block.id, placed.tag.keyword())
                    )),
                ));
            }
        }
    }

    /// Reports what was never closed.
    pub(super) fn finish(self, faults: &mut Faults) {
        for block in &self.open {
            faults.add(unclosed(self.draft, block));
        }
    }

    fn push(&mut self, id: usize, anchor: usize, captures: bool) {
        self.open.push(Block {
            id,
            anchor,
            captures,
            wall: false,
            has_else: false,
        });
    }

    fn middle(&mut self, id: usize, anchor: usize, faults: &mut Faults) {
        let placed = &self.draft.tags[id];
        let keyword = placed.tag.keyword();
        let Some(block) = self.open.last_mut() else {
            faults.add(
                placed
                    .place
                    .error(format!("{keyword} without an if before it"), None),
            );
            return;
        };
        let is_late = block.has_else;
        block.has_else |= keyword == "else";
        let block = *block;
        let opening = &self.draft.tags[block.id];
        if block.wall {
            return faults.add(crosses(placed, opening));
        }
        if is_late {
            let shown = opening.tag.shown();
            let message = format!("{keyword} comes after the else of {shown}");
            faults.add(placed.place.error(message, None));
            return;
        }
        let fits = match opening.tag.keyword() {
            "if" => true,
            "for" => keyword == "else",
            _ => false,
        };
        if fits {
            self.same_place(&block, id, anchor, faults);
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
        let Some(top) = self.open.last().filter(|block| !block.wall) else {
            faults.add(match self.open.last() {
                Some(wall) => crosses(placed, &self.draft.tags[wall.id]),
                None => placed.place.error("it closes nothing", None),
            });
            return;
        };
        let Some(at) = self.closed_by(id, anchor) else {
            let opening = &self.draft.tags[top.id];
            let shown = opening.tag.shown();
            let closing = self.closing(top.id, opening.tag.keyword());
            faults.add(placed.place.error(
                format!("it closes nothing; open is {shown}"),
                Some(format!("write {closing}, or take it out")),
            ));
            // A slip of the pen: what is meant is the block that is open.
            if self.fits(top, id, anchor) {
                self.open.pop();
            }
            return;
        };
        for block in self.open.drain(at + 1..) {
            faults.add(unclosed(self.draft, &block));
        }
        if let Some(block) = self.open.pop() {
            self.same_place(&block, id, anchor, faults);
        }
    }

    /// The block that a closing tag ends: the innermost of its keyword that is written in its place, else the innermost
    /// of its keyword.
    fn closed_by(&self, id: usize, anchor: usize) -> Option<usize> {
        let keyword = self.draft.tags[id].tag.keyword().strip_prefix("end");
        let wall = self.open.iter().rposition(|block| block.wall);
        let from = wall.map_or(0, |at| at + 1);
        let named = |at: &usize| Some(self.draft.tags[self.open[*at].id].tag.keyword()) == keyword;
        let all = || (from..self.open.len()).rev().filter(named);
        let fitting = all().find(|&at| self.fits(&self.open[at], id, anchor));
        fitting.or_else(|| all().next())
    }

    /// True when a tag stands where it can belong to this block.
    fn fits(&self, block: &Block, id: usize, anchor: usize) -> bool {
        let (opening, placed) = (&self.draft.tags[block.id], &self.draft.tags[id]);
        if block.captures {
            return block.anchor == anchor && placed.tag.lift.is_none();
        }
        opening.tag.lift == placed.tag.lift
            && xml::same_path(&self.draft.tokens, block.anchor, anchor)
            && !self.tears(block, anchor)
    }

    /// True when a block goes from one cell of a row to another: its rounds would be pieces of rows.
    fn tears(&self, block: &Block, anchor: usize) -> bool {
        let tokens = &self.draft.tokens;
        let cell = |from: usize| xml::ancestor(tokens, from, "w:tc");
        match (cell(block.anchor), cell(anchor)) {
            (Some(left), Some(right)) => {
                let row = |cell: usize| xml::ancestor(tokens, tokens[cell].parent, "w:tr");
                left != right && row(left) == row(right)
            }
            _ => false,
        }
    }

    fn same_place(&self, block: &Block, id: usize, anchor: usize, faults: &mut Faults) {
        if self.fits(block, id, anchor) {
            return;
        }
        let (opening, placed) = (&self.draft.tags[block.id], &self.draft.tags[id]);
        let shown = opening.tag.shown();
        let is_about_rows = matches!(opening.tag.lift, Some(Lift::Row | Lift::Cell));
        if !block.captures && !is_about_rows && self.tears(block, anchor) {
            let aim = match opening.tag.keyword() {
                "for" => "repeat",
                _ => "keep or leave out",
            };
            faults.add(placed.place.error(
                format!("{shown} stands in another cell of the row"),
                Some(format!(
                    "write {{%tr … %}} to {aim} rows, {{%tc … %}} to {aim} cells"
                )),
            ));
            return;
        }
        let hint = if block.captures {
            "open and close it inside one piece of text with the same formatting".to_owned()
        } else if opening.tag.lift == placed.tag.lift {
            match opening.tag.lift {
                Some(Lift::Row) => "put both into rows of the same table",
                Some(Lift::Cell) => "put both into cells of the same table",
                _ => "put both into the same kind of place: both in one cell, or both in plain paragraphs",
            }
            .to_owned()
        } else if let (None, Some(_)) = (opening.tag.lift, placed.tag.lift) {
            let like = Tag {
                lift: placed.tag.lift,
                ..opening.tag.clone()
            };
            format!("open it with {}", like.shown())
        } else {
            format!(
                "close it with {}",
                self.closing(block.id, placed.tag.keyword().trim_start_matches("end"))
            )
        };
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
        closing(&self.draft.tags[id].tag, keyword)
    }
}
