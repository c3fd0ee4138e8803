//! Follows the values through a source's syntax tree.

mod calls;

use std::collections::{HashMap, HashSet};

use minijinja::machinery::ast::{BinOpKind, Expr, ForLoop, Macro, Stmt, UnaryOpKind};
use minijinja::machinery::parse;

use super::path::Path;
use super::trace::{Trace, constant};
use super::{Found, Reading};
use crate::engine;
use crate::locate::SourceMap;

/// Reads one part; false when its source is no template.
pub(super) fn part(source: &str, map: &SourceMap, found: &mut Found) -> bool {
    let Ok(tree) = parse(source, "part", engine::syntax()) else {
        return false;
    };
    let mut walk = Walk {
        map,
        found,
        scopes: vec![HashMap::new()],
        macros: HashMap::new(),
        called: HashSet::new(),
        defined: Vec::new(),
        calls: 0,
        depth: 0,
    };
    walk.statement(&tree);
    walk.macros_left();
    true
}

struct Walk<'t, 's> {
    map: &'t SourceMap,
    found: &'t mut Found,
    /// Names given by loops, `set`, `with` and macros.
    scopes: Vec<HashMap<&'s str, Trace>>,
    macros: HashMap<&'s str, &'t Macro<'s>>,
    called: HashSet<&'s str>,
    /// Paths that are known to exist here.
    defined: Vec<Path>,
    calls: usize,
    depth: usize,
}

impl<'t, 's> Walk<'t, 's> {
    fn statements(&mut self, statements: &'t [Stmt<'s>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &'t Stmt<'s>) {
        match statement {
            Stmt::Template(s) => self.statements(&s.children),
            Stmt::EmitExpr(s) => {
                self.read(&s.expr);
            }
            Stmt::ForLoop(s) => self.repeat(s),
            Stmt::IfCond(s) => {
                self.read(&s.expr);
                self.where_defined(&s.expr, true, |walk| walk.statements(&s.true_body));
                self.where_defined(&s.expr, false, |walk| walk.statements(&s.false_body));
            }
            Stmt::WithBlock(s) => self.scoped(|walk| {
                for (target, value) in &s.assignments {
                    let trace = walk.read(value);
                    walk.assign(target, &trace);
                }
                walk.statements(&s.body);
            }),
            Stmt::Set(s) => {
                let trace = self.read(&s.expr);
                self.assign(&s.target, &trace);
            }
            Stmt::SetBlock(s) => {
                self.filter_of(s.filter.as_ref());
                self.scoped(|walk| walk.statements(&s.body));
                self.assign(&s.target, &Trace::Made);
            }
            Stmt::FilterBlock(s) => {
                self.filter_of(Some(&s.filter));
                self.scoped(|walk| walk.statements(&s.body));
            }
            Stmt::Macro(s) => {
                self.macros.insert(s.name, s);
            }
            Stmt::CallBlock(s) => {
                self.call(&s.call);
                self.body_of(&s.macro_decl, &[]);
            }
            Stmt::AutoEscape(s) => self.statements(&s.body),
            Stmt::Do(s) => {
                self.call(&s.call);
            }
            // Includes and their like are no statements of Word templates.
            _ => {}
        }
    }

    fn repeat(&mut self, s: &'t ForLoop<'s>) {
        let list = self.trace(&s.iter);
        let repeated = Reading {
            repeated: true,
            ..Reading::default()
        };
        self.mention(&list, &s.iter, repeated);
        self.scoped(|walk| {
            let item = list.item();
            let around = Trace::named(&[("previtem", item.clone()), ("nextitem", item.clone())]);
            walk.name("loop", around);
            walk.assign(&s.target, &item);
            match &s.filter_expr {
                Some(filter) => {
                    walk.read(filter);
                    walk.where_defined(filter, true, |walk| walk.statements(&s.body));
                }
                None => walk.statements(&s.body),
            }
        });
        self.scoped(|walk| walk.statements(&s.else_body));
    }

