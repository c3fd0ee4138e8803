//! Columns that loop: `w:tblGrid` follows the cells, and the width that the template gave to the loop is
//! shared among its columns.

use std::ops::Range;

use super::{Draft, Piece, cells};
use crate::tags::{Lift, TagKind};
use crate::xml::{self, Kind};

/// Function that divides a width among the columns of the loop it stands in.
pub(crate) const SHARE: &str = "__share";

/// One cell of a row with looping cells.
struct Cell {
    open: usize,
    /// Widths of the grid columns it covers.
    columns: Vec<f64>,
    /// Statements in front of it, instead of it, and behind it.
    before: Vec<usize>,
    instead: Option<Vec<usize>>,
    after: Vec<usize>,
    /// The width it shares with the other rounds of its loop, once known.
    shared: Option<f64>,
}

/// Adjusts every table that has looping cells.
pub(super) fn apply(draft: &mut Draft<'_>) {
    if !draft
        .tags
        .iter()
        .any(|placed| placed.tag.lift == Some(Lift::Cell))
    {
        return;
    }
    for table in 0..draft.tokens.len() {
        if draft.tokens[table].name == "w:tbl" && draft.tokens[table].kind == Kind::Open {
            adjust(draft, table);
        }
    }
}

fn adjust(draft: &mut Draft<'_>, table: usize) {
    let children: Vec<usize> = draft.children(table).collect();
    let Some(&grid) = children
        .iter()
        .find(|&&at| draft.tokens[at].name == "w:tblGrid")
    else {
        return;
    };
    let widths = widths(draft, grid);
    let row_variables = row_variables(draft, table..draft.tokens[table].partner);
    let mut done = false;
    for row in children {
        if draft.tokens[row].name != "w:tr" {
            continue;
        }
        let Some(mut cells) = cells(draft, row, &widths) else {
            continue;
        };
        share(draft, &mut cells);
        for cell in &cells {
            set_cell_width(draft, cell);
        }
        if !done && !depends_on(draft, &cells, &row_variables) {
            let pieces = grid_pieces(&cells);
            let mut all = vec![Piece::Raw(draft.tokens[grid].raw)];
            all.extend(pieces);
            let close = draft.tokens[grid].partner;
            if close == grid {
                continue;
            }
            all.push(Piece::Raw(draft.tokens[close].raw));
            draft.overrides.insert(grid, (close, all));
            done = true;
        }
    }
}

fn number(draft: &Draft<'_>, token: usize, name: &str) -> Option<f64> {
    xml::attribute(draft.tokens[token].raw, name)?.parse().ok()
}

fn widths(draft: &Draft<'_>, grid: usize) -> Vec<f64> {
    let columns = draft.children(grid);
    columns
        .map(|at| number(draft, at, "w:w").unwrap_or(0.0))
        .collect()
}

/// Variables of the row loops in a table: a column loop over one of them differs from row to row.
fn row_variables(draft: &Draft<'_>, range: Range<usize>) -> Vec<String> {
    let tags = draft
        .tags
        .iter()
        .filter(|placed| range.contains(&placed.token));
    tags.filter(|placed| placed.tag.lift == Some(Lift::Row) && placed.tag.keyword() == "for")
        .filter_map(|placed| placed.tag.rest().split_once(" in "))
        .flat_map(|(names, _)| {
            names
                .split(',')
                .map(|name| name.trim_matches(['(', ')', ' ']).to_owned())
        })
        .collect()
}

fn depends_on(draft: &Draft<'_>, cells: &[Cell], variables: &[String]) -> bool {
    let ids = cells
        .iter()
        .flat_map(|cell| cell.before.iter().chain(cell.instead.iter().flatten()));
    ids.into_iter().any(|&id| {
        let words = draft.tags[id]
            .tag
            .body
            .split(|c: char| !c.is_alphanumeric() && c != '_');
        words
            .into_iter()
            .any(|word| word == "loop" || variables.iter().any(|variable| variable == word))
    })
}

