//! Putting the layers together, each checked against the schema as it comes.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::faults::{Faults, join};
use super::lines::{line_of, lines_of};
use super::nearest::nearest;
use super::schema::{Entry, Keys, Kind, Schema, is_secret, type_name};

pub(super) struct Merged<'a> {
    schema: &'a Schema,
    table: Table,
    file_lost: bool,
}

/// Where a layer says its keys stand.
type Place<'a> = dyn Fn(&str) -> String + 'a;

impl<'a> Merged<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        Self {
            schema,
            table: schema.defaults.clone(),
            file_lost: false,
        }
    }

    /// True when the file could not be read or is no TOML.
    pub(super) fn is_file_lost(&self) -> bool {
        self.file_lost
    }

    pub(super) fn read_file(&mut self, path: &Path, faults: &mut Faults) {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.add_text(&name, &text, faults),
            Err(error) => {
                self.file_lost = true;
                faults
                    .add_at(name, "", format!("cannot read the file: {error}"))
                    .hint("name an existing TOML file with --config; `example-config` prints one to start from");
            }
        }
    }

    pub(super) fn add_text(&mut self, name: &str, text: &str, faults: &mut Faults) {
        let table: Table = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => {
                self.file_lost = true;
                let line = error.span().map_or(1, |span| line_of(text, span.start));
                let what = format!("is no TOML: {}", error.message().trim());
                faults.add_at(format!("{name}:{line}"), "", what);
                return;
            }
        };
        let lines = lines_of(text);
        let place = |key: &str| match lines.get(key) {
            Some(line) => format!("{name}:{line}"),
            None => name.to_owned(),
        };
        faults.remember("", name.to_owned());
        let table = accept(&self.schema.keys, table, "", &place, faults);
        merge(&mut self.table, table);
    }

    pub(super) fn add_environment(
        &mut self,
        prefix: &str,
        variables: &BTreeMap<String, String>,
        faults: &mut Faults,
    ) {
        let (own, near) = (format!("{prefix}__"), format!("{prefix}_"));
        for (name, value) in variables.iter().filter(|(name, _)| name.starts_with(&near)) {
            let Some(rest) = name.strip_prefix(&own) else {
                faults
                    .add_at(format!("${name}"), "", "unknown variable")
                    .allowed(format!("{own}SECTION__KEY"))
                    .hint("put two underscores after the service and between section and key, or unset it");
                continue;
            };
            let path: Vec<String> = rest.split("__").map(str::to_lowercase).collect();
            self.add_one(&path, value, &format!("${name}"), faults);
        }
    }

    pub(super) fn add_flags(&mut self, flags: &[String], faults: &mut Faults) {
        for flag in flags {
            let Some((key, value)) = flag.split_once('=') else {
                faults
                    .add_at("--set", flag, "has no value")
                    .allowed("--set section.key=value");
                continue;
            };
            let path: Vec<String> = key.split('.').map(str::to_owned).collect();
            if secret_at(&self.schema.keys, &path) {
                faults
                    .add_at(
                        "--set",
                        key,
                        "is a secret, which other users of this machine would see",
                    )
                    .hint(format!("use --set {key}_file=PATH"));
                continue;
            }
            self.add_one(&path, value, "--set", faults);
        }
    }

    /// Adds what is required and missing as a fault, with its example in place, so that the rest
    /// can be checked in the same run.
    pub(super) fn complete(mut self, faults: &mut Faults) -> Table {
        complete(&self.schema.keys, &mut self.table, "", faults);
        self.table
    }

    /// One value of the environment or the command line, typed as the schema says.
    fn add_one(&mut self, path: &[String], text: &str, origin: &str, faults: &mut Faults) {
        let as_string = Value::String(text.to_owned());
        let value = match entry_at(&self.schema.keys, path) {
            Some(entry) if !entry.example.is_str() => parse_value(text).unwrap_or(as_string),
            _ => as_string,
        };
        let table = path.iter().rev().fold(value, |inner, key| {
            Value::Table(Table::from_iter([(key.clone(), inner)]))
        });
        let Value::Table(table) = table else { return };
        let place = |_: &str| origin.to_owned();
        let table = accept(&self.schema.keys, table, "", &place, faults);
        merge(&mut self.table, table);
    }
}