    fn scoped(&mut self, inside: impl FnOnce(&mut Self)) {
        self.scopes.push(HashMap::new());
        inside(self);
        self.scopes.pop();
    }

    fn name(&mut self, name: &'s str, trace: Trace) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, trace);
        }
    }

    fn assign(&mut self, target: &'t Expr<'s>, trace: &Trace) {
        match target {
            Expr::Var(e) => self.name(e.id, trace.clone()),
            Expr::List(e) => self.take_apart(&e.items, trace),
            Expr::Tuple(e) => self.take_apart(&e.items, trace),
            _ => {}
        }
    }

    fn take_apart(&mut self, targets: &'t [Expr<'s>], trace: &Trace) {
        for (index, target) in targets.iter().enumerate() {
            self.assign(target, &trace.part(index));
        }
    }

    /// Walks where a condition holds, or does not: what it asked for exists there.
    fn where_defined(
        &mut self,
        condition: &'t Expr<'s>,
        holds: bool,
        inside: impl FnOnce(&mut Self),
    ) {
        let known = self.defined.len();
        self.learn(condition, holds);
        inside(self);
        self.defined.truncate(known);
    }

    fn learn(&mut self, condition: &'t Expr<'s>, holds: bool) {
        match condition {
            Expr::Test(e) if (e.name == "defined") == holds => {
                if matches!(e.name, "defined" | "undefined")
                    && let Trace::Path(path, _) = self.trace(&e.expr)
                {
                    self.defined.push(path);
                }
            }
            // What stands in for a missing value does not hold, or the template's author knows what it is.
            Expr::Filter(e) if holds && matches!(e.name, "default" | "d") => {
                if let Some(Trace::Path(path, _)) = e.expr.as_ref().map(|inner| self.trace(inner)) {
                    self.defined.push(path);
                }
            }
            Expr::UnaryOp(e) if matches!(e.op, UnaryOpKind::Not) => self.learn(&e.expr, !holds),
            Expr::BinOp(e) if matches!(e.op, BinOpKind::ScAnd) && holds => {
                self.learn(&e.left, true);
                self.learn(&e.right, true);
            }
            Expr::BinOp(e) if matches!(e.op, BinOpKind::ScOr) && !holds => {
                self.learn(&e.left, false);
                self.learn(&e.right, false);
            }
            _ => {}
        }
    }

    /// Notes that an expression's value is read.
    fn read(&mut self, expression: &'t Expr<'s>) -> Trace {
        let trace = self.trace(expression);
        self.mention(&trace, expression, Reading::default());
        trace
    }

    fn mention(&mut self, trace: &Trace, expression: &Expr<'_>, reading: Reading<'_>) {
        let Trace::Path(path, sure) = trace else {
            return;
        };
        let place = self.map.find(expression.span().start_offset as usize);
        let all = path.steps().len();
        let sure = if reading.optional || is_told(expression) {
            all
        } else {
            let known = self.defined.iter().filter(|known| path.is_in(known));
            known
                .map(|known| known.steps().len())
                .fold((*sure).min(all), usize::max)
        };
        let reading = Reading { sure, ..reading };
        self.found.mention(path, place, reading);
    }

    /// Where an expression's value comes from; notes what is read on the way to it, but not the value itself.
    fn trace(&mut self, expression: &'t Expr<'s>) -> Trace {
        match expression {
            Expr::Var(e) => self.variable(e.id),
            Expr::GetAttr(e) => self.trace(&e.expr).field(e.name),
            Expr::GetItem(e) => {
                let base = self.trace(&e.expr);
                match constant(&e.subscript_expr) {
                    Some(name) => base.field(&name),
                    None => {
                        self.read(&e.subscript_expr);
                        base.item()
                    }
                }
            }
            Expr::Slice(e) => {
                for bound in e.start.iter().chain(&e.stop).chain(&e.step) {
                    self.read(bound);
                }
                self.trace(&e.expr)
            }
            Expr::Filter(e) => {
                let input = e.expr.as_ref().map_or(Trace::Made, |inner| {
                    let input = self.trace(inner);
                    let shown = !e.name.starts_with("__");
                    let reading = Reading {
                        filter: shown.then_some(e.name),
                        optional: matches!(e.name, "default" | "d"),
                        ..Reading::default()
                    };
                    self.mention(&input, inner, reading);
                    for field in input.read_by(e.name, &e.args) {
                        self.mention(&field, inner, reading);
                    }
                    input
                });
                self.filter_named(e.name);
                self.arguments(&e.args);
                input.filtered(e.name, &e.args)
            }
            Expr::Test(e) => {
                let input = self.trace(&e.expr);
                let reading = Reading {
                    optional: matches!(e.name, "defined" | "undefined"),
                    ..Reading::default()
                };
                self.mention(&input, &e.expr, reading);
                self.arguments(&e.args);
                Trace::Made
            }
            Expr::Call(e) => self.call(e),
            _ => self.operator(expression),
        }
    }

    fn operator(&mut self, expression: &'t Expr<'s>) -> Trace {
        match expression {
            Expr::UnaryOp(e) => {
                self.read(&e.expr);
            }
            Expr::BinOp(e) => {
                let left = self.read(&e.left);
                let holds = match e.op {
                    BinOpKind::ScAnd => Some(true),
                    BinOpKind::ScOr => Some(false),
                    _ => None,
                };
                match holds {
                    Some(holds) => self.where_defined(&e.left, holds, |walk| {
                        walk.read(&e.right);
                    }),
                    None => {
                        self.read(&e.right);
                    }
                }
                if matches!(e.op, BinOpKind::ScOr) {
                    return left;
                }
            }
            Expr::Compare(e) => {
                self.read(&e.expr);
                for op in &e.ops {
                    self.read(&op.expr);
                }
            }
            Expr::IfExpr(e) => {
                self.read(&e.test_expr);
                let mut value = Trace::Made;
                self.where_defined(&e.test_expr, true, |walk| value = walk.read(&e.true_expr));
                if let Some(other) = &e.false_expr {
                    self.where_defined(&e.test_expr, false, |walk| {
                        walk.read(other);
                    });
                }
                return value;
            }
            Expr::List(e) => {
                let items: Vec<Trace> = e.items.iter().map(|item| self.read(item)).collect();
                return Trace::Items(Box::new(items.into_iter().next().unwrap_or(Trace::Made)));
            }
            Expr::Tuple(e) => {
                return Trace::tuple(
                    e.items
                        .iter()
                        .map(|item| self.read(item))
                        .collect::<Vec<_>>(),
                );
            }
            Expr::Map(e) => {
                let names = e.keys.iter().map(|key| constant(key).unwrap_or_default());
                let values = e.values.iter().map(|value| self.read(value));
                return Trace::Several(names.zip(values).collect());
            }
            _ => {}
        }
        Trace::Made
    }

    fn variable(&mut self, name: &'s str) -> Trace {
        let known = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        if let Some(trace) = known {
            return trace.clone();
        }
        if self.macros.contains_key(name) || name == "caller" || is_global(name) {
            return Trace::Made;
        }
        Trace::Path(Path::root(name), 0)
    }

    fn filter_of(&mut self, filter: Option<&'t Expr<'s>>) {
        if let Some(Expr::Filter(e)) = filter {
            self.filter_named(e.name);
            self.arguments(&e.args);
            self.filter_of(e.expr.as_ref());
        }
    }

    fn filter_named(&mut self, name: &str) {
        if !name.starts_with("__") {
            self.found.filters.insert(name.to_owned());
        }
    }
}

/// True where what is read was noted before, or something stands in for it when it is missing.
fn is_told(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::BinOp(_) | Expr::IfExpr(_) => true,
        Expr::Filter(e) => {
            matches!(e.name, "default" | "d") || e.expr.as_ref().is_some_and(is_told)
        }
        _ => false,
    }
}

fn is_global(name: &str) -> bool {
    name.starts_with("__") || engine::base().globals().any(|(global, _)| global == name)
}
