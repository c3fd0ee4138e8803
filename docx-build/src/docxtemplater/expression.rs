//! Reads the expressions of docxtemplater's angular parser.

mod lex;

use lex::{Sign, lex};

/// Deepest nesting of an expression.
const DEPTH_MAX: usize = 32;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// `.` or `this`
    This,
    /// `$index`
    Index,
    Name(String),
    Field(Box<Expr>, String),
    At(Box<Expr>, Box<Expr>),
    Text(String),
    Number(String),
    Bool(bool),
    Null,
    List(Vec<Expr>),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    /// A binary operator by its sign in JavaScript, `===` and `!==` as `==` and `!=`.
    Both(&'static str, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Filter(Box<Expr>, String, Vec<Expr>),
    Call(Box<Expr>, String, Vec<Expr>),
    Assign(String, Box<Expr>),
}

/// Reads a whole expression.
///
/// # Errors
/// What stands where nothing of the kind can stand, in words.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser {
        signs: lex(text)?,
        at: 0,
        depth: 0,
    };
    let expr = parser.filters()?;
    match parser.peek() {
        None => Ok(expr),
        Some(sign) => Err(format!("{} is not expected there", sign.shown())),
    }
}

/// Binary operators, the loosest first.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["===", "!==", "==", "!="],
    &["<=", ">=", "<", ">"],
    &["+", "-"],
    &["*", "/", "%"],
];

struct Parser {
    signs: Vec<Sign>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Sign> {
        self.signs.get(self.at)
    }

    fn take(&mut self) -> Option<Sign> {
        let sign = self.signs.get(self.at).cloned();
        self.at += 1;
        sign
    }

    /// Goes on past an operator, if it is the next.
    fn accept(&mut self, operator: &str) -> bool {
        let found = matches!(self.peek(), Some(Sign::Operator(found)) if *found == operator);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, operator: &str) -> Result<(), String> {
        if self.accept(operator) {
            return Ok(());
        }
        let found = self.peek().map_or("the end".to_owned(), Sign::shown);
        Err(format!("{operator} is expected instead of {found}"))
    }

    fn filters(&mut self) -> Result<Expr, String> {
        let mut expr = self.expression()?;
        while self.accept("|") {
            let name = self.name()?;
            let mut arguments = Vec::new();
            while self.accept(":") {
                arguments.push(self.expression()?);
            }
            expr = Expr::Filter(Box::new(expr), name, arguments);
        }
        Ok(expr)
    }

    fn name(&mut self) -> Result<String, String> {
        match self.take() {
            Some(Sign::Name(name)) => Ok(name),
            Some(other) => Err(format!("a name is expected instead of {}", other.shown())),
            None => Err("a name is expected at the end".to_owned()),
        }
    }

