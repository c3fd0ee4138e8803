//! A dataset as a file. Rows are read a chunk at a time, so that a long table takes no more memory than a short one.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::csv;
use crate::render::KeptTable;

type Row = Map<String, Value>;

/// As a JSON array of objects, byte for byte as the rows came; a document as the one object that it is.
pub(super) fn json(table: &KeptTable, mut to: impl Write) -> io::Result<()> {
    if let Some(document) = table.document() {
        serde_json::to_writer(&mut to, document)?;
        return to.flush();
    }
    to.write_all(b"[")?;
    let mut first = true;
    for number in 0..table.chunks() {
        let chunk = table.chunk(number)?;
        let rows = inner(&chunk).ok_or(io::ErrorKind::InvalidData)?;
        if rows.is_empty() {
            continue;
        }
        if !first {
            to.write_all(b",")?;
        }
        first = false;
        to.write_all(rows)?;
    }
    to.write_all(b"]")?;
    to.flush()
}

/// What stands between the brackets of a JSON array.
fn inner(array: &[u8]) -> Option<&[u8]> {
    let array = array.trim_ascii();
    let array = array.strip_prefix(b"[")?.strip_suffix(b"]")?;
    Some(array.trim_ascii())
}

/// As CSV: the names of all columns first, in the order in which they come up.
pub(super) fn csv(table: &KeptTable, mut to: impl Write) -> io::Result<()> {
    let mut columns: Vec<String> = Vec::new();
    each_row(table, |row| {
        for name in row.keys() {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        Ok(())
    })?;
    line(&mut to, columns.iter().map(|name| csv::cell(name)))?;
    each_row(table, |row| {
        let cells = columns.iter().map(|name| cell(row.get(name)));
        line(&mut to, cells)
    })?;
    to.flush()
}

fn each_row(table: &KeptTable, mut each: impl FnMut(&Row) -> io::Result<()>) -> io::Result<()> {
    if let Some(document) = table.document() {
        let row = document.as_object().ok_or(io::ErrorKind::InvalidData)?;
        return each(row);
    }
    for number in 0..table.chunks() {
        let rows: Vec<Row> = serde_json::from_slice(&table.chunk(number)?)?;
        rows.iter().try_for_each(&mut each)?;
    }
    Ok(())
}

fn line(to: &mut impl Write, cells: impl Iterator<Item = String>) -> io::Result<()> {
    let cells: Vec<String> = cells.collect();
    to.write_all(cells.join(",").as_bytes())?;
    to.write_all(b"\r\n")
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(string)) => csv::cell(string),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(truth)) => truth.to_string(),
        Some(list @ (Value::Array(_) | Value::Object(_))) => csv::cell(&list.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(
        chunks: &[&str],
        write: fn(&KeptTable, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<String> {
        let table = KeptTable::of_chunks(chunks);
        let mut to = Vec::new();
        write(&table, &mut to)?;
        Ok(String::from_utf8(to).unwrap())
    }

    #[test]
    fn rows_in_chunks_are_one_array() {
        let check = |chunks: &[&str], expected: &str| {
            let found = written(chunks, |table, to| json(table, to)).unwrap();
            assert_eq!(found, expected, "{chunks:?}");
        };
        check(&[], "[]");
        check(&["[]", "[]"], "[]");
        check(
            &[r#"[{"a":1.50},{"a":2}]"#, "[]", r#" [{"a":"x"}] "#],
            r#"[{"a":1.50},{"a":2},{"a":"x"}]"#,
        );
        assert!(written(&["{}"], |table, to| json(table, to)).is_err());
    }

    #[test]
    fn columns_are_those_of_all_rows() {
        let chunks = [r#"[{"a":1,"b":"x"}]"#, r#"[{"c":[1,"="],"a":null}]"#];
        let found = written(&chunks, |table, to| csv(table, to)).unwrap();
        assert_eq!(
            found,
            "\"a\",\"b\",\"c\"\r\n1,\"x\",\r\n,,\"[1,\"\"'=\"\"]\"\r\n"
        );
        assert_eq!(
            written(&[], |table, to| csv(table, to)).unwrap(),
            "\r\n",
            "no rows, no names"
        );
    }

    #[test]
    fn a_document_is_one_row() {
        let table = KeptTable::of_document(json!({ "name": "Acme", "tags": { "a": 1 } }));
        let mut to = Vec::new();
        csv(&table, &mut to).unwrap();
        assert_eq!(to, b"\"name\",\"tags\"\r\n\"Acme\",\"{\"\"a\"\":1}\"\r\n");
        let mut to = Vec::new();
        json(&table, &mut to).unwrap();
        assert_eq!(to, br#"{"name":"Acme","tags":{"a":1}}"#);
    }

    #[test]
    fn what_a_spreadsheet_would_calculate_is_guarded() {
        let check = |value: Value, expected: &str| assert_eq!(cell(Some(&value)), expected);
        check(json!("=1+1"), "\"'=1+1\"");
        check(json!("x;=1+1"), "\"x;'=1+1\"");
        check(json!(["a", "=1"]), "\"[\"\"a\"\",\"\"'=1\"\"]\"");
        check(json!("plain = text"), "\"plain = text\"");
        check(json!("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        check(json!(-5), "-5");
        check(json!(1.25), "1.25");
        check(json!(true), "true");
        check(Value::Null, "");
        // Names of columns come from contracts, and are guarded all the same.
        let found = written(&[r#"[{"=a":1}]"#], |table, to| csv(table, to)).unwrap();
        assert_eq!(found, "\"'=a\"\r\n1\r\n");
    }
}
