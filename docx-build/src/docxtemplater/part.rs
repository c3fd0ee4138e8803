//! One XML part of a template: its tags found, paired, and written anew.

mod edits;
mod find;
mod pairs;
mod place;
mod writer;

use std::collections::HashSet;

use super::expression::Expr;
use super::sample::Shape;
use super::scan::{Mark, Tag};
use super::sections::{Body, Names, asks, name_of};
use super::{Options, Remark, Weight};
use crate::markup::{Token, tokenize};
use place::Lift;
use writer::Writer;

/// A part whose tags are found and paired.
pub(super) struct Draft<'a> {
    part: &'a str,
    tokens: Vec<Token<'a>>,
    tags: Vec<Placed>,
    /// Braces of the text that would be tags on our side: token, offset, length.
    literals: Vec<(usize, usize, usize)>,
    paragraph_loop: bool,
}

/// A tag and where it stands.
struct Placed {
    tag: Tag,
    /// The text tokens that it covers, and which bytes of each; the first is where it begins.
    covers: Vec<(usize, std::ops::Range<usize>)>,
    paragraph: Option<usize>,
    /// The paragraph's text, shortened.
    text: String,
    /// Nothing else stands in its paragraph.
    alone: bool,
    /// What its body says; for values, pictures and opening tags.
    expr: Option<Result<Expr, String>>,
    /// The other end of its section.
    partner: Option<usize>,
    /// The innermost section around it, by its opening tag.
    parent: Option<usize>,
}

impl Placed {
    fn remark(&self, part: &str, weight: Weight, message: &str, hint: Option<&str>) -> Remark {
        Remark {
            weight,
            part: part.to_owned(),
            paragraph: self.paragraph,
            text: self.text.clone(),
            tag: self.tag.shown.clone(),
            message: message.to_owned(),
            hint: hint.map(str::to_owned),
        }
    }

    /// A section that names are never looked for in: `{^x}`, `{#a > 1}`, `{#hasIt}`.
    fn is_transparent(&self) -> bool {
        let Mark::Open { inverted, .. } = self.tag.mark else {
            return false;
        };
        inverted
            || match &self.expr {
                Some(Ok(expr)) => {
                    matches!(expr, Expr::Both(..) | Expr::Not(_)) || name_of(expr).is_some_and(asks)
                }
                _ => true,
            }
    }
}

/// What the whole document knows while one part is written.
pub(super) struct Writing<'w> {
    pub(super) shape: Option<&'w Shape>,
    pub(super) names: &'w Names,
    /// Names used outside all sections.
    pub(super) outermost: &'w HashSet<String>,
}

/// A part written anew.
pub(super) struct Written {
    pub(super) xml: String,
    pub(super) taken: usize,
    pub(super) remarks: Vec<Remark>,
}

impl<'a> Draft<'a> {
    /// Finds and pairs the tags of a part.
    ///
    /// # Errors
    /// What is wrong with the XML itself.
    pub(super) fn new(part: &'a str, text: &'a str, options: &Options<'_>) -> Result<Self, String> {
        let tokens = tokenize(text)?;
        let (mut tags, literals) = find::tags(&tokens, &options.delimiters);
        pairs::pair(&mut tags);
        Ok(Self {
            part,
            tokens,
            tags,
            literals,
            paragraph_loop: options.paragraph_loop,
        })
    }

    /// Adds the names that this part uses.
    pub(super) fn names(&self, names: &mut Names, outermost: &mut HashSet<String>) {
        for tag in &self.tags {
            let Some(Ok(expr)) = &tag.expr else { continue };
            let mut roots = HashSet::new();
            pairs::roots(expr, &mut roots);
            if let (Mark::Value(_), Expr::Name(name)) = (&tag.tag.mark, expr) {
                names.printed.insert(name.clone());
            }
            if self.scope_of(tag).is_none() {
                outermost.extend(roots.iter().cloned());
            }
            names.all.extend(roots);
        }
    }

    /// The section whose names a tag uses first.
    fn scope_of(&self, tag: &Placed) -> Option<usize> {
        let mut parent = tag.parent;
        while let Some(at) = parent {
            if !self.tags[at].is_transparent() {
                return Some(at);
            }
            parent = self.tags[at].parent;
        }
        None
    }

    /// What stands in the section that this tag opens.
    fn body(&self, open: usize, lift: &Lift) -> Body {
        let mut body = Body {
            repeats_rows: lift.is_rows(),
            ..Body::default()
        };
        for tag in &self.tags {
            let Some(Ok(expr)) = &tag.expr else { continue };
            if self.scope_of(tag) == Some(open) || tag.parent == Some(open) {
                pairs::roots(expr, &mut body.names);
                body.uses_item |= pairs::uses_item(expr);
            }
        }
        body
    }

    /// Writes the part with our tags.
    pub(super) fn write(&self, writing: &Writing<'_>) -> Written {
        let mut writer = Writer::new(self, writing);
        for id in 0..self.tags.len() {
            writer.tag(id);
        }
        writer.finish()
    }
}
