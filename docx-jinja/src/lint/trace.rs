//! Where the value of an expression comes from.

use minijinja::machinery::ast::{CallArg, Expr};

use super::path::{Path, Step};

/// What is known of a value without having it.
#[derive(Debug, Clone)]
pub(super) enum Trace {
    /// It stands in the values. So many of its first steps are sure to lead somewhere, or something stands in for them.
    Path(Path, usize),
    /// A list made here, with items of this kind.
    Items(Box<Trace>),
    /// Several values, by name or only in order.
    Several(Vec<(String, Trace)>),
    /// Made here, or too far to follow.
    Made,
}

impl Trace {
    /// Values in order, without names.
    pub(super) fn tuple(items: impl IntoIterator<Item = Trace>) -> Self {
        Self::Several(
            items
                .into_iter()
                .map(|item| (String::new(), item))
                .collect(),
        )
    }

    /// Values by name.
    pub(super) fn named(items: &[(&str, Trace)]) -> Self {
        Self::Several(
            items
                .iter()
                .map(|(name, item)| ((*name).to_owned(), item.clone()))
                .collect(),
        )
    }

    pub(super) fn field(&self, name: &str) -> Self {
        match self {
            Self::Path(path, sure) => path
                .then(Step::Field(name.to_owned()))
                .map_or(Self::Made, |path| Self::Path(path, *sure)),
            Self::Several(items) => items
                .iter()
                .find(|(known, _)| known == name)
                .map_or(Self::Made, |(_, item)| item.clone()),
            _ => Self::Made,
        }
    }

    /// A field of a field, written with dots.
    pub(super) fn dotted(&self, names: &str) -> Self {
        names
            .split('.')
            .fold(self.clone(), |trace, name| trace.field(name.trim()))
    }

    /// What a loop over it gives.
    pub(super) fn item(&self) -> Self {
        match self {
            Self::Path(path, sure) => {
                // Where there is a list, its items are there too.
                let more = usize::from(*sure >= path.steps().len());
                path.then(Step::Item)
                    .map_or(Self::Made, |path| Self::Path(path, sure + more))
            }
            Self::Items(item) => (**item).clone(),
            Self::Several(items) => items.first().map_or(Self::Made, |(_, item)| item.clone()),
            Self::Made => Self::Made,
        }
    }

    /// Its parts when it is taken apart, as in `for key, value in …`.
    pub(super) fn part(&self, index: usize) -> Self {
        match self {
            Self::Several(items) => items
                .get(index)
                .map_or(Self::Made, |(_, item)| item.clone()),
            other => other.item(),
        }
    }

    /// What a filter makes of it.
    pub(super) fn filtered(&self, name: &str, arguments: &[CallArg<'_>]) -> Self {
        match name {
            // Those of prepared sources leave the value as it is.
            _ if name.starts_with("__") => self.clone(),
            "sort" | "reverse" | "list" | "unique" | "select" | "reject" | "selectattr"
            | "rejectattr" | "safe" | "escape" | "e" => self.clone(),
            "default" | "d" => match self {
                Self::Path(path, _) => Self::Path(path.clone(), path.steps().len()),
                other => other.clone(),
            },
            "first" | "last" | "min" | "max" => self.item(),
            "batch" | "slice" | "chunks" => {
                Self::Items(Box::new(Self::Items(Box::new(self.item()))))
            }
            "map" => match attribute(arguments) {
                Some(names) => Self::Items(Box::new(self.item().dotted(&names))),
                None => Self::Made,
            },
            "groupby" => {
                let list = Self::Items(Box::new(self.item()));
                let key = attribute(arguments)
                    .or_else(|| arguments.iter().find_map(text))
                    .map_or(Self::Made, |names| self.item().dotted(&names));
                Self::Items(Box::new(Self::named(&[("grouper", key), ("list", list)])))
            }
            "items" | "dictsort" => Self::Items(Box::new(Self::tuple([Self::Made, self.item()]))),
            _ => Self::Made,
        }
    }

    /// The fields of its items that a filter reads by name.
    pub(super) fn read_by(&self, name: &str, arguments: &[CallArg<'_>]) -> Vec<Self> {
        let mut names: Vec<String> = attribute(arguments).into_iter().collect();
        match name {
            "selectattr" | "rejectattr" | "groupby" => {
                names.extend(arguments.iter().find_map(text));
            }
            "tally" => names.extend(arguments.iter().filter_map(text)),
            _ => {}
        }
        let item = self.item();
        names
            .iter()
            .flat_map(|names| names.split(','))
            .map(|name| item.dotted(name))
            .collect()
    }
}

/// The text of `attribute="…"`.
fn attribute(arguments: &[CallArg<'_>]) -> Option<String> {
    arguments.iter().find_map(|argument| match argument {
        CallArg::Kwarg("attribute", value) => constant(value),
        _ => None,
    })
}

/// The text of a positional argument.
fn text(argument: &CallArg<'_>) -> Option<String> {
    match argument {
        CallArg::Pos(value) => constant(value),
        _ => None,
    }
}

/// The text of an expression that is one.
pub(super) fn constant(expression: &Expr<'_>) -> Option<String> {
    match expression {
        Expr::Const(constant) => constant.value.as_str().map(str::to_owned),
        _ => None,
    }
}
