//! Rows from JSON, without a tree in between.

use std::fmt;
use std::sync::Arc;

use docx_jinja::Value;
use docx_jinja::minijinja::value::{Enumerator, Object, ObjectRepr};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A row. Rows of a table mostly have the same columns in the same order, and then share one list of them.
#[derive(Debug)]
struct Row {
    columns: Columns,
    cells: Box<[Value]>,
}

type Columns = Arc<[Arc<str>]>;

impl Object for Row {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        let place = self.columns.iter().position(|column| **column == *key)?;
        self.cells.get(place).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(
            self.columns
                .iter()
                .map(|column| Value::from(Arc::clone(column)))
                .collect(),
        )
    }
}

/// Reads a JSON array of objects.
pub(super) fn parse(json: &[u8]) -> serde_json::Result<Vec<Value>> {
    let mut source = serde_json::Deserializer::from_slice(json);
    let rows = Table.deserialize(&mut source)?;
    source.end()?;
    Ok(rows)
}

struct Table;

impl<'de> DeserializeSeed<'de> for Table {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Vec<Value>, D::Error> {
        source.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Table {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Value>, A::Error> {
        let mut columns: Columns = Arc::new([]);
        let mut rows = Vec::new();
        while let Some(row) = list.next_element_seed(RowSeed(&columns))? {
            columns = Arc::clone(&row.columns);
            rows.push(Value::from_object(row));
        }
        Ok(rows)
    }
}

/// A row that may have these columns.
struct RowSeed<'c>(&'c Columns);

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = Row;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Row, D::Error> {
        source.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut row: A) -> Result<Row, A::Error> {
        let mut cells = Vec::with_capacity(self.0.len());
        // The columns of this row, from the first on that is another than expected.
        let mut own: Option<Vec<Arc<str>>> = None;
        while let Some(name) = row.next_key_seed(Name(self.0.get(cells.len())))? {
            match (name, &mut own) {
                (None, None) => {}
                (None, Some(names)) => names.extend(self.0.get(cells.len()).cloned()),
                (Some(name), Some(names)) => names.push(name),
                (Some(name), None) => {
                    let mut names: Vec<_> = self.0.iter().take(cells.len()).cloned().collect();
                    names.push(name);
                    own = Some(names);
                }
            }
            cells.push(row.next_value_seed(Cell)?);
        }
        let columns = match own {
            Some(names) => names.into(),
            None if cells.len() == self.0.len() => Arc::clone(self.0),
            None => self.0.iter().take(cells.len()).cloned().collect(),
        };
        Ok(Row {
            columns,
            cells: cells.into(),
        })
    }
}

/// A column's name; nothing when it is the one expected.
struct Name<'c>(Option<&'c Arc<str>>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<Arc<str>>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<Arc<str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let expected = self.0.is_some_and(|expected| **expected == *name);
        Ok((!expected).then(|| Arc::from(name)))
    }
}

/// Any value.
struct Cell;

impl<'de> DeserializeSeed<'de> for Cell {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::from(()))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::from(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "what passes 63 bits is shown as a fraction is, wherever it comes from"
    )]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::from(number as f64), Value::from))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Cell)? {
            items.push(item);
        }
        Ok(Value::from(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some(name) = map.next_key()? {
            members.push((name, map.next_value_seed(Cell)?));
        }
        Ok(Value::from_pairs(members))
    }
}

#[cfg(test)]
mod tests {
    use docx_jinja::minijinja::{Environment, context};

    use super::*;

    #[test]
    fn a_template_sees_rows_as_maps() {
        let list = br#"[
            {"a": "x", "b": 1, "c": null, "d": true, "e": [1, {"f": 2}]},
            {"a": "y", "b": 2.5, "c": "z", "d": false, "e": []},
            {"b": 7},
            {"a": "y", "b": 18446744073709551615, "d": -1, "c": "\n"},
            {"a": "s", "c": "t", "b": "u"}
        ]"#;
        let rows = Value::from(parse(list).unwrap());
        let source = "{% for r in rows %}{{ r.a }}|{{ r['b'] }}|{{ r.c }}|{{ r.d }}|{{ r.e|length if r.e is defined }}|{{ r|length }}|{{ r|join }};{% endfor %}{{ rows[0].e[1].f }}";
        let text = Environment::new()
            .render_str(source, context! { rows => rows })
            .unwrap();
        assert_eq!(
            text,
            "x|1|None|True|2|5|abcde;y|2.5|z|False|0|5|abcde;|7||||1|b;y|18446744073709552000.0|\n|-1||4|abdc;s|u|t|||3|acb;2"
        );
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for json in ["", "{}", "[1]", "[{}", "[{}] x", "[[]]", r#"[{"a":}]"#] {
            assert!(parse(json.as_bytes()).is_err(), "{json}");
        }
        assert_eq!(parse(b"[]").unwrap().len(), 0);
        assert_eq!(parse(b"[{}, {}]").unwrap().len(), 2);
    }
}
