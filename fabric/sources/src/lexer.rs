//! Finds `:name` parameters in a query and puts the driver's placeholders there. A value never becomes part of the text.

/// The SQL that a query is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL: `$1`, dollar quotes, nested comments, `E'…'`.
    Postgres,
    /// MySQL and MariaDB: `?`, backslashes in texts, `#` comments.
    MySql,
    /// SQLite: `?1`.
    Sqlite,
}

/// A query with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The text for the driver.
    pub sql: String,
    /// Which parameter each placeholder stands for, in their order.
    pub names: Vec<String>,
}

/// Why a query is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryFault {
    /// It asks nothing: this word.
    #[error("starts with \"{0}\"; allowed: one SELECT, WITH or VALUES statement")]
    NotAQuestion(String),
    /// There is a `;` in it.
    #[error("holds a \";\"; allowed: one statement")]
    SeveralStatements,
    /// A driver's own placeholder.
    #[error("holds the placeholder \"{0}\"; allowed: named parameters such as :from")]
    Placeholder(String),
    /// What it opens.
    #[error("opens a text, name or comment that does not end: {0}")]
    Open(&'static str),
}

/// Reads a query.
///
/// # Errors
/// When it is not one question, or holds placeholders of its own.
pub fn read(text: &str, dialect: Dialect) -> Result<Query, QueryFault> {
    let text = text.trim().trim_end_matches(';').trim_end();
    let mut lexer = Lexer {
        rest: text,
        dialect,
        query: Query {
            sql: String::with_capacity(text.len()),
            names: Vec::new(),
        },
        first_word: None,
    };
    while !lexer.rest.is_empty() {
        lexer.step()?;
    }
    let first = lexer.first_word.unwrap_or_default();
    if !["select", "with", "values"].contains(&first.to_ascii_lowercase().as_str()) {
        return Err(QueryFault::NotAQuestion(first));
    }
    Ok(lexer.query)
}

struct Lexer<'t> {
    rest: &'t str,
    dialect: Dialect,
    query: Query,
    first_word: Option<String>,
}

impl<'t> Lexer<'t> {
    fn step(&mut self) -> Result<(), QueryFault> {
        let mut following = self.rest.chars();
        let (Some(first), second) = (following.next(), following.next()) else {
            return Ok(());
        };
        match (first, second) {
            ('\'', _) => {
                let backslashes = self.dialect == Dialect::MySql;
                self.quoted('\'', backslashes, "'")
            }
            ('"', _) => self.quoted('"', self.dialect == Dialect::MySql, "\""),
            ('`', _) if self.dialect != Dialect::Postgres => self.quoted('`', false, "`"),
            ('[', _) if self.dialect == Dialect::Sqlite => self.until("]", "["),
            ('-', Some('-')) => self.line(),
            ('#', _) if self.dialect == Dialect::MySql => self.line(),
            ('/', Some('*')) => self.comment(),
            ('$', _) => self.dollar(),
            (':', Some(':' | '=')) => {
                self.copy(2);
                Ok(())
            }
            (':', Some(letter)) if starts_word(letter) => {
                self.parameter();
                Ok(())
            }
            ('?', _) if self.dialect != Dialect::Postgres => {
                Err(QueryFault::Placeholder("?".into()))
            }
            ('@', Some(letter)) if self.dialect != Dialect::Postgres && starts_word(letter) => {
                Err(QueryFault::Placeholder(format!("@{letter}")))
            }
            (';', _) => Err(QueryFault::SeveralStatements),
            (letter, _) if starts_word(letter) => self.word(),
            (digit, _) if digit.is_ascii_digit() => {
                // So that the digits' letters, as in 1e5, are no word.
                let length = word_length(self.rest);
                self.copy(length);
                Ok(())
            }
            (other, _) => {
                self.copy(other.len_utf8());
                Ok(())
            }
        }
    }

    /// A bare word; in PostgreSQL `e` before a quote opens a text with backslashes.
    fn word(&mut self) -> Result<(), QueryFault> {
        let length = word_length(self.rest);
        let (word, after) = self.rest.split_at(length);
        self.first_word.get_or_insert_with(|| word.to_owned());
        self.copy(length);
        if self.dialect == Dialect::Postgres
            && word.eq_ignore_ascii_case("e")
            && after.starts_with('\'')
        {
            return self.quoted('\'', true, "'");
        }
        Ok(())
    }

    fn parameter(&mut self) {
        let length = word_length(&self.rest[1..]);
        let name = self.rest[1..=length].to_owned();
        self.rest = &self.rest[1 + length..];
        let known = self.query.names.iter().position(|known| *known == name);
        let number = match (self.dialect, known) {
            // `?` has no number: each stands for the next value.
            (Dialect::MySql, _) | (_, None) => {
                self.query.names.push(name);
                self.query.names.len()
            }
            (_, Some(place)) => place + 1,
        };
        let placeholder = match self.dialect {
            Dialect::Postgres => format!("${number}"),
            Dialect::MySql => "?".to_owned(),
            Dialect::Sqlite => format!("?{number}"),
        };
        self.query.sql.push_str(&placeholder);
    }