    fn expression(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("it nests deeper than {DEPTH_MAX}"));
        }
        let condition = self.binary(0)?;
        let expr = if self.accept("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            let no = self.expression()?;
            Expr::Choice(Box::new(condition), Box::new(yes), Box::new(no))
        } else if self.accept("=") {
            let Expr::Name(name) = condition else {
                return Err("only a name can be given a value".to_owned());
            };
            Expr::Assign(name, Box::new(self.expression()?))
        } else {
            condition
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn binary(&mut self, level: usize) -> Result<Expr, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.accept(operator)) {
            let operator = match *operator {
                "===" => "==",
                "!==" => "!=",
                other => other,
            };
            let right = self.binary(level + 1)?;
            left = Expr::Both(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        let mut signs = Vec::new();
        loop {
            if self.accept("!") {
                signs.push('!');
            } else if self.accept("-") {
                signs.push('-');
            } else if !self.accept("+") {
                break;
            }
        }
        let mut expr = self.postfix()?;
        for sign in signs.into_iter().rev() {
            expr = match sign {
                '!' => Expr::Not(Box::new(expr)),
                _ => Expr::Minus(Box::new(expr)),
            };
        }
        Ok(expr)
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.primary()?;
        loop {
            if self.accept(".") {
                let name = self.name()?;
                expr = if self.accept("(") {
                    Expr::Call(Box::new(expr), name, self.list(")")?)
                } else {
                    Expr::Field(Box::new(expr), name)
                };
            } else if self.accept("[") {
                let index = self.expression()?;
                self.expect("]")?;
                expr = Expr::At(Box::new(expr), Box::new(index));
            } else if self.accept("(") {
                return Err("a function of the old system is called".to_owned());
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, String> {
        match self.take() {
            Some(Sign::Name(name)) => Ok(match name.as_str() {
                "this" => Expr::This,
                "$index" => Expr::Index,
                "true" => Expr::Bool(true),
                "false" => Expr::Bool(false),
                "null" | "undefined" => Expr::Null,
                _ => Expr::Name(name),
            }),
            Some(Sign::Text(text)) => Ok(Expr::Text(text)),
            Some(Sign::Number(number)) => Ok(Expr::Number(number)),
            Some(Sign::Operator("(")) => {
                let inner = self.filters()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Sign::Operator("[")) => Ok(Expr::List(self.list("]")?)),
            // A point by itself is the item.
            Some(Sign::Operator(".")) => match self.peek() {
                Some(Sign::Name(_)) => {
                    let name = self.name()?;
                    Ok(Expr::Field(Box::new(Expr::This), name))
                }
                _ => Ok(Expr::This),
            },
            Some(other) => Err(format!("{} is not expected there", other.shown())),
            None => Err("a value is missing".to_owned()),
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expr>, String> {
        let mut items = Vec::new();
        while !self.accept(end) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Box<Expr> {
        Box::new(Expr::Name(text.into()))
    }

    fn check(text: &str, expected: Result<Expr, &str>) {
        match (parse(text), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
            (Err(fault), Err(part)) => assert!(fault.contains(part), "{text}: {fault}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn expressions_are_read() {
        check(".", Ok(Expr::This));
        check("this", Ok(Expr::This));
        check("a.b", Ok(Expr::Field(name("a"), "b".into())));
        check(
            "a['b c'][0]",
            Ok(Expr::At(
                Box::new(Expr::At(name("a"), Box::new(Expr::Text("b c".into())))),
                Box::new(Expr::Number("0".into())),
            )),
        );
        check(
            "a || b && !c",
            Ok(Expr::Both(
                "||",
                name("a"),
                Box::new(Expr::Both("&&", name("b"), Box::new(Expr::Not(name("c"))))),
            )),
        );
        check(
            "a === 1 ? \u{201c}x\u{201d} : 'y'",
            Ok(Expr::Choice(
                Box::new(Expr::Both(
                    "==",
                    name("a"),
                    Box::new(Expr::Number("1".into())),
                )),
                Box::new(Expr::Text("x".into())),
                Box::new(Expr::Text("y".into())),
            )),
        );
        check(
            "a | toFixed:2 | upper",
            Ok(Expr::Filter(
                Box::new(Expr::Filter(
                    name("a"),
                    "toFixed".into(),
                    vec![Expr::Number("2".into())],
                )),
                "upper".into(),
                vec![],
            )),
        );
        check(
            "a.join(', ')",
            Ok(Expr::Call(
                name("a"),
                "join".into(),
                vec![Expr::Text(", ".into())],
            )),
        );
        check("x = a", Ok(Expr::Assign("x".into(), name("a"))));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        check("", Err("a value is missing"));
        check("first name", Err("name is not expected there"));
        check("a +", Err("a value is missing"));
        check("a.b = 1", Err("only a name"));
        check("f(1)", Err("a function"));
        check("a 'b", Err("never closed"));
        check("a # b", Err("`#`"));
        check(&"(".repeat(100), Err("deeper"));
    }
}
