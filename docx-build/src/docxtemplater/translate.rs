//! Writes an expression as a template has it.

mod filters;

use super::expression::Expr;
use super::sample::Shape;
use super::scopes::{Scopes, literal, member};

/// How tightly the parts of a text hold together, as minijinja's grammar has it.
const CHOICE: u8 = 0;
pub(super) const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARE: u8 = 4;
const SUM: u8 = 5;
const JOIN: u8 = 6;
const PRODUCT: u8 = 7;
const MINUS: u8 = 8;
pub(super) const POSTFIX: u8 = 9;

/// A piece of template.
#[derive(Debug, Clone)]
pub(super) struct Piece<'s> {
    pub(super) text: String,
    level: u8,
    /// Always there, as far as the sample tells.
    pub(super) sure: bool,
    /// A value of the data, not one that was worked out.
    is_path: bool,
    is_text: bool,
    pub(super) shape: Option<&'s Shape>,
}

impl<'s> Piece<'s> {
    fn new(text: String, level: u8) -> Self {
        Self {
            text,
            level,
            sure: true,
            is_path: false,
            is_text: false,
            shape: None,
        }
    }

    fn text_like(mut self) -> Self {
        self.is_text = true;
        self
    }

    /// The text, in brackets where it would fall apart.
    pub(super) fn within(&self, level: u8) -> String {
        if self.level < level {
            format!("({})", self.text)
        } else {
            self.text.clone()
        }
    }

    /// The value behind a filter.
    pub(super) fn filtered(&self, filter: &str) -> String {
        format!("{}|{filter}", self.within(POSTFIX))
    }

    /// The same, with nothing in the place of what is missing.
    fn or_nothing(self) -> Self {
        if self.sure || !self.is_path {
            return self;
        }
        Self {
            sure: true,
            ..Self::new(self.filtered("default"), POSTFIX)
        }
    }
}

/// Writes expressions as seen from one place.
pub(super) struct Translator<'t, 's> {
    pub(super) scopes: &'t Scopes<'s>,
}

impl<'s> Translator<'_, 's> {
    /// An expression's value.
    ///
    /// # Errors
    /// What has no counterpart, in words.
    pub(super) fn value(&self, expr: &Expr) -> Result<Piece<'s>, String> {
        Ok(match expr {
            Expr::This => self.path(self.scopes.this()?),
            Expr::Name(name) => self.path(self.scopes.resolve(name)?),
            Expr::Index => Piece::new("loop.index0".to_owned(), POSTFIX),
            Expr::Field(base, name) if name == "length" => {
                Piece::new(self.value(base)?.filtered("length"), POSTFIX)
            }
            Expr::Field(base, name) => self.field(base, name)?,
            Expr::At(base, index) => match &**index {
                Expr::Text(name) => self.field(base, name)?,
                index => {
                    let base = self.value(base)?;
                    let items = base.shape.and_then(|shape| shape.items.as_deref());
                    Piece {
                        is_path: true,
                        sure: false,
                        shape: items,
                        ..Piece::new(
                            format!("{}[{}]", base.within(POSTFIX), self.value(index)?.text),
                            POSTFIX,
                        )
                    }
                }
            },
            Expr::Text(text) => Piece::new(literal(text), POSTFIX).text_like(),
            Expr::Number(number) => Piece::new(number.clone(), POSTFIX),
            Expr::Bool(truth) => Piece::new(truth.to_string(), POSTFIX),
            Expr::Null => Piece::new("none".to_owned(), POSTFIX),
            Expr::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
                let items: Vec<_> = items?.into_iter().map(|item| item.text).collect();
                Piece::new(format!("[{}]", items.join(", ")), POSTFIX)
            }
            Expr::Not(inner) => Piece::new(format!("not {}", self.truth(inner)?.within(NOT)), NOT),
            Expr::Minus(inner) => {
                Piece::new(format!("-{}", self.value(inner)?.within(MINUS)), MINUS)
            }
            Expr::Both(operator, left, right) => self.both(operator, left, right)?,
            Expr::Choice(condition, yes, no) => {
                let (yes, no) = (self.value(yes)?, self.value(no)?);
                let text = format!(
                    "{} if {} else {}",
                    yes.within(OR),
                    self.truth(condition)?.within(OR),
                    no.within(CHOICE)
                );
                Piece::new(text, CHOICE)
            }
            Expr::Filter(inner, name, arguments) => self.filter(inner, name, arguments)?,
            Expr::Call(inner, name, arguments) => self.call(inner, name, arguments)?,
            Expr::Assign(..) => return Err("a value is given inside an expression".to_owned()),
        })
    }

    /// An expression that is only asked whether it is true; what is missing is not.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub(super) fn truth(&self, expr: &Expr) -> Result<Piece<'s>, String> {
        Ok(self.value(expr)?.or_nothing())
    }

    fn path(&self, found: super::scopes::Found<'s>) -> Piece<'s> {
        let level = if found.choice { CHOICE } else { POSTFIX };
        Piece {
            sure: found.sure,
            is_path: true,
            is_text: found.shape.is_some_and(|shape| shape.text && !shape.number),
            shape: found.shape,
            ..Piece::new(found.text, level)
        }
    }

    fn field(&self, base: &Expr, name: &str) -> Result<Piece<'s>, String> {
        let base = self.value(base)?;
        let field = base.shape.and_then(|shape| shape.field(name));
        Ok(Piece {
            is_path: true,
            sure: base.sure && field.is_some_and(|(_, always)| always),
            is_text: field.is_some_and(|(shape, _)| shape.text && !shape.number),
            shape: field.map(|(shape, _)| shape),
            ..Piece::new(member(&base.within(POSTFIX), name), POSTFIX)
        })
    }

    fn both(&self, operator: &str, left: &Expr, right: &Expr) -> Result<Piece<'s>, String> {
        let (word, level) = match operator {
            "||" => ("or", OR),
            "&&" => ("and", AND),
            "+" | "-" => (operator, SUM),
            "*" | "/" | "%" => (operator, PRODUCT),
            other => (other, COMPARE),
        };
        let (left, right) = if level <= AND {
            (self.truth(left)?, self.truth(right)?)
        } else {
            (self.value(left)?, self.value(right)?)
        };
        // With a sample it is known what may be missing; comparing then finds nothing there.
        let (left, right) = if level == COMPARE && self.scopes.root.is_some() {
            (left.or_nothing(), right.or_nothing())
        } else {
            (left, right)
        };
        if operator == "+" && (left.is_text || right.is_text) {
            let text = format!("{} ~ {}", left.within(JOIN), right.within(JOIN + 1));
            return Ok(Piece::new(text, JOIN).text_like());
        }
        let strict = u8::from(level == COMPARE);
        let text = format!(
            "{} {word} {}",
            left.within(level + strict),
            right.within(level + 1)
        );
        Ok(Piece::new(text, level))
    }
}

#[cfg(test)]
mod tests;