/// Keeps what the schema knows and allows; the rest becomes faults.
fn accept(keys: &Keys, table: Table, at: &str, place: &Place<'_>, faults: &mut Faults) -> Table {
    let mut accepted = Table::new();
    for (key, value) in table {
        let path = join(at, &key);
        let Some(entry) = keys.get(&key) else {
            if keys.is_empty() && !at.is_empty() {
                faults.remember(&path, place(&path));
                accepted.insert(key, value);
            } else {
                unknown(keys, &key, at, &path, place, faults);
            }
            continue;
        };
        faults.remember(&path, place(&path));
        match accept_value(entry, value, &path, place, faults) {
            Ok(value) => {
                accepted.insert(key, value);
            }
            Err(found) => {
                faults
                    .add_at(
                        place(&path),
                        &path,
                        format!("expected {}, found {found}", type_name(&entry.example)),
                    )
                    .hint(example(keys, &key, entry));
            }
        }
    }
    accepted
}

fn accept_value(
    entry: &Entry,
    value: Value,
    path: &str,
    place: &Place<'_>,
    faults: &mut Faults,
) -> Result<Value, &'static str> {
    match (&entry.kind, value) {
        (Kind::Table(keys), Value::Table(table)) => {
            Ok(Value::Table(accept(keys, table, path, place, faults)))
        }
        (Kind::List(None), Value::Array(items)) => Ok(Value::Array(items)),
        (Kind::List(Some(keys)), Value::Array(items)) => {
            let mut accepted = Vec::new();
            for (number, item) in items.into_iter().enumerate() {
                let Value::Table(table) = item else {
                    return Err("a list of something else");
                };
                let path = format!("{path}[{number}]");
                faults.remember(&path, place(&path));
                accepted.push(Value::Table(accept(keys, table, &path, place, faults)));
            }
            Ok(Value::Array(accepted))
        }
        (Kind::Plain, Value::Integer(number)) if entry.example.is_float() => {
            Ok(Value::Float(number as f64))
        }
        (Kind::Plain, value) if value.same_type(&entry.example) => Ok(value),
        (_, value) => Err(type_name(&value)),
    }
}

fn unknown(keys: &Keys, key: &str, at: &str, path: &str, place: &Place<'_>, faults: &mut Faults) {
    let names: Vec<&str> = keys.keys().map(String::as_str).collect();
    let nearest = nearest(key, names.iter().copied());
    let fault = faults.add_at(place(path), path, "unknown key");
    fault.allowed(names.join(", "));
    match nearest {
        Some(known) => fault.hint(format!("did you mean `{}`?", join(at, known))),
        None => fault.hint("remove it, or see `example-config`"),
    };
}

fn complete(keys: &Keys, table: &mut Table, at: &str, faults: &mut Faults) {
    for (key, entry) in keys {
        let path = join(at, key);
        match (&entry.kind, table.get_mut(key)) {
            (_, None) if entry.required => {
                if !faults.is_at_fault(&path) {
                    let origin = faults.origin_of_missing(&path);
                    faults
                        .add_at(origin, &path, "is required and not set")
                        .hint(example(keys, key, entry));
                }
                table.insert(key.clone(), entry.example.clone());
            }
            (Kind::Table(inner), None) if inner.values().any(|entry| entry.required) => {
                let mut new = Table::new();
                complete(inner, &mut new, &path, faults);
                table.insert(key.clone(), Value::Table(new));
            }
            (Kind::Table(inner), Some(Value::Table(table))) => {
                complete(inner, table, &path, faults)
            }
            (Kind::List(Some(inner)), Some(Value::Array(items))) => {
                for (number, item) in items.iter_mut().enumerate() {
                    if let Value::Table(table) = item {
                        complete(inner, table, &format!("{path}[{number}]"), faults);
                    }
                }
            }
            _ => {}
        }
    }
}

fn example(keys: &Keys, key: &str, entry: &Entry) -> String {
    if is_secret(keys, key) {
        format!("set {key}_file")
    } else {
        format!("for example {key} = {}", entry.example)
    }
}

fn merge(base: &mut Table, layer: Table) {
    for (key, value) in layer {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(layer)) => merge(base, layer),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn entry_at<'k>(keys: &'k Keys, path: &[String]) -> Option<&'k Entry> {
    let (first, rest) = path.split_first()?;
    let entry = keys.get(first)?;
    match (&entry.kind, rest.is_empty()) {
        (_, true) => Some(entry),
        (Kind::Table(inner), false) => entry_at(inner, rest),
        _ => None,
    }
}

fn secret_at(keys: &Keys, path: &[String]) -> bool {
    match path {
        [] => false,
        [key] => is_secret(keys, key),
        [first, rest @ ..] => match keys.get(first).map(|entry| &entry.kind) {
            Some(Kind::Table(inner)) => secret_at(inner, rest),
            _ => false,
        },
    }
}

fn parse_value(text: &str) -> Option<Value> {
    toml::from_str::<Table>(&format!("value = {text}"))
        .ok()?
        .remove("value")
}
