//! Puts bounds around the operators of a tag that can make text or lists grow: `~`, `+`, `*` and slices.
//! minijinja has no hook there, so the tag's syntax tree says where they stand. A slice becomes a filter of ours:
//! minijinja's own panics when it goes backwards over nothing (`""[::-1]`, 3.0.5).

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Slice, Stmt};
use minijinja::machinery::parse;

use crate::engine;
use crate::filters::{OPERAND, RESULT, SLICE, TEXT};

/// Guards `body`, which stands at `at` in `source`, a template of its own.
///
/// # Errors
/// An operator that was not found where the tree has it.
pub(crate) fn operators(source: &str, at: usize, body: &str) -> Result<String, &'static str> {
    if !body.contains(['~', '+', '*', '[']) {
        return Ok(body.to_owned());
    }
    // What does not parse is reported by the check of the tag.
    let Ok(tree) = parse(source, "tag", engine::syntax()) else {
        return Ok(body.to_owned());
    };
    let mut guard = Guard {
        source,
        changes: Vec::new(),
        lost: false,
    };
    guard.statement(&tree);
    if guard.lost {
        return Err("the expression is too tangled; use {% set %} for its parts");
    }
    guard.changes.sort_by_key(|change| change.from);
    let mut out = String::with_capacity(body.len() * 2);
    let mut from = at;
    for change in guard.changes {
        out.push_str(&source[from..change.from]);
        out.push_str(&change.text);
        from = change.to;
    }
    out.push_str(&source[from..at + body.len()]);
    Ok(out)
}

struct Guard<'s> {
    source: &'s str,
    /// Children before their parents, so that what ends at one place ends from the inside out.
    changes: Vec<Change>,
    lost: bool,
}

/// Text that takes the place of `from..to`.
struct Change {
    from: usize,
    to: usize,
    text: String,
}

