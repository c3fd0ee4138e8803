//! What the lines of a backup may hold. All of it is looked at before the first of it is kept anywhere, so that one that was
//! damaged or made up is refused whole.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Line, Sum};
use crate::artefacts::ArtefactKey;
use crate::store::portable;

/// Folders within folders, and bytes of one name.
pub(super) const DEPTH_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 255;
/// The column with the name of a file in the folder of templates.
const FILE_KEY: &str = "file_key";

/// What was read so far.
#[derive(Default)]
pub(super) struct Sound {
    table: Option<(String, Vec<String>)>,
    tables: BTreeSet<String>,
    file: Option<(String, u64)>,
    files: BTreeSet<String>,
    sum: Sum,
}

impl Sound {
    /// Looks at a line between the first and the last.
    pub(super) fn line(&mut self, line: &[u8]) -> anyhow::Result<()> {
        match serde_json::from_slice(line).context("it is no JSON")? {
            Value::Array(values) => self.row(&values),
            Value::String(piece) => self.piece(&piece),
            line => match serde_json::from_value(line).context("it is none of a backup's")? {
                Line::Table { name, columns } => self.table(name, columns),
                Line::File { name, bytes } => self.file(name, bytes),
                Line::Head(_) | Line::End(_) => bail!("a head or an end stands in the middle"),
            },
        }
    }

    /// Looks at what the last line says there was.
    pub(super) fn end(&mut self, told: Sum) -> anyhow::Result<()> {
        self.file_ends()?;
        if self.sum != told {
            bail!(
                "it says that it has {} rows and {} files, and has {} and {}",
                told.rows,
                told.files,
                self.sum.rows,
                self.sum.files
            );
        }
        Ok(())
    }

