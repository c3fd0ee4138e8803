//! Ways through the values.

use std::fmt;

/// A way through the values, from the outermost name on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Path(Vec<Step>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    /// Into a field.
    Field(String),
    /// To an item of a list.
    Item,
}

/// Longest path followed: a macro that calls itself makes them longer and longer.
const STEPS_MAX: usize = 32;

impl Path {
    /// The path of one name.
    pub(crate) fn root(name: &str) -> Self {
        Self(vec![Step::Field(name.to_owned())])
    }

    /// One step further; none when it is too long to be followed.
    pub(crate) fn then(&self, step: Step) -> Option<Self> {
        if self.0.len() >= STEPS_MAX {
            return None;
        }
        let mut steps = self.0.clone();
        steps.push(step);
        Some(Self(steps))
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path of its first steps.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self(self.0.iter().take(count).cloned().collect())
    }

    /// True when `self` is `other` or leads on from it.
    pub(crate) fn is_in(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Item => write!(f, "[]")?,
                Step::Field(name) if index == 0 => write!(f, "{name}")?,
                Step::Field(name) if is_plain(name) => write!(f, ".{name}")?,
                Step::Field(name) => write!(f, "[\"{name}\"]")?,
            }
        }
        Ok(())
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}
