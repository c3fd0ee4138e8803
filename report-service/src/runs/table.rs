//! Rows in the form in which the renderer reads them: cells in a slice, column names shared by all rows alike.

use std::sync::Arc;

use docx_jinja::Value;
use docx_jinja::minijinja::value::{Enumerator, Object, ObjectRepr};
use serde_json::Map;

use crate::render::value;

/// A row. Rows of a table mostly have the same columns in the same order, and then share one list of them.
#[derive(Debug)]
struct Row {
    columns: Arc<[Arc<str>]>,
    cells: Box<[Value]>,
}

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

/// Turns checked rows into values.
pub(super) fn rows(rows: Vec<Map<String, serde_json::Value>>) -> Vec<Value> {
    let mut columns: Arc<[Arc<str>]> = Arc::new([]);
    let mut values = Vec::with_capacity(rows.len());
    for row in rows {
        let same = row.len() == columns.len()
            && row
                .keys()
                .zip(columns.iter())
                .all(|(key, column)| **key == **column);
        if !same {
            columns = row.keys().map(|key| Arc::from(key.as_str())).collect();
        }
        let cells = row.into_iter().map(|(_, cell)| value(cell)).collect();
        values.push(Value::from_object(Row {
            columns: Arc::clone(&columns),
            cells,
        }));
    }
    values
}

/// Turns a checked document into a value.
pub(super) fn document(document: Map<String, serde_json::Value>) -> Value {
    value(serde_json::Value::Object(document))
}

#[cfg(test)]
mod tests {
    use docx_jinja::minijinja::{Environment, context};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_sees_rows_as_maps() {
        let list = json!([
            {"a": "x", "b": 1, "c": null, "d": true, "e": [1, 2]},
            {"a": "y", "b": 2.5, "c": "z", "d": false, "e": []},
            {"b": 7},
        ]);
        let list = match list {
            serde_json::Value::Array(items) => items
                .into_iter()
                .filter_map(|item| item.as_object().cloned())
                .collect(),
            _ => Vec::new(),
        };
        let rows = Value::from(rows(list));
        let source = "{% for r in rows %}{{ r.a }}|{{ r['b'] }}|{{ r.c }}|{{ r.d }}|{{ r.e|length if r.e is defined }}|{{ r|length }};{% endfor %}";
        let text = Environment::new()
            .render_str(source, context! { rows => rows })
            .unwrap();
        assert_eq!(text, "x|1|None|True|2|5;y|2.5|z|False|0|5;|7||||1;");
    }
}
