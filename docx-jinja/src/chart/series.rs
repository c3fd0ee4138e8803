//! One series of a chart: its name, categories and values are written anew, its look stays.

use std::collections::BTreeSet;

use super::caches::Source;
use super::colour;
use super::edits::{Edits, local};
use crate::chart::Cell;

/// The number format of cells that have none of their own.
const GENERAL: &str = "General";
/// How days are shown where the template does not say.
const DAYS: &str = "yyyy\\-mm\\-dd";
/// What stands behind the categories, the values and the sizes of a series (ECMA-376 part 1, §21.2.2).
const BEHIND: [&str; 4] = ["smooth", "shape", "bubble3D", "extLst"];

/// Cells and where they stand in the workbook.
pub(super) struct Range {
    pub(super) name: String,
    pub(super) cells: Vec<Cell>,
}

/// What one series is to show.
pub(super) struct Shown<'s> {
    /// The chart namespace's prefix, with its colon.
    pub(super) prefix: &'s str,
    /// Draws points at x and y instead of values over categories.
    pub(super) xy: bool,
    /// The name and its cell; none keeps what the template has.
    pub(super) title: Option<(String, String)>,
    pub(super) x: Range,
    /// The x cells are days.
    pub(super) days: bool,
    pub(super) values: Range,
    pub(super) sizes: Option<Range>,
    /// The numbers of a series that the template does not have.
    pub(super) copy: Option<Copy>,
}

/// The numbers of a copied series, which must be its own.
#[derive(Clone, Copy)]
pub(super) struct Copy {
    pub(super) index: u64,
    pub(super) order: u64,
}

/// The name that a series has in the template.
pub(super) fn name(series: &Edits<'_>, element: usize) -> Option<String> {
    let tx = series.child(element, "tx")?;
    let value = series.below(tx, "v").first().copied()?;
    Some(series.text(value)).filter(|name| !name.is_empty())
}

/// The number format of a child's cache.
pub(super) fn format(series: &Edits<'_>, element: usize, child: &str) -> Option<String> {
    let child = series.child(element, child)?;
    let format = series.below(child, "formatCode").first().copied()?;
    Some(series.text(format)).filter(|format| !format.is_empty())
}

/// Writes a series from the template's.
///
/// # Errors
/// What is wrong with its XML.
pub(super) fn write(fragment: &str, shown: &Shown<'_>) -> Result<String, String> {
    let mut edits = Edits::new(fragment)?;
    let root = edits.root().ok_or("a series is empty")?;
    if let Some(copy) = shown.copy {
        number(&mut edits, root, shown.prefix, "idx", copy.index);
        number(&mut edits, root, shown.prefix, "order", copy.order);
        if let Some(extensions) = edits.child(root, "extLst") {
            edits.replace(extensions, "");
        }
    }
    title(&mut edits, root, shown);
    points(&mut edits, root, shown);
    let (x, y) = if shown.xy {
        ("xVal", "yVal")
    } else {
        ("cat", "val")
    };
    let numeric = shown
        .x
        .cells
        .iter()
        .all(|cell| !matches!(cell, Cell::Text(_)));
    let x_format = format(&edits, root, x).unwrap_or_else(|| usual(shown.days).to_owned());
    let x_format = if shown.days && x_format == GENERAL {
        DAYS
    } else {
        &x_format
    };
    let source = Source {
        prefix: shown.prefix,
        range: shown.x.name.clone(),
        format: (numeric || shown.xy).then_some(x_format),
    };
    put(
        &mut edits,
        root,
        shown.prefix,
        x,
        &source.reference(&shown.x.cells),
    );
    let value_format = format(&edits, root, y).unwrap_or_else(|| GENERAL.to_owned());
    let mut numbers = |name: &str, range: &Range, format: &str| {
        let source = Source {
            prefix: shown.prefix,
            range: range.name.clone(),
            format: Some(format),
        };
        put(
            &mut edits,
            root,
            shown.prefix,
            name,
            &source.reference(&range.cells),
        );
    };
    numbers(y, &shown.values, &value_format);
    if let Some(sizes) = &shown.sizes {
        numbers("bubbleSize", sizes, GENERAL);
    }
    Ok(edits.write())
}

fn usual(days: bool) -> &'static str {
    if days { DAYS } else { GENERAL }
}

fn number(edits: &mut Edits<'_>, root: usize, prefix: &str, name: &str, value: u64) {
    if let Some(at) = edits.child(root, name) {
        edits.replace(at, format!("<{prefix}{name} val=\"{value}\"/>"));
    }
}

