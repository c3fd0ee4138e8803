//! What a change of a contract means for those who send data today.
//!
//! Within a major version, a later schema accepts all that an earlier one did: agents of yesterday still send, and the
//! centre of yesterday still asks. What cannot be shown to hold is taken for breaking.

mod canonical;
mod datasets;
mod overrides;
mod text_classes;

use serde_json::{Map, Value};

pub use datasets::{DatasetChange, Part, PartChange, compare_datasets, compare_registries};
pub use overrides::{Widens, check_override, check_overrides};

use canonical::{covers, lost};

/// Longest schema of lost values in a loss, in characters.
const LOST_CHARS_MAX: usize = 300;
/// Most losses told of one change.
const LOSSES_MAX: usize = 50;

/// How a schema changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Both accept the same values.
    Identical,
    /// The new one accepts all that the old one did.
    Compatible,
    /// The new one refuses what the old one accepted, or nothing shows that it does not.
    Breaking,
}

impl Class {
    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Compatible => "compatible",
            Self::Breaking => "breaking",
        }
    }
}

/// Something that the old contract accepted and the new one does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// JSON Pointer (RFC 6901) to the values; `*` stands for every item of an array.
    pub pointer: String,
    /// What was lost, in words.
    pub what: String,
}

/// A change of one schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it means.
    pub class: Class,
    /// Of a breaking change: what was lost.
    pub losses: Vec<Loss>,
}

/// Compares two schemas that refer to nothing outside themselves.
pub fn compare(old: &Value, new: &Value) -> Change {
    if accepts(new, old) {
        let class = if accepts(old, new) {
            Class::Identical
        } else {
            Class::Compatible
        };
        return Change {
            class,
            losses: Vec::new(),
        };
    }
    let mut losses = Vec::new();
    explain(old, new, "", &mut losses);
    if losses.is_empty() {
        losses.push(Loss {
            pointer: String::new(),
            what: whole_loss(old, new),
        });
    }
    losses.truncate(LOSSES_MAX);
    Change {
        class: Class::Breaking,
        losses,
    }
}

/// Whether `narrowed` accepts nothing that `base` does not: what a tenant's own contract must hold to.
///
/// # Errors
/// With what it accepts beyond the base, or where nothing shows that it does not.
pub fn narrows(base: &Value, narrowed: &Value) -> Result<(), Vec<Loss>> {
    match compare(narrowed, base) {
        Change {
            class: Class::Breaking,
            losses,
        } => Err(losses),
        _ => Ok(()),
    }
}

/// Whether it is shown that `wide` accepts all that `narrow` does.
fn accepts(wide: &Value, narrow: &Value) -> bool {
    covers(wide, narrow) && text_classes::cover(wide, narrow)
}

/// Looks for the members that explain a loss, each by itself.
fn explain(old: &Value, new: &Value, pointer: &str, losses: &mut Vec<Loss>) {
    let (Some(old_members), Some(new_members)) = (properties(old), properties(new)) else {
        return leaf(old, new, pointer, losses);
    };
    let before = losses.len();
    let closed = new.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, old_member) in old_members {
        let below = format!("{pointer}/{}", escaped(name));
        match new_members.get(name) {
            Some(new_member) if accepts(new_member, old_member) => {}
            Some(new_member) => explain(old_member, new_member, &below, losses),
            None if closed => losses.push(Loss {
                pointer: below,
                what: "the member is gone: whoever still sends it is refused".into(),
            }),
            None => {}
        }
    }
    let was_required = required(old);
    for name in required(new)
        .iter()
        .filter(|name| !was_required.contains(name))
    {
        losses.push(Loss {
            pointer: format!("{pointer}/{}", escaped(name)),
            what: "the member is required now: whoever does not send it is refused".into(),
        });
    }
    let open = |schema: &Value| schema.get("additionalProperties") != Some(&Value::Bool(false));
    if open(old) && !open(new) {
        losses.push(Loss {
            pointer: pointer.into(),
            what: "members that are not declared are refused now".into(),
        });
    }
    if losses.len() == before && !pointer.is_empty() {
        losses.push(Loss {
            pointer: pointer.into(),
            what: whole_loss(old, new),
        });
    }
}

fn leaf(old: &Value, new: &Value, pointer: &str, losses: &mut Vec<Loss>) {
    if let (Some(old_items), Some(new_items)) = (old.get("items"), new.get("items"))
        && old_items != new_items
    {
        let before = losses.len();
        explain(old_items, new_items, &format!("{pointer}/*"), losses);
        if losses.len() > before {
            return;
        }
    }
    if let Some((was, is)) = text_classes::narrowed(old, new) {
        losses.push(Loss {
            pointer: pointer.into(),
            what: format!("texts of class {was} were accepted, now only those of class {is}"),
        });
        return;
    }
    losses.push(Loss {
        pointer: pointer.into(),
        what: whole_loss(old, new),
    });
}

/// The lost values as a schema, where there is one.
fn whole_loss(old: &Value, new: &Value) -> String {
    match lost(old, new) {
        Some(values) => {
            let text = values.to_string();
            if text.chars().count() > LOST_CHARS_MAX {
                let short: String = text.chars().take(LOST_CHARS_MAX).collect();
                format!("no longer accepted: {short}…")
            } else {
                format!("no longer accepted: {text}")
            }
        }
        None => {
            "nothing shows that the new schema accepts all that the old one did, so it counts as breaking".into()
        }
    }
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn required(schema: &Value) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array);
    names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
