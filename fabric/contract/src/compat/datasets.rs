//! Changes of whole datasets: what is asked, what is answered and pushed, and the frame around them.

use std::collections::BTreeSet;

use super::{Change, Class, Loss, compare};
use crate::dataset::{Dataset, Kind, Registry, Shape};
use crate::ids::DatasetId;

/// The parts of a dataset that can change by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// `dataset.json`: shape, kinds, limits.
    Frame,
    /// What a pull may ask for.
    Params,
    /// One row of an answer.
    Rows,
    /// The document of an answer.
    Document,
    /// One row, or the document, of a push.
    Push,
}

impl Part {
    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Params => "params",
            Self::Rows => "response rows",
            Self::Document => "response document",
            Self::Push => "push",
        }
    }
}

/// How one part changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartChange {
    /// Which part.
    pub part: Part,
    /// How.
    pub change: Change,
}

/// How one major version of a dataset changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetChange {
    /// Its name.
    pub id: DatasetId,
    /// Its major version.
    pub version: u16,
    /// The worst of its parts.
    pub class: Class,
    /// Each part; a version that came or went has its frame only.
    pub parts: Vec<PartChange>,
}

/// Compares all versions of two schema folders, by name and version.
pub fn compare_registries(old: &Registry, new: &Registry) -> Vec<DatasetChange> {
    let keys: BTreeSet<(&DatasetId, u16)> = [old, new]
        .into_iter()
        .flat_map(Registry::iter)
        .map(|dataset| (&dataset.id, dataset.version))
        .collect();
    keys.into_iter()
        .map(
            |(id, version)| match (old.get(id, version), new.get(id, version)) {
                (Some(old), Some(new)) => compare_datasets(old, new),
                (Some(_), None) => came_or_went(id, version, Some("the version is gone")),
                _ => came_or_went(id, version, None),
            },
        )
        .collect()
}

/// Compares two states of one major version.
pub fn compare_datasets(old: &Dataset, new: &Dataset) -> DatasetChange {
    let mut parts = vec![PartChange {
        part: Part::Frame,
        change: frame(old, new),
    }];
    if old.allows(Kind::Pull) {
        parts.push(PartChange {
            part: Part::Params,
            change: compare(&old.params_schema, &new.params_schema),
        });
    }
    let data = compare(&old.data_schema, &new.data_schema);
    let response = match old.shape {
        Shape::Rows => Part::Rows,
        Shape::Document => Part::Document,
    };
    for (kind, part) in [(Kind::Pull, response), (Kind::Push, Part::Push)] {
        if old.allows(kind) {
            let change = data.clone();
            parts.push(PartChange { part, change });
        }
    }
    let class = parts
        .iter()
        .map(|part| part.change.class)
        .max()
        .unwrap_or(Class::Identical);
    DatasetChange {
        id: new.id.clone(),
        version: new.version,
        class,
        parts,
    }
}

fn came_or_went(id: &DatasetId, version: u16, gone: Option<&str>) -> DatasetChange {
    let class = if gone.is_some() {
        Class::Breaking
    } else {
        Class::Compatible
    };
    let losses = gone.map(|what| loss("", what.to_owned()));
    DatasetChange {
        id: id.clone(),
        version,
        class,
        parts: vec![PartChange {
            part: Part::Frame,
            change: Change {
                class,
                losses: losses.into_iter().collect(),
            },
        }],
    }
}

/// Shape, kinds and limits; freshness and words may change as they like.
fn frame(old: &Dataset, new: &Dataset) -> Change {
    let mut losses = Vec::new();
    if old.shape != new.shape {
        losses.push(loss(
            "/shape",
            format!("was {}, is {}", old.shape.as_str(), new.shape.as_str()),
        ));
    }
    for (kind, name) in [(Kind::Pull, "pulled"), (Kind::Push, "pushed")] {
        if old.allows(kind) && !new.allows(kind) {
            losses.push(loss("/kinds", format!("can no longer be {name}")));
        }
    }
    let (was, is) = (old.limits, new.limits);
    for (pointer, was, is) in [
        ("/limits/rows", was.rows, is.rows),
        ("/limits/bytes", was.bytes, is.bytes),
    ] {
        if is < was {
            losses.push(loss(pointer, format!("was {was}, is {is}")));
        }
    }
    let same = old.shape == new.shape && old.kinds == new.kinds && old.limits == new.limits;
    let class = match (losses.is_empty(), same) {
        (false, _) => Class::Breaking,
        (true, true) => Class::Identical,
        (true, false) => Class::Compatible,
    };
    Change { class, losses }
}

fn loss(pointer: &str, what: String) -> Loss {
    Loss {
        pointer: pointer.into(),
        what,
    }
}
