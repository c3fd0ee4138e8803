//! Filters and methods that both sides know.

use super::{COMPARE, POSTFIX, Piece, Translator};
use crate::docxtemplater::expression::Expr;

/// Names under which a filter is known, and ours.
const SAME: &[(&[&str], &str)] = &[
    (
        &["upper", "uppercase", "uppercased", "toUpperCase"],
        "upper",
    ),
    (&["lower", "lowercase", "toLowerCase"], "lower"),
    (&["capitalize", "capitalise", "ucfirst"], "capitalize"),
    (&["title", "titlecase"], "title"),
    (&["trim"], "trim"),
    (&["length", "size", "count"], "length"),
    (&["first"], "first"),
    (&["last"], "last"),
    (&["reverse"], "reverse"),
    (&["unique", "uniq"], "unique"),
    (&["abs"], "abs"),
    (&["sum"], "sum"),
    (&["toString", "string"], "string"),
];

impl<'s> Translator<'_, 's> {
    /// `value | name:a:b`
    pub(super) fn filter(
        &self,
        inner: &Expr,
        name: &str,
        arguments: &[Expr],
    ) -> Result<Piece<'s>, String> {
        let value = self.value(inner)?;
        if let Some(found) = self.shared(&value, name, arguments)? {
            return Ok(found);
        }
        let argument = |at: usize| -> Result<String, String> {
            let missing = || format!("the filter {name} needs a value behind its colon");
            Ok(self.value(arguments.get(at).ok_or_else(missing)?)?.text)
        };
        let text = match name {
            "sort" | "sortBy" | "orderBy" if arguments.is_empty() => value.filtered("sort"),
            "sort" | "sortBy" | "orderBy" => {
                value.filtered(&format!("sort(attribute={})", argument(0)?))
            }
            "sumBy" => value.filtered(&format!("sum(attribute={})", argument(0)?)),
            "groupBy" => value.filtered(&format!("groupby({})", argument(0)?)),
            "default" | "or" => value.filtered(&format!("default({}, true)", argument(0)?)),
            _ => {
                return Err(format!(
                    "the filter {name} is code of the old system that the template does not carry along"
                ));
            }
        };
        Ok(Piece {
            shape: value.shape.filter(|shape| shape.items.is_some()),
            ..Piece::new(text, POSTFIX)
        })
    }

    /// `value.name(a, b)`
    pub(super) fn call(
        &self,
        inner: &Expr,
        name: &str,
        arguments: &[Expr],
    ) -> Result<Piece<'s>, String> {
        let value = self.value(inner)?;
        if let Some(found) = self.shared(&value, name, arguments)? {
            return Ok(found);
        }
        if let ("includes", [sought]) = (name, arguments) {
            let sought = self.value(sought)?.within(COMPARE + 1);
            let text = format!("{sought} in {}", value.within(COMPARE + 1));
            return Ok(Piece::new(text, COMPARE));
        }
        Err(format!("the method {name}() has no counterpart"))
    }

    /// What is written alike as a filter and as a method.
    fn shared(
        &self,
        value: &Piece<'s>,
        name: &str,
        arguments: &[Expr],
    ) -> Result<Option<Piece<'s>>, String> {
        let same = SAME.iter().find(|(names, _)| names.contains(&name));
        let filter = match (name, same, arguments) {
            (_, Some((_, ours)), []) => (*ours).to_owned(),
            ("toFixed", _, []) => "number(0, thousands=\"\")".to_owned(),
            ("toFixed", _, [Expr::Number(digits)]) => format!("number({digits}, thousands=\"\")"),
            ("round", _, []) => "number(0, thousands=\"\")".to_owned(),
            ("join", _, []) => "join(\",\")".to_owned(),
            ("join", _, [between]) => format!("join({})", self.value(between)?.text),
            ("split", _, [at]) => format!("split({})", self.value(at)?.text),
            ("replace", _, [from, to]) => {
                format!(
                    "replace({}, {})",
                    self.value(from)?.text,
                    self.value(to)?.text
                )
            }
            _ => return Ok(None),
        };
        let is_text = !matches!(
            filter.as_str(),
            "length" | "abs" | "sum" | "first" | "last" | "reverse" | "unique"
        );
        let piece = Piece {
            shape: value
                .shape
                .filter(|_| matches!(filter.as_str(), "reverse" | "unique")),
            ..Piece::new(value.filtered(&filter), POSTFIX)
        };
        Ok(Some(if is_text { piece.text_like() } else { piece }))
    }
}
