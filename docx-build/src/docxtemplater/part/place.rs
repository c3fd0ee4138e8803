//! What a section repeats: the text between its ends, or whole paragraphs, cells or rows.

use super::Placed;
use crate::markup::{Kind, Token, ancestor, ancestors};

/// Where the statements of a section go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lift {
    /// Into the text.
    Inline,
    /// Into the text, standing for the element around it: `{%tr %}`.
    Here(&'static str),
    /// Into elements of their own before the first and behind the last of those that are repeated.
    Beside(&'static str, usize, usize),
}

impl Lift {
    /// The letters behind `{%`.
    pub(super) fn mark(&self) -> &'static str {
        match self {
            Self::Inline => "",
            Self::Here(mark) | Self::Beside(mark, ..) => mark,
        }
    }

    pub(super) fn is_rows(&self) -> bool {
        self.mark() == "tr"
    }
}

/// Elements that a section can be told to repeat.
const ELEMENTS: &[(&str, &str)] = &[("w:tr", "tr"), ("w:tc", "tc"), ("w:p", "p"), ("w:r", "r")];

/// What the section between two tags repeats.
///
/// # Errors
/// Why there is no such place on our side, in words.
pub(super) fn lift(
    tokens: &[Token<'_>],
    open: &Placed,
    close: &Placed,
    expand: Option<&str>,
    paragraph_loop: bool,
) -> Result<Lift, String> {
    let element = |placed: &Placed| {
        placed
            .covers
            .first()
            .map(|(token, _)| tokens[*token].parent)
    };
    let (Some(from), Some(to)) = (element(open), element(close)) else {
        return Err("it has no place in the text".to_owned());
    };
    if let Some(name) = expand {
        let known = ELEMENTS.iter().find(|(element, _)| *element == name);
        let (name, mark) = known.ok_or_else(|| format!("a section cannot repeat <{name}> here"))?;
        return whole(tokens, from, to, name, mark);
    }
    // The elements that end and begin between the two tags.
    let between: Vec<&str> = [(from, to), (to, from)]
        .into_iter()
        .flat_map(|(one, other)| {
            let around: Vec<usize> = ancestors(tokens, other).collect();
            ancestors(tokens, one).filter(move |at| !around.contains(at))
        })
        .map(|at| tokens[at].name)
        .collect();
    if between.contains(&"w:tc") {
        return whole(tokens, from, to, "w:tr", "tr");
    }
    if between.contains(&"w:p") && paragraph_loop && open.alone && close.alone {
        return Ok(Lift::Here("p"));
    }
    Ok(Lift::Inline)
}

fn whole(
    tokens: &[Token<'_>],
    from: usize,
    to: usize,
    name: &str,
    mark: &'static str,
) -> Result<Lift, String> {
    let found = (ancestor(tokens, from, name), ancestor(tokens, to, name));
    let (Some(first), Some(last)) = found else {
        return Err(format!("its ends do not both stand in a <{name}>"));
    };
    if first == last {
        return Ok(Lift::Here(mark));
    }
    if tokens[first].parent != tokens[last].parent {
        return Err("its ends stand in different tables or cells".to_owned());
    }
    Ok(Lift::Beside(mark, first, last))
}

/// An element that holds a statement and nothing else.
pub(super) fn holder(tokens: &[Token<'_>], mark: &str, element: usize, statement: &str) -> String {
    let run = format!(
        "<w:r><w:t xml:space=\"preserve\">{}</w:t></w:r>",
        crate::markup::encode(statement)
    );
    match mark {
        "r" => run,
        "p" => format!("<w:p>{run}</w:p>"),
        "tc" => format!("<w:tc><w:p>{run}</w:p></w:tc>"),
        _ => {
            let table = ancestor(tokens, element, "w:tbl").unwrap_or(element);
            let columns = tokens[table..tokens[table].partner]
                .iter()
                .filter(|token| token.name == "w:gridCol" && token.kind != Kind::Close)
                .filter(|token| token.parent != usize::MAX && tokens[token.parent].parent == table)
                .count();
            let span = match columns {
                0 | 1 => String::new(),
                n => format!("<w:tcPr><w:gridSpan w:val=\"{n}\"/></w:tcPr>"),
            };
            format!("<w:tr><w:tc>{span}<w:p>{run}</w:p></w:tc></w:tr>")
        }
    }
}
