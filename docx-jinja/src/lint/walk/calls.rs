//! Follows the values through calls: what a macro is given is what its body reads.

use minijinja::machinery::ast::{Call, CallArg, Expr, Macro};

use super::super::trace::Trace;
use super::{Walk, is_global};

/// Most macro calls followed in one part.
const CALLS_MAX: usize = 500;
/// Deepest chain of macro calls followed.
const CALL_DEPTH_MAX: usize = 8;

impl<'t, 's> Walk<'t, 's> {
    pub(super) fn call(&mut self, call: &'t Call<'s>) -> Trace {
        let arguments = self.arguments(&call.args);
        match &call.expr {
            Expr::Var(e) if self.macros.contains_key(e.id) => {
                if let Some(called) = self.macros.get(e.id).copied() {
                    self.called.insert(e.id);
                    self.body_of(called, &arguments);
                }
            }
            Expr::Var(e) if is_global(e.id) => {
                if !e.id.starts_with("__") {
                    self.found.functions.insert(e.id.to_owned());
                }
            }
            Expr::GetAttr(e) => {
                self.read(&e.expr);
            }
            other => {
                self.read(other);
            }
        }
        Trace::Made
    }

    pub(super) fn arguments(
        &mut self,
        arguments: &'t [CallArg<'s>],
    ) -> Vec<(Option<&'s str>, Trace)> {
        let mut traces = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument {
                CallArg::Pos(e) => traces.push((None, self.read(e))),
                CallArg::Kwarg(name, e) => traces.push((Some(*name), self.read(e))),
                CallArg::PosSplat(e) | CallArg::KwargSplat(e) => {
                    self.read(e);
                }
            }
        }
        traces
    }

    /// Walks a macro's body with these arguments.
    pub(super) fn body_of(
        &mut self,
        called: &'t Macro<'s>,
        arguments: &[(Option<&'s str>, Trace)],
    ) {
        self.calls += 1;
        if self.calls > CALLS_MAX || self.depth >= CALL_DEPTH_MAX {
            return;
        }
        self.depth += 1;
        self.scoped(|walk| {
            for value in &called.defaults {
                walk.read(value);
            }
            let mut positional = arguments.iter().filter(|(name, _)| name.is_none());
            for target in &called.args {
                let Expr::Var(name) = target else { continue };
                let given = arguments.iter().find(|(known, _)| *known == Some(name.id));
                let given = given.or_else(|| positional.next());
                walk.name(
                    name.id,
                    given.map_or(Trace::Made, |(_, trace)| trace.clone()),
                );
            }
            walk.statements(&called.body);
        });
        self.depth -= 1;
    }

    /// Macros that nothing calls are read too.
    pub(super) fn macros_left(&mut self) {
        let left: Vec<&'t Macro<'s>> = self
            .macros
            .iter()
            .filter(|(name, _)| !self.called.contains(*name))
            .map(|(_, left)| *left)
            .collect();
        for left in left {
            self.body_of(left, &[]);
        }
    }
}
