//! Which closing tag belongs to which opening one, and what a section uses.

use std::collections::HashSet;

use super::Placed;
use crate::docxtemplater::expression::Expr;
use crate::docxtemplater::scan::Mark;

/// Pairs the tags; those without an other end keep none.
pub(super) fn pair(tags: &mut [Placed]) {
    let mut open: Vec<usize> = Vec::new();
    for id in 0..tags.len() {
        match tags[id].tag.mark.clone() {
            Mark::Open { .. } => {
                tags[id].parent = open.last().copied();
                open.push(id);
            }
            Mark::Close(name) => {
                let fits = |at: &usize| match &tags[*at].tag.mark {
                    Mark::Open { body, .. } => name.is_empty() || *body == name,
                    _ => false,
                };
                if let Some(at) = open.iter().rposition(fits) {
                    let opening = open[at];
                    // Sections inside that were never closed end here.
                    open.truncate(at);
                    tags[opening].partner = Some(id);
                    tags[id].partner = Some(opening);
                }
                tags[id].parent = open.last().copied();
            }
            _ => tags[id].parent = open.last().copied(),
        }
    }
    // What stands in a section that is never closed stands in the one around it.
    for id in 0..tags.len() {
        while let Some(parent) = tags[id].parent.filter(|&at| tags[at].partner.is_none()) {
            tags[id].parent = tags[parent].parent;
        }
    }
}

/// The names that an expression looks for.
pub(super) fn roots(expr: &Expr, names: &mut HashSet<String>) {
    each(expr, &mut |part| {
        if let Expr::Name(name) = part {
            names.insert(name.clone());
        }
    });
}

/// Whether an expression is about the item itself, or its number.
pub(super) fn uses_item(expr: &Expr) -> bool {
    let mut found = false;
    each(expr, &mut |part| {
        found |= matches!(part, Expr::This | Expr::Index)
    });
    found
}

fn each(expr: &Expr, visit: &mut impl FnMut(&Expr)) {
    visit(expr);
    match expr {
        Expr::Field(inner, _) | Expr::Not(inner) | Expr::Minus(inner) | Expr::Assign(_, inner) => {
            each(inner, visit);
        }
        Expr::At(left, right) | Expr::Both(_, left, right) => {
            each(left, visit);
            each(right, visit);
        }
        Expr::Choice(condition, yes, no) => {
            each(condition, visit);
            each(yes, visit);
            each(no, visit);
        }
        Expr::Filter(inner, _, arguments) | Expr::Call(inner, _, arguments) => {
            each(inner, visit);
            arguments.iter().for_each(|argument| each(argument, visit));
        }
        Expr::List(items) => items.iter().for_each(|item| each(item, visit)),
        Expr::This
        | Expr::Index
        | Expr::Name(_)
        | Expr::Text(_)
        | Expr::Number(_)
        | Expr::Bool(_)
        | Expr::Null => {}
    }
}