    fn quoted(
        &mut self,
        quote: char,
        backslashes: bool,
        what: &'static str,
    ) -> Result<(), QueryFault> {
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, letter)) = chars.next() {
            if backslashes && letter == '\\' {
                chars.next();
            } else if letter == quote {
                if chars.peek().is_some_and(|(_, next)| *next == quote) {
                    chars.next();
                } else {
                    self.copy(at + quote.len_utf8());
                    return Ok(());
                }
            }
        }
        Err(QueryFault::Open(what))
    }

    fn until(&mut self, end: &str, what: &'static str) -> Result<(), QueryFault> {
        let found = self.rest.find(end).ok_or(QueryFault::Open(what))?;
        self.copy(found + end.len());
        Ok(())
    }

    fn line(&mut self) -> Result<(), QueryFault> {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.copy(end);
        Ok(())
    }

    /// PostgreSQL's comments nest.
    fn comment(&mut self) -> Result<(), QueryFault> {
        let (mut depth, mut at) = (0_usize, 0_usize);
        let bytes = self.rest.as_bytes();
        while let Some(pair) = bytes.get(at..at + 2) {
            match pair {
                b"/*" if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    at += 2;
                }
                b"*/" => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        self.copy(at);
                        return Ok(());
                    }
                }
                _ => at += 1,
            }
        }
        Err(QueryFault::Open("/*"))
    }

    /// `$tag$ … $tag$` in PostgreSQL; elsewhere, and as `$1`, a placeholder.
    fn dollar(&mut self) -> Result<(), QueryFault> {
        let tag = self.rest[1..].find('$').map(|end| &self.rest[..end + 2]);
        let name = |tag: &str| {
            let inner = &tag[1..tag.len() - 1];
            inner.is_empty()
                || (inner.starts_with(starts_word) && word_length(inner) == inner.len())
        };
        match tag.filter(|tag| self.dialect == Dialect::Postgres && name(tag)) {
            Some(tag) => {
                let body = &self.rest[tag.len()..];
                let end = body.find(tag).ok_or(QueryFault::Open("$"))?;
                self.copy(tag.len() + end + tag.len());
                Ok(())
            }
            None => Err(QueryFault::Placeholder("$".into())),
        }
    }

    fn copy(&mut self, bytes: usize) {
        let (done, rest) = self.rest.split_at(bytes);
        self.query.sql.push_str(done);
        self.rest = rest;
    }
}

fn starts_word(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

fn word_length(text: &str) -> usize {
    let end = |letter: char| !(letter.is_alphanumeric() || letter == '_');
    text.find(end).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dialect: Dialect, text: &str, sql: &str, names: &[&str]) {
        let query = read(text, dialect).unwrap();
        assert_eq!(query.sql, sql);
        assert_eq!(query.names, names);
    }

    #[track_caller]
    fn refused(dialect: Dialect, text: &str, part: &str) {
        let fault = read(text, dialect).unwrap_err().to_string();
        assert!(fault.contains(part), "{fault}");
    }

    #[test]
    fn parameters_become_placeholders() {
        let text = "SELECT a FROM t WHERE b = :from AND c = :to OR d = :from;";
        check(
            Dialect::Postgres,
            text,
            "SELECT a FROM t WHERE b = $1 AND c = $2 OR d = $1",
            &["from", "to"],
        );
        check(
            Dialect::Sqlite,
            text,
            "SELECT a FROM t WHERE b = ?1 AND c = ?2 OR d = ?1",
            &["from", "to"],
        );
        check(
            Dialect::MySql,
            text,
            "SELECT a FROM t WHERE b = ? AND c = ? OR d = ?",
            &["from", "to", "from"],
        );
    }

    #[test]
    fn texts_names_and_comments_are_left_alone() {
        let same = |dialect, text: &str| check(dialect, text, text, &[]);
        for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            same(
                dialect,
                "SELECT ':a', 'it''s :b', \"c:d\" -- :e\n, 1 /* :f */",
            );
            same(dialect, "select 'ü:ä', 1e5");
        }
        same(
            Dialect::Postgres,
            "SELECT $$ :a ; $$, $x$ $$ :b $x$, E'\\':c', a::date, j ? 'k'",
        );
        same(Dialect::Postgres, "SELECT 1 /* a /* :b */ :c */");
        same(Dialect::MySql, "SELECT 'a\\':b', `c:d` # :e ?");
        same(Dialect::Sqlite, "SELECT [a:b], `c:d`");
        // A backslash is a letter where the standard holds.
        check(
            Dialect::Sqlite,
            "SELECT '\\' , :a",
            "SELECT '\\' , ?1",
            &["a"],
        );
        check(
            Dialect::Postgres,
            "SELECT '\\', :a::date",
            "SELECT '\\', $1::date",
            &["a"],
        );
    }

    #[test]
    fn only_one_question_is_taken() {
        for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            for text in [
                "DELETE FROM t",
                "INSERT INTO t VALUES (1)",
                "/* SELECT */ drop table t",
                "ATTACH 'x' AS y",
                "PRAGMA query_only = 0",
                "SET a = 1",
                "EXPLAIN SELECT 1",
                "(SELECT 1)x",
            ] {
                let first = read(text, dialect);
                assert!(first.is_err() || text.starts_with('('), "{text}");
            }
            refused(dialect, "", "one SELECT");
            refused(dialect, "SELECT 1; SELECT 2", "\";\"");
            refused(dialect, "SELECT 1; DROP TABLE t;", "\";\"");
            refused(dialect, "SELECT $1", "named parameters");
            refused(dialect, "SELECT 'a", "does not end");
            refused(dialect, "SELECT 1 /* a", "does not end");
            assert!(read("WITH x AS (SELECT 1) SELECT * FROM x", dialect).is_ok());
            assert!(read("SELECT ';'", dialect).is_ok());
        }
        refused(Dialect::MySql, "SELECT ?", "named parameters");
        refused(Dialect::Sqlite, "SELECT ?1", "named parameters");
        refused(Dialect::Sqlite, "SELECT @a", "named parameters");
        refused(Dialect::Postgres, "SELECT $a$ x", "does not end");
    }
}