fn title(edits: &mut Edits<'_>, root: usize, shown: &Shown<'_>) {
    let p = shown.prefix;
    let present = edits.child(root, "tx");
    let Some((name, cell)) = &shown.title else {
        if let (Some(_), Some(at)) = (shown.copy, present) {
            edits.replace(at, "");
        }
        return;
    };
    let source = Source {
        prefix: p,
        range: cell.clone(),
        format: None,
    };
    let reference = source.reference(&[Cell::Text(name.clone())]);
    let made = format!("<{p}tx>{reference}</{p}tx>");
    if let Some(at) = present {
        return edits.replace(at, made);
    }
    let next = edits
        .children(root)
        .find(|&at| !matches!(local(edits.tokens[at].name), "idx" | "order"));
    match next {
        Some(next) => edits.before(next, &made),
        None => edits.append(root, &made),
    }
}

/// Writes a child anew, or where the schema has it.
fn put(edits: &mut Edits<'_>, root: usize, prefix: &str, name: &str, reference: &str) {
    let made = format!("<{prefix}{name}>{reference}</{prefix}{name}>");
    if let Some(at) = edits.child(root, name) {
        return edits.replace(at, made);
    }
    let behind: &[&str] = match name {
        "cat" | "xVal" => &["val", "yVal", "bubbleSize"],
        "val" | "yVal" => &["bubbleSize"],
        _ => &[],
    };
    let next = edits.children(root).find(|&at| {
        let name = local(edits.tokens[at].name);
        behind.contains(&name) || BEHIND.contains(&name)
    });
    match next {
        Some(next) => edits.before(next, &made),
        None => edits.append(root, &made),
    }
}

/// Looks and labels of single points: those of points that are no more go; where every point of the template had a
/// colour of its own, so have the new ones. Error bars with numbers of the template's own go too.
fn points(edits: &mut Edits<'_>, root: usize, shown: &Shown<'_>) {
    let count = shown.values.cells.len();
    let index = |edits: &Edits<'_>, at: usize| {
        let number = edits.child(at, "idx").and_then(|idx| edits.val(idx));
        number.and_then(|number| number.parse::<usize>().ok())
    };
    let children: Vec<usize> = edits.children(root).collect();
    let of = |edits: &Edits<'_>, name: &str| -> Vec<usize> {
        let named = |at: &usize| local(edits.tokens[*at].name) == name;
        children.iter().copied().filter(named).collect()
    };
    let looks = of(edits, "dPt");
    let labels: Vec<usize> = of(edits, "dLbls")
        .into_iter()
        .flat_map(|labels| edits.children(labels).collect::<Vec<_>>())
        .filter(|&at| local(edits.tokens[at].name) == "dLbl")
        .collect();
    let gone: Vec<usize> =
        looks
            .iter()
            .chain(&labels)
            .copied()
            .filter(|&at| index(edits, at).is_some_and(|index| index >= count))
            .chain(of(edits, "errBars").into_iter().filter(|&at| {
                edits.child(at, "plus").is_some() || edits.child(at, "minus").is_some()
            }))
            .collect();
    let had = edits
        .child(root, if shown.xy { "yVal" } else { "val" })
        .and_then(|values| edits.below(values, "ptCount").first().copied())
        .and_then(|count| edits.val(count)?.parse::<usize>().ok());
    if had == Some(looks.len()) && count > looks.len() {
        more_looks(edits, &looks, count);
    }
    for at in gone {
        edits.replace(at, "");
    }
}

fn more_looks(edits: &mut Edits<'_>, looks: &[usize], count: usize) {
    let Some(&last) = looks.last() else { return };
    let mut used = BTreeSet::new();
    for &at in looks {
        if let Ok(look) = Edits::new(&edits.raw(at)) {
            used.extend(colour::used(&look));
        }
    }
    let pattern = edits.raw(last);
    let mut made = String::new();
    for position in looks.len()..count {
        let look = colour::change(&pattern, position, &used);
        let Ok(mut look) = Edits::new(&look) else {
            return;
        };
        used.extend(colour::used(&look));
        if let Some(index) = look.root().and_then(|root| look.child(root, "idx")) {
            let name = look.tokens[index].name;
            let numbered = format!("<{name} val=\"{position}\"/>");
            look.replace(index, numbered);
        }
        made.push_str(&look.write());
    }
    edits.behind(last, &made);
}
