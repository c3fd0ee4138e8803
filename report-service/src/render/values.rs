//! Values in the form in which templates read them. Rows are read from the tray when a loop asks for them: cells in a
//! slice, column names shared by all rows alike.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use docx_jinja::Value;
use docx_jinja::minijinja::value::{Enumerator, Object, ObjectRepr};
use docx_jinja::minijinja::{Error, ErrorKind};
use serde_json::Value as Json;

use super::order::{Chunk, Span, Values};
use super::row;

/// JSON of a list that stays parsed; of larger lists the chunks read last.
const KEPT_BYTES: u64 = 8 * 1024 * 1024;

/// Makes the values of an order readable for a template.
pub(super) fn readable(values: Values, tray: &Arc<File>) -> Value {
    match values {
        Values::Plain(json) => plain(json),
        Values::Map(members) => {
            let readable = |(name, value)| (name, readable(value, tray));
            Value::from_pairs(members.into_iter().map(readable))
        }
        Values::List(items) => {
            let items: Vec<Value> = items.into_iter().map(|item| readable(item, tray)).collect();
            Value::from(items)
        }
        Values::Rows(chunks) => Value::from_object(Rows::new(chunks, Arc::clone(tray))),
    }
}

/// JSON in the form that templates read.
pub(crate) fn plain(json: Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(truth) => Value::from(truth),
        Json::String(text) => Value::from(text),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::from(whole),
            (None, Some(fraction)) => Value::from(fraction),
            (None, None) => Value::from(()),
        },
        Json::Array(items) => items.into_iter().map(plain).collect::<Vec<_>>().into(),
        Json::Object(members) => {
            Value::from_pairs(members.into_iter().map(|(key, value)| (key, plain(value))))
        }
    }
}

/// A piece of the tray.
pub(super) fn read(tray: &File, span: Span) -> std::io::Result<Vec<u8>> {
    let bytes = usize::try_from(span.bytes).map_err(std::io::Error::other)?;
    let mut piece = vec![0; bytes];
    tray.read_exact_at(&mut piece, span.at)?;
    Ok(piece)
}

/// A table whose rows stand in the tray.
#[derive(Debug)]
struct Rows {
    tray: Arc<File>,
    chunks: Vec<Chunk>,
    /// The number of the first row of each chunk.
    starts: Vec<usize>,
    count: usize,
    parsed: Mutex<VecDeque<Parsed>>,
}

#[derive(Debug)]
struct Parsed {
    chunk: usize,
    bytes: u64,
    rows: Arc<[Value]>,
}

impl Rows {
    fn new(chunks: Vec<Chunk>, tray: Arc<File>) -> Self {
        let mut count = 0;
        let starts = chunks
            .iter()
            .map(|chunk| {
                let start = count;
                count += usize::try_from(chunk.rows).unwrap_or(0);
                start
            })
            .collect();
        Self {
            tray,
            chunks,
            starts,
            count,
            parsed: Mutex::default(),
        }
    }

    fn row(&self, number: usize) -> Option<Value> {
        if number >= self.count {
            return None;
        }
        // The last chunk that begins at or before the row; empty ones begin where the next does.
        let chunk = self
            .starts
            .partition_point(|start| *start <= number)
            .checked_sub(1)?;
        let within = number - self.starts.get(chunk)?;
        match self.rows_of(chunk) {
            Ok(rows) => rows.get(within).cloned(),
            Err(error) => Some(Value::from(error)),
        }
    }

    fn rows_of(&self, chunk: usize) -> Result<Arc<[Value]>, Error> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = parsed.iter().find(|known| known.chunk == chunk) {
            return Ok(Arc::clone(&known.rows));
        }
        let lost = |what: String| Error::new(ErrorKind::InvalidOperation, what);
        let Some(Chunk { span, .. }) = self.chunks.get(chunk).copied() else {
            return Err(lost(format!("there is no chunk {chunk}")));
        };
        let json = read(&self.tray, span)
            .map_err(|error| lost(format!("the rows could not be read again: {error}")))?;
        let rows = row::parse(&json)
            .map_err(|error| lost(format!("the rows could not be read again: {error}")))?;
        let rows: Arc<[Value]> = rows.into();
        let mut kept: u64 = parsed.iter().map(|known| known.bytes).sum();
        while kept > 0 && kept + span.bytes > KEPT_BYTES {
            kept -= parsed.pop_front().map_or(kept, |oldest| oldest.bytes);
        }
        parsed.push_back(Parsed {
            chunk,
            bytes: span.bytes,
            rows: Arc::clone(&rows),
        });
        Ok(rows)
    }
}

impl Object for Rows {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.row(key.as_usize()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.count)
    }
}

#[cfg(test)]
mod tests {
    use docx_jinja::minijinja::{Environment, context};

    use super::super::tray::Tray;
    use super::*;

    /// Rows in chunks as a template sees them.
    fn check(chunks: &[(&str, usize)], source: &str, expected: &str) {
        let tray = Tray::create(&std::env::temp_dir()).unwrap();
        let chunks = chunks
            .iter()
            .map(|(json, rows)| tray.append_rows(json.as_bytes(), *rows).unwrap())
            .collect();
        let file = Arc::new(tray.handle().unwrap());
        let rows = readable(Values::Rows(chunks), &file);
        let text = Environment::new().render_str(source, context! { rows });
        let text = text.unwrap_or_else(|error| error.to_string());
        assert!(
            text.starts_with(expected),
            "{source}: {text}, not {expected}"
        );
    }

    #[test]
    fn a_table_in_chunks_is_one_list() {
        let chunks = [
            (r#"[{"a":1},{"a":2}]"#, 2),
            ("[]", 0),
            (r#"[{"a":3}]"#, 1),
            (r#"[{"a":4},{"a":5}]"#, 2),
        ];
        let check = |source: &str, expected: &str| check(&chunks, source, expected);
        check("{{ rows|length }}", "5");
        check(
            "{% for r in rows %}{{ r.a }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1,2,3,4,5",
        );
        check(
            "{{ rows[0].a }}{{ rows[2].a }}{{ rows[-1].a }}{{ rows[7] is undefined }}",
            "135True",
        );
        check("{% for r in rows|reverse %}{{ r.a }}{% endfor %}", "54321");
        check("{{ rows[1:4]|map(attribute='a')|join('-') }}", "2-3-4");
        check(
            "{{ rows is sequence }}{{ rows|first == rows[0] }}",
            "TrueTrue",
        );
        check(
            "{% for r in rows %}{% for q in rows %}{{ q.a }}{% endfor %} {% endfor %}",
            "12345 12345 ",
        );
    }

    #[test]
    fn an_empty_table_is_an_empty_list() {
        check(
            &[],
            "{% for r in rows %}x{% else %}none{% endfor %}",
            "none",
        );
        check(
            &[("[]", 0)],
            "{{ rows|length }}{{ 'full' if rows else 'empty' }}",
            "0empty",
        );
    }

    #[test]
    fn what_cannot_be_read_again_is_an_error_and_no_empty_row() {
        let broken = [(r#"[{"a":1},"#, 2)];
        check(
            &broken,
            "{% for r in rows %}{{ r.a }}{% endfor %}",
            "invalid operation",
        );
    }
}