/// The cells of a row that has looping cells; none for other rows.
fn cells(draft: &Draft<'_>, row: usize, widths: &[f64]) -> Option<Vec<Cell>> {
    if draft.overrides.contains_key(&row) {
        return None;
    }
    let mut cells = Vec::new();
    let mut column = 0;
    for open in draft.children(row) {
        if draft.tokens[open].name != "w:tc" {
            continue;
        }
        let span = property(draft, open, "w:gridSpan").and_then(|at| number(draft, at, "w:val"));
        let span = span.map_or(1, |span| (span as usize).clamp(1, 63));
        let columns = (column..column + span)
            .map(|at| widths.get(at).copied().unwrap_or(0.0))
            .collect();
        column += span;
        let statement = |id: &usize| draft.tags[*id].tag.kind == TagKind::Statement;
        let list = |ids: Option<&Vec<usize>>| {
            ids.into_iter()
                .flatten()
                .copied()
                .filter(statement)
                .collect()
        };
        let close = draft.tokens[open].partner;
        let instead = draft.overrides.get(&open).map(|(_, pieces)| {
            let ids = pieces.iter().filter_map(|piece| match piece {
                Piece::Tag(id) => Some(*id),
                _ => None,
            });
            ids.filter(statement).collect()
        });
        let (before, after) = (list(draft.before.get(&open)), list(draft.after.get(&close)));
        cells.push(Cell {
            open,
            columns,
            before,
            instead,
            after,
            shared: None,
        });
    }
    let loops = cells
        .iter()
        .any(|cell| cell.instead.is_some() || !cell.before.is_empty());
    loops.then_some(cells)
}

/// Gives each cell inside a loop its part of the width from the loop's first to its last cell.
fn share(draft: &Draft<'_>, cells: &mut [Cell]) {
    let mut start = None;
    for at in 0..cells.len() {
        let cell = &cells[at];
        let opens = cell.before.iter().chain(cell.instead.iter().flatten());
        if opens
            .into_iter()
            .any(|&id| draft.tags[id].tag.keyword() == "for")
        {
            start = Some(at);
        }
        let closes = cell.after.iter().chain(cell.instead.iter().flatten());
        let ends = closes
            .into_iter()
            .any(|&id| draft.tags[id].tag.keyword() == "endfor");
        let Some(from) = start.filter(|_| ends) else {
            continue;
        };
        start = None;
        let region = &mut cells[from..=at];
        let total: f64 = region.iter().flat_map(|cell| &cell.columns).sum();
        let kept: f64 = region
            .iter()
            .filter(|cell| cell.instead.is_none())
            .flat_map(|cell| &cell.columns)
            .sum();
        for cell in region.iter_mut().filter(|cell| cell.instead.is_none()) {
            let own: f64 = cell.columns.iter().sum();
            cell.shared = (kept > 0.0).then(|| total * own / kept);
        }
    }
}

fn property(draft: &Draft<'_>, cell: usize, name: &str) -> Option<usize> {
    draft.child(draft.child(cell, "w:tcPr")?, name)
}

fn set_cell_width(draft: &mut Draft<'_>, cell: &Cell) {
    let (Some(total), Some(at)) = (cell.shared, property(draft, cell.open, "w:tcW")) else {
        return;
    };
    let raw = draft.tokens[at].raw;
    let width = if cells::covers_loop(draft, cell.open) {
        Piece::Made(format!("{total:.0}"))
    } else {
        share_expression(total)
    };
    if xml::attribute(raw, "w:type").as_deref() == Some("dxa") {
        let pieces = vec![
            Piece::Raw("<w:tcW w:w=\""),
            width,
            Piece::Raw("\" w:type=\"dxa\"/>"),
        ];
        draft
            .overrides
            .insert(at, (draft.tokens[at].partner, pieces));
    }
}

fn share_expression<'a>(total: f64) -> Piece<'a> {
    Piece::Expression(format!("{SHARE}({total:.0}, loop.length)"))
}

/// The grid's columns, under the same statements as the cells.
fn grid_pieces<'a>(cells: &[Cell]) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    for cell in cells {
        if let Some(ids) = &cell.instead {
            pieces.extend(ids.iter().map(|&id| Piece::Tag(id)));
            continue;
        }
        pieces.extend(cell.before.iter().map(|&id| Piece::Tag(id)));
        let own: f64 = cell.columns.iter().sum();
        for &width in &cell.columns {
            match cell.shared {
                Some(total) if own > 0.0 => {
                    pieces.push(Piece::Raw("<w:gridCol w:w=\""));
                    pieces.push(share_expression(total * width / own));
                    pieces.push(Piece::Raw("\"/>"));
                }
                _ => pieces.push(Piece::Made(format!("<w:gridCol w:w=\"{width:.0}\"/>"))),
            }
        }
        pieces.extend(cell.after.iter().map(|&id| Piece::Tag(id)));
    }
    pieces
}
