//! "Did you mean": near names, and the fields that a value really has.

use minijinja::Value;
use minijinja::value::ValueKind;

use crate::locate::Loop;
use crate::shape::absent;

/// Most names looked through.
const NAMES_MAX: usize = 500;
/// Most names shown when none is near.
const NAMES_SHOWN: usize = 12;
/// Deepest chain of loop variables followed.
const LOOPS_MAX: usize = 16;

/// The candidate nearest to a misspelt word.
pub(crate) fn closest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<String> {
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    let lower = word.to_lowercase();
    candidates
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

/// Edits between two words; a swap of neighbours counts once.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (
        left.chars().take(64).collect(),
        right.chars().take(64).collect(),
    );
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (row, l) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, r) in right.iter().enumerate() {
            let mut best = (previous[column] + usize::from(l != r))
                .min(previous[column + 1] + 1)
                .min(current[column] + 1);
            let swapped = row > 0 && column > 0 && *l == right[column - 1] && left[row - 1] == *r;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[right.len()]
}

/// A hint for a path like `row.hostnme` that leads nowhere in these values.
pub(crate) fn for_path(path: &str, values: &Value, loops: &[Loop]) -> Option<String> {
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (resolve(parent, values, loops, 0)?, name),
        None => (values.clone(), path),
    };
    let mut names = names(&parent);
    if !path.contains('.') {
        names.extend(loops.iter().map(|around| around.variable.clone()));
    }
    if let Some(found) = closest(name, names.iter().map(String::as_str)) {
        let prefix = path.strip_suffix(name).unwrap_or_default();
        return Some(format!("did you mean {prefix}{found}?"));
    }
    listed(names.iter().map(String::as_str))
}

/// A hint that lists what there is; none when there is nothing.
pub(crate) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let mut names: Vec<&str> = names.take(NAMES_SHOWN + 1).collect();
    if names.is_empty() {
        return None;
    }
    let more = if names.len() > NAMES_SHOWN {
        ", …"
    } else {
        ""
    };
    names.truncate(NAMES_SHOWN);
    Some(format!("there are: {}{more}", names.join(", ")))
}

/// The first path in a tag that leads nowhere, for failures that do not say which one it was.
pub(crate) fn missing(tag: &str, values: &Value, loops: &[Loop]) -> Option<String> {
    let paths = tag.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.'));
    let mut paths =
        paths.filter(|path| path.contains('.') && path.starts_with(|c: char| c.is_alphabetic()));
    paths
        .find(|path| {
            let parent = path
                .rsplit_once('.')
                .and_then(|(parent, _)| resolve(parent, values, loops, 0));
            parent.is_some() && resolve(path, values, loops, 0).is_none()
        })
        .map(str::to_owned)
}

/// The names of a map's fields, as many as are looked through.
pub(crate) fn names(value: &Value) -> Vec<String> {
    if value.kind() != ValueKind::Map {
        return Vec::new();
    }
    let keys = value.try_iter().into_iter().flatten().take(NAMES_MAX);
    let mut names: Vec<String> = keys
        .filter_map(|key| key.as_str().map(str::to_owned))
        .collect();
    for name in absent::known_names(value).take(NAMES_MAX) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The value of a dotted path, where loop variables stand for their first item.
fn resolve(path: &str, values: &Value, loops: &[Loop], depth: usize) -> Option<Value> {
    if depth > LOOPS_MAX {
        return None;
    }
    let mut parts = path.split('.').map(str::trim);
    let first = parts.next()?;
    let around = loops.iter().rposition(|around| around.variable == first);
    let mut value = match around {
        Some(at) => {
            let end = loops[at]
                .iterable
                .find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.'));
            let iterable = &loops[at].iterable[..end.unwrap_or(loops[at].iterable.len())];
            resolve(iterable, values, &loops[..at], depth + 1)?
                .try_iter()
                .ok()?
                .next()?
        }
        None => values.get_attr(first).ok()?,
    };
    for part in parts {
        value = value.get_attr(part).ok()?;
    }
    (!value.is_undefined()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{closest, distance, for_path};
    use crate::locate::Loop;
    use minijinja::context;

    #[test]
    fn words_near_are_found_and_others_not() {
        let names = ["hostname", "os_version", "owner"];
        let check = |word, expected: Option<&str>| {
            assert_eq!(
                closest(word, names.iter().copied()).as_deref(),
                expected,
                "{word}"
            );
        };
        check("hostnme", Some("hostname"));
        check("HostName", Some("hostname"));
        check("onwer", Some("owner"));
        check("os_verison", Some("os_version"));
        check("zebra", None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ca", "ac"), 1);
    }

    #[test]
    fn paths_are_followed_through_loops() {
        let values = context! { tenants => vec![context! { rows => vec![context! { hostname => "a", os => "b" }] }] };
        let around = |variable: &str, iterable: &str| Loop {
            variable: variable.into(),
            iterable: iterable.into(),
        };
        let loops = [
            around("tenant", "tenants"),
            around("row", "tenant.rows|sort(attribute='os')"),
        ];
        let check = |path, expected: Option<&str>| {
            assert_eq!(
                for_path(path, &values, &loops).as_deref(),
                expected,
                "{path}"
            );
        };
        check("row.hostnam", Some("did you mean row.hostname?"));
        check("row.zebra", Some("there are: hostname, os"));
        check("tenat", Some("did you mean tenant?"));
        check("other.field", None);
    }
}
