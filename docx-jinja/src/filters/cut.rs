//! Slices as Python has them: `x[start:stop:step]`, with places counted from the end where they are negative.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// Cuts text or a list; what is none or left out of the three bounds has Python's default.
pub(super) fn cut(
    value: &Value,
    start: Option<Value>,
    stop: Option<Value>,
    step: Option<Value>,
) -> Result<Value, Error> {
    let bounds = (place(start)?, place(stop)?);
    let step = place(step)?.unwrap_or(1);
    if step == 0 {
        return Err(refused("a slice cannot go in steps of 0"));
    }
    match value.kind() {
        ValueKind::Undefined => Err(super::undefined(value)),
        ValueKind::None => Ok(Value::from(Vec::<Value>::new())),
        ValueKind::String => {
            let chars: Vec<char> = value.as_str().unwrap_or_default().chars().collect();
            let taken = places(chars.len(), bounds, step);
            Ok(taken.map(|at| chars[at]).collect::<String>().into())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = value.try_iter()?.collect();
            let taken = places(items.len(), bounds, step);
            Ok(taken.map(|at| items[at].clone()).collect::<Vec<_>>().into())
        }
        kind => Err(refused(format!("a value of type {kind} cannot be sliced"))),
    }
}

/// The places of a sequence of `len` that a slice takes, in its order.
fn places(
    len: usize,
    (start, stop): (Option<i64>, Option<i64>),
    step: i64,
) -> impl Iterator<Item = usize> {
    let len = i64::try_from(len).unwrap_or(i64::MAX);
    // Before the first and behind the last there is one place to stop at, seen from either direction.
    let (first, last) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |place: i64| {
        let counted = if place < 0 {
            place.saturating_add(len)
        } else {
            place
        };
        counted.clamp(first, last.max(first))
    };
    let (from, to) = if step > 0 {
        (first, last)
    } else {
        (last, first)
    };
    let mut at = start.map_or(from, clamp);
    let to = stop.map_or(to, clamp);
    std::iter::from_fn(move || {
        let inside = if step > 0 { at < to } else { at > to };
        let place = inside.then(|| usize::try_from(at).ok()).flatten();
        at = at.saturating_add(step);
        place
    })
}

fn place(bound: Option<Value>) -> Result<Option<i64>, Error> {
    match bound.filter(|value| !value.is_none()) {
        None => Ok(None),
        Some(value) if value.is_undefined() => Err(super::undefined(&value)),
        Some(value) => i64::try_from(value.clone()).map(Some).map_err(|_| {
            refused(format!(
                "a slice needs whole numbers, not {}",
                super::shown(&value)
            ))
        }),
    }
}

fn refused(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(len: usize, start: Option<i64>, stop: Option<i64>, step: i64) -> Vec<usize> {
        places(len, (start, stop), step).collect()
    }

    #[test]
    fn places_are_pythons() {
        let none: Vec<usize> = Vec::new();
        let cases = [
            (5, None, None, 1, vec![0, 1, 2, 3, 4]),
            (5, Some(1), Some(4), 1, vec![1, 2, 3]),
            (5, Some(-2), None, 1, vec![3, 4]),
            (5, None, Some(-1), 2, vec![0, 2]),
            (5, Some(-99), Some(99), 3, vec![0, 3]),
            (5, Some(4), Some(1), 1, none.clone()),
            (5, None, None, -1, vec![4, 3, 2, 1, 0]),
            (5, Some(3), Some(0), -1, vec![3, 2, 1]),
            (5, Some(3), Some(-99), -2, vec![3, 1]),
            (5, None, Some(-3), -1, vec![4, 3]),
            (5, Some(1), Some(4), -1, none.clone()),
            (0, None, None, -1, none.clone()),
            (0, None, None, 1, none.clone()),
            (0, Some(-1), Some(1), -1, none.clone()),
            (3, Some(i64::MIN), Some(i64::MAX), i64::MAX, vec![0]),
            (3, Some(i64::MAX), Some(i64::MIN), i64::MIN, vec![2]),
        ];
        for (len, start, stop, step, expected) in cases {
            let found = all(len, start, stop, step);
            assert_eq!(found, expected, "{len}: [{start:?}:{stop:?}:{step}]");
        }
    }
}
