//! The schema of known keys, read from the documented defaults.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The keys of one table.
pub(super) type Keys = BTreeMap<String, Entry>;

/// One known key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Without it there is no configuration.
    pub(super) required: bool,
    /// The default or the example.
    pub(super) example: Value,
}

/// The type of a key, as its default or example shows it.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Plain,
    /// A list of tables with these keys, or of anything when there is no example item.
    List(Option<Keys>),
    /// A table with these keys; with any key when there are none.
    Table(Keys),
}

pub(super) struct Schema {
    pub(super) keys: Keys,
    pub(super) defaults: Table,
}

/// Reads the defaults. They are compiled in and tested, so a fault in them is a programming error.
pub(super) fn parse(defaults: &'static str) -> Schema {
    let table: Table = toml::from_str(defaults).expect("the compiled-in defaults are valid TOML");
    let mut keys = keys_of(&table);
    let mut path: Vec<String> = Vec::new();
    for line in defaults.lines().map(str::trim) {
        let comment = line
            .strip_prefix('#')
            .map(|rest| rest.strip_prefix(' ').unwrap_or(rest));
        let text = comment.unwrap_or(line);
        if let Some((header, is_list)) = header(text) {
            path = header;
            if comment.is_some() {
                open(&mut keys, &path, is_list);
            }
        } else if let Some((key, value)) = comment.and_then(assignment) {
            let required = text.trim_end().ends_with("# required");
            let entry = Entry {
                kind: kind_of(&value),
                required,
                example: value,
            };
            if let Some(keys) = open(&mut keys, &path, false) {
                keys.entry(key).or_insert(entry);
            }
        }
    }
    Schema {
        keys,
        defaults: table,
    }
}

/// A key is secret when it can also be given as `<key>_file`.
pub(super) fn is_secret(keys: &Keys, key: &str) -> bool {
    keys.contains_key(&format!("{key}_file"))
}

/// Words for the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date or time",
        Value::Array(items) if items.iter().any(Value::is_table) => "a list of tables",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn keys_of(table: &Table) -> Keys {
    let entry = |value: &Value| Entry {
        kind: kind_of(value),
        required: false,
        example: value.clone(),
    };
    table
        .iter()
        .map(|(key, value)| (key.clone(), entry(value)))
        .collect()
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::Table(table) => Kind::Table(keys_of(table)),
        Value::Array(items) => {
            let tables: Vec<&Table> = items.iter().filter_map(Value::as_table).collect();
            let keys = tables
                .iter()
                .rev()
                .flat_map(|table| keys_of(table))
                .collect();
            Kind::List((!tables.is_empty()).then_some(keys))
        }
        _ => Kind::Plain,
    }
}

/// `[a.b]` or `[[a.b]]`.
fn header(text: &str) -> Option<(Vec<String>, bool)> {
    let text = text.split('#').next()?.trim();
    let is_list = text.starts_with("[[");
    let inner = if is_list {
        text.strip_prefix("[[")?.strip_suffix("]]")?
    } else {
        text.strip_prefix('[')?.strip_suffix(']')?
    };
    let path: Vec<String> = inner.split('.').map(str::to_owned).collect();
    path.iter()
        .all(|part| is_key(part))
        .then_some((path, is_list))
}

/// `key = value`, where the value is valid TOML; prose hardly ever is.
fn assignment(text: &str) -> Option<(String, Value)> {
    let (key, _) = text.split_once('=')?;
    if !is_key(key.trim()) {
        return None;
    }
    let table: Table = toml::from_str(text).ok()?;
    table.into_iter().next()
}

fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}

/// The keys at `path`, made where they are missing; the last part as a list when `is_list`.
fn open<'a>(keys: &'a mut Keys, path: &[String], is_list: bool) -> Option<&'a mut Keys> {
    let Some((first, rest)) = path.split_first() else {
        return Some(keys);
    };
    let new = if is_list && rest.is_empty() {
        Entry {
            kind: Kind::List(Some(Keys::new())),
            required: false,
            example: Value::Array(vec![Table::new().into()]),
        }
    } else {
        Entry {
            kind: Kind::Table(Keys::new()),
            required: false,
            example: Value::Table(Table::new()),
        }
    };
    match &mut keys.entry(first.clone()).or_insert(new).kind {
        Kind::Table(inner) => open(inner, rest, is_list),
        Kind::List(items) => open(items.get_or_insert_default(), rest, is_list),
        Kind::Plain => None,
    }
}