impl Guard<'_> {
    fn statement(&mut self, statement: &Stmt<'_>) {
        let body: &[Stmt<'_>] = match statement {
            Stmt::Template(s) => &s.children,
            Stmt::EmitExpr(s) => return self.expression(&s.expr),
            Stmt::ForLoop(s) => {
                self.expression(&s.iter);
                self.all(s.filter_expr.as_ref());
                &s.body
            }
            Stmt::IfCond(s) => {
                self.expression(&s.expr);
                &s.false_body
            }
            Stmt::WithBlock(s) => {
                self.all(s.assignments.iter().map(|(_, value)| value));
                &s.body
            }
            Stmt::Set(s) => return self.expression(&s.expr),
            Stmt::SetBlock(s) => {
                self.all(s.filter.as_ref());
                &s.body
            }
            Stmt::FilterBlock(s) => {
                self.expression(&s.filter);
                &s.body
            }
            Stmt::Macro(s) => {
                self.all(&s.defaults);
                &s.body
            }
            Stmt::CallBlock(s) => {
                self.all(&s.macro_decl.defaults);
                self.expression(&s.call.expr);
                return self.arguments(&s.call.args);
            }
            _ => return,
        };
        for inner in body {
            self.statement(inner);
        }
    }

    fn all<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr<'e>>) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(e)
                | CallArg::Kwarg(_, e)
                | CallArg::PosSplat(e)
                | CallArg::KwargSplat(e) => self.expression(e),
            }
        }
    }

    fn expression(&mut self, expression: &Expr<'_>) {
        match expression {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(e) => {
                self.expression(&e.expr);
                self.all(e.start.iter().chain(&e.stop).chain(&e.step));
                self.slice(expression, e);
            }
            Expr::UnaryOp(e) => self.expression(&e.expr),
            Expr::BinOp(e) => {
                self.expression(&e.left);
                self.expression(&e.right);
                match e.op {
                    BinOpKind::Concat => self.operator(expression, (&e.left, &e.right), '~', TEXT),
                    BinOpKind::Add => self.operator(expression, (&e.left, &e.right), '+', OPERAND),
                    BinOpKind::Mul => self.operator(expression, (&e.left, &e.right), '*', OPERAND),
                    _ => {}
                }
            }
            Expr::Compare(e) => {
                self.expression(&e.expr);
                self.all(e.ops.iter().map(|op| &op.expr));
            }
            Expr::IfExpr(e) => {
                self.expression(&e.test_expr);
                self.expression(&e.true_expr);
                self.all(e.false_expr.as_ref());
            }
            Expr::Filter(e) => {
                self.all(e.expr.as_ref());
                self.arguments(&e.args);
            }
            Expr::Test(e) => {
                self.expression(&e.expr);
                self.arguments(&e.args);
            }
            Expr::GetAttr(e) => self.expression(&e.expr),
            Expr::GetItem(e) => {
                self.expression(&e.expr);
                self.expression(&e.subscript_expr);
            }
            Expr::Call(e) => {
                self.expression(&e.expr);
                self.arguments(&e.args);
            }
            Expr::List(e) => self.all(&e.items),
            Expr::Tuple(e) => self.all(&e.items),
            Expr::Map(e) => {
                self.all(&e.keys);
                self.all(&e.values);
            }
        }
    }

    /// `left ~ right` becomes `((left )|text ~( right)|text)|result`.
    fn operator(
        &mut self,
        whole: &Expr<'_>,
        (left, right): (&Expr<'_>, &Expr<'_>),
        sign: char,
        filter: &str,
    ) {
        let (from, to) = (end(left), start(right));
        let Some(at) = self.sign(from, to, sign) else {
            self.lost = true;
            return;
        };
        self.insert(start(whole), "((");
        self.insert(at, format!(")|{filter}"));
        self.insert(at + 1, "(");
        self.insert(end(whole), format!(")|{filter})|{RESULT}"));
    }

    /// `base[a:b:c]` becomes `((base)|slice(a,b,c)|result)`, with `none` for what is left out.
    fn slice(&mut self, whole: &Expr<'_>, slice: &Slice<'_>) {
        let close = end(whole) - 1;
        let Some(mut at) = self.sign(end(&slice.expr), close, '[') else {
            self.lost = true;
            return;
        };
        self.insert(leftmost(&slice.expr), "((");
        self.replace(at, format!(")|{SLICE}("));
        for (index, bound) in [&slice.start, &slice.stop, &slice.step].iter().enumerate() {
            let from = bound.as_ref().map_or(at + 1, end);
            if bound.is_none() {
                self.insert(from, "none");
            }
            match self.sign(from, close, ':') {
                Some(colon) => {
                    self.replace(colon, ",");
                    at = colon;
                }
                // Every slice has one colon at least.
                None if index == 0 => self.lost = true,
                None => break,
            }
        }
        self.replace(close, ")");
        self.insert(end(whole), format!("|{RESULT})"));
    }

    fn insert(&mut self, at: usize, text: impl Into<String>) {
        let text = text.into();
        self.changes.push(Change {
            from: at,
            to: at,
            text,
        });
    }

    /// Puts text in the place of the one-byte sign at `at`.
    fn replace(&mut self, at: usize, text: impl Into<String>) {
        self.changes.push(Change {
            from: at,
            to: at + 1,
            text: text.into(),
        });
    }

    /// Where the sign stands, when only brackets and spaces stand before it.
    fn sign(&self, from: usize, to: usize, sign: char) -> Option<usize> {
        let between = self.source.get(from..to)?;
        let at = between.find(sign)?;
        let clear = between[..at].chars().all(|c| c == ')' || c.is_whitespace());
        clear.then_some(from + at)
    }
}

fn start(expression: &Expr<'_>) -> usize {
    expression.span().start_offset as usize
}

fn end(expression: &Expr<'_>) -> usize {
    expression.span().end_offset as usize
}

/// Where an expression begins; the span of `a.b.c` begins at its last dot. Brackets in front may be left out, for
/// an opening bracket put behind them does the same.
fn leftmost(expression: &Expr<'_>) -> usize {
    match expression {
        Expr::GetAttr(e) => leftmost(&e.expr),
        Expr::GetItem(e) => leftmost(&e.expr),
        Expr::Slice(e) => leftmost(&e.expr),
        Expr::Call(e) => leftmost(&e.expr),
        Expr::Filter(e) => e.expr.as_ref().map_or(start(expression), leftmost),
        Expr::Test(e) => leftmost(&e.expr),
        _ => start(expression),
    }
}