    fn table(&mut self, name: String, columns: Vec<String>) -> anyhow::Result<()> {
        if !self.files.is_empty() {
            bail!("the table {name:?} stands behind the first file");
        }
        if !portable::is_kept(&name) {
            bail!(
                "the table {name:?} is in no backup: who is signed in, tokens and the store's own tables are left out"
            );
        }
        if columns.iter().collect::<BTreeSet<_>>().len() != columns.len() {
            bail!("the table {name} has a column twice");
        }
        if !self.tables.insert(name.clone()) {
            bail!("the table {name} stands there twice");
        }
        self.table = Some((name, columns));
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> anyhow::Result<()> {
        if !self.files.is_empty() {
            bail!("a row stands behind the first file");
        }
        let (table, columns) = self.table.as_ref().context("a row without a table")?;
        if columns.len() != values.len() {
            bail!(
                "a row of {table} has {} values for {} columns",
                values.len(),
                columns.len()
            );
        }
        for (column, value) in columns.iter().zip(values) {
            portable::fits(value).with_context(|| format!("{column} in a row of {table}"))?;
            let key = value.as_str().unwrap_or_default();
            if column == FILE_KEY && !ArtefactKey::is_file_key(key) {
                bail!(
                    "{FILE_KEY} in a row of {table} is {value}; allowed is a file's plain name, of letters, digits, \
                     \"-\", \"_\" and \".\""
                );
            }
        }
        self.sum.rows += 1;
        Ok(())
    }

    fn file(&mut self, name: String, bytes: u64) -> anyhow::Result<()> {
        self.file_ends()?;
        if !is_document(&name) {
            bail!("{name:?} is no document's name");
        }
        if !self.files.insert(name.clone()) {
            bail!("the file {name} stands there twice");
        }
        self.sum.files += 1;
        self.file = Some((name, bytes));
        Ok(())
    }

    fn piece(&mut self, piece: &str) -> anyhow::Result<()> {
        let (name, left) = self.file.as_mut().context("a piece without a file")?;
        let bytes = STANDARD.decode(piece);
        let bytes = bytes.with_context(|| format!("a piece of {name} is no base64"))?;
        let fewer = left.checked_sub(bytes.len() as u64);
        *left = fewer.with_context(|| format!("the file {name} is longer than it says"))?;
        Ok(())
    }

    fn file_ends(&mut self) -> anyhow::Result<()> {
        match self.file.take() {
            Some((name, left)) if left > 0 => bail!("the file {name} is shorter than it says"),
            _ => Ok(()),
        }
    }
}

/// Whether a name stays in the folder of documents, and is one that a backup writes there.
pub(super) fn is_document(name: &str) -> bool {
    let path = Path::new(name);
    let plain = |part: Component<'_>| match part {
        Component::Normal(part) => {
            let part = part.to_string_lossy();
            let is_hidden = part.starts_with('.');
            !is_hidden && part.len() <= NAME_BYTES_MAX && !part.contains(char::is_control)
        }
        _ => false,
    };
    let depth = path.components().count();
    let is_template = path.starts_with("templates");
    (1..=DEPTH_MAX + 1).contains(&depth)
        && path.components().all(plain)
        && !name.ends_with('/')
        && (!is_template || ArtefactKey::of_file(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What the last of these lines is refused with; the others are good.
    fn refused(lines: &[Value]) -> String {
        let mut sound = Sound::default();
        let (last, before) = lines.split_last().unwrap();
        for line in before {
            sound.line(line.to_string().as_bytes()).unwrap();
        }
        let refused = sound.line(last.to_string().as_bytes()).unwrap_err();
        format!("{refused:#}")
    }

    fn table(name: &str, columns: &[&str]) -> Value {
        json!({"table": {"name": name, "columns": columns}})
    }

    fn file(name: &str, bytes: u64) -> Value {
        json!({"file": {"name": name, "bytes": bytes}})
    }

    #[test]
    fn tables_that_no_backup_holds_are_refused_with_their_name() {
        let check = |name: &str| {
            let said = refused(&[table("audit", &["a"]), table(name, &["a"])]);
            assert!(
                said.contains(&format!("{name:?} is in no backup")),
                "{said}"
            );
        };
        for name in [
            "api_token",
            "session",
            "duty",
            "half_sign_in",
            "password_entry",
            "throttle",
        ] {
            check(name);
        }
        for name in [
            "_sqlx_migrations",
            "sqlite_master",
            "pg_class",
            "run; DROP",
            "",
            "Session",
        ] {
            check(name);
        }
    }

    #[test]
    fn rows_have_what_their_table_has() {
        let check = |row: Value, expected: &str| {
            let said = refused(&[table("t", &["a", "file_key"]), row]);
            assert!(said.contains(expected), "{expected}: {said}");
        };
        check(json!([1]), "a row of t has 1 values for 2 columns");
        check(json!([1.5, "x"]), "a in a row of t");
        check(json!([[1], "x"]), "a in a row of t");
        check(json!([{"base64": "%"}, "x"]), "a in a row of t");
        check(json!([{"hex": "00"}, "x"]), "a in a row of t");
        for key in [
            "../x.docx",
            "/etc/passwd",
            "a/b",
            ".x",
            "..",
            "",
            "a\\b",
            "a\nb",
        ] {
            check(json!([1, key]), "file_key in a row of t is");
        }
        check(json!([1, null]), "file_key in a row of t is null");
        let said = refused(&[json!([1])]);
        assert!(said.contains("a row without a table"), "{said}");
        let mut sound = Sound::default();
        let lines = [
            table("t", &["a", "file_key"]),
            json!([null, "overview-1.docx"]),
            json!([{"base64": "AA=="}, "a_b.docx"]),
        ];
        for line in lines {
            sound.line(line.to_string().as_bytes()).unwrap();
        }
        sound.end(Sum { rows: 2, files: 0 }).unwrap();
        let said = sound
            .end(Sum { rows: 3, files: 0 })
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("says that it has 3 rows and 0 files, and has 2 and 0"),
            "{said}"
        );
    }

    #[test]
    fn files_are_as_long_as_they_say_and_stay_in_their_folder() {
        let check = |lines: &[Value], expected: &str| {
            let said = refused(lines);
            assert!(said.contains(expected), "{expected}: {said}");
        };
        check(&[json!("AA==")], "a piece without a file");
        check(&[file("a", 1), json!("%")], "a piece of a is no base64");
        check(
            &[file("a", 1), json!("AAA=")],
            "the file a is longer than it says",
        );
        check(
            &[file("a", 1), file("b", 1)],
            "the file a is shorter than it says",
        );
        check(
            &[file("a", 0), file("a", 0)],
            "the file a stands there twice",
        );
        check(&[file("a", 0), table("t", &["a"])], "behind the first file");
        check(
            &[table("t", &["a"]), table("t", &["a"])],
            "stands there twice",
        );
        check(&[table("t", &["a", "a"])], "has a column twice");
        check(&[json!({"x": 1})], "none of a backup's");
        check(
            &[json!({"end": {"rows": 0, "files": 0, "sha256": ""}})],
            "in the middle",
        );
        for name in [
            "",
            "/a",
            "../a",
            "a/../b",
            "a/./../b",
            ".a",
            "a/.b",
            "a\nb",
            "a/",
            "templates/../a",
            "templates/.a",
            "templates/a/b",
            "templates",
        ] {
            assert!(!is_document(name), "{name:?}");
        }
        assert!(
            !is_document(&"x".repeat(256)) && !is_document(&"a/".repeat(9).replace("a/a", "a/b/a"))
        );
        for name in ["a.docx", "more/empty.json", "templates/overview-1.docx"] {
            assert!(is_document(name), "{name:?}");
        }
    }
}
