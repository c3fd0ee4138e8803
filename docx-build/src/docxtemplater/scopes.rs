//! Where a name is looked for: docxtemplater goes from the innermost section outwards, Jinja wants it said.

use std::collections::HashSet;

use super::sample::Shape;

/// Words that no name may be called in a template.
const RESERVED: &[&str] = &[
    "and", "else", "false", "False", "if", "in", "is", "loop", "none", "None", "not", "or", "true",
    "True", "self",
];

/// A section that names are looked for in.
#[derive(Debug)]
pub(super) struct Scope<'s> {
    pub(super) kind: ScopeKind,
    /// What the sample says of the item or object; none without a sample.
    pub(super) shape: Option<&'s Shape>,
    /// Names that the section uses itself, not in sections inside it.
    pub(super) names: HashSet<String>,
}

/// What stands in front of a name that is found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ScopeKind {
    /// A loop's variable.
    List(String),
    /// An object.
    Object(String),
    /// An object, or something that was only asked whether it is true: names may lie in it or outside.
    Either(String),
}

impl ScopeKind {
    fn base(&self) -> &str {
        match self {
            Self::List(base) | Self::Object(base) | Self::Either(base) => base,
        }
    }
}

/// The sections around a tag, outermost first.
#[derive(Debug)]
pub(super) struct Scopes<'s> {
    /// What the sample says of the whole; none without a sample.
    pub(super) root: Option<&'s Shape>,
    /// Names used outside all sections, anywhere in the document.
    pub(super) root_names: HashSet<String>,
    pub(super) stack: Vec<Scope<'s>>,
}

/// A name as a template has it.
#[derive(Debug, Clone)]
pub(super) struct Found<'s> {
    pub(super) text: String,
    /// True for `a if b else c`.
    pub(super) choice: bool,
    /// Always there and never null, as far as a sample tells.
    pub(super) sure: bool,
    pub(super) shape: Option<&'s Shape>,
}

impl<'s> Scopes<'s> {
    /// The path of a name as seen from the innermost section.
    ///
    /// # Errors
    /// When no template can name it, in words.
    pub(super) fn resolve(&self, name: &str) -> Result<Found<'s>, String> {
        self.at(self.stack.len(), name)
    }

    /// The item itself.
    ///
    /// # Errors
    /// Outside of all sections.
    pub(super) fn this(&self) -> Result<Found<'s>, String> {
        let scope = self.stack.last();
        let scope = scope.ok_or("there is no item outside a loop")?;
        Ok(Found {
            text: scope.kind.base().to_owned(),
            choice: false,
            sure: true,
            shape: scope.shape,
        })
    }

    fn at(&self, level: usize, name: &str) -> Result<Found<'s>, String> {
        let Some(scope) = level.checked_sub(1).and_then(|inner| self.stack.get(inner)) else {
            return self.outermost(name);
        };
        let text = member(scope.kind.base(), name);
        let here = |sure, shape| Found {
            text: text.clone(),
            choice: false,
            sure,
            shape,
        };
        let outside = self.known(level - 1, name);
        let field = scope.shape.and_then(|shape| shape.field(name));
        match (self.root, field) {
            (Some(_), Some((shape, true))) => Ok(here(true, Some(shape))),
            (Some(_), Some((shape, false))) if !outside => Ok(here(false, Some(shape))),
            (Some(_), None) if outside || scope.kind_is_open() => self.at(level - 1, name),
            (Some(_), None) => Ok(here(false, None)),
            (None, _) if !outside && !scope.kind_is_open() => Ok(here(false, None)),
            _ => {
                let outer = self.at(level - 1, name)?;
                let text = format!("{text} if {text} is defined else {}", outer.text);
                Ok(Found {
                    text,
                    choice: true,
                    sure: outer.sure,
                    shape: field.map(|(shape, _)| shape).or(outer.shape),
                })
            }
        }
    }

    fn outermost(&self, name: &str) -> Result<Found<'s>, String> {
        if !is_plain(name) {
            return Err(format!(
                "\"{name}\" cannot be a name in a template: give the value a name of letters, digits and _"
            ));
        }
        let field = self.root.and_then(|root| root.field(name));
        Ok(Found {
            text: name.to_owned(),
            choice: false,
            sure: field.is_some_and(|(_, always)| always),
            shape: field.map(|(shape, _)| shape),
        })
    }

    /// Whether a name is one of the outer sections' or of the whole.
    fn known(&self, level: usize, name: &str) -> bool {
        let has = |shape: Option<&Shape>, names: &HashSet<String>| match self.root {
            Some(_) => shape.is_some_and(|shape| shape.field(name).is_some()),
            None => names.contains(name),
        };
        self.stack[..level]
            .iter()
            .any(|scope| has(scope.shape, &scope.names))
            || has(self.root, &self.root_names)
    }
}

impl Scope<'_> {
    /// Whether names that it does not have are looked for outside without saying so.
    fn kind_is_open(&self) -> bool {
        matches!(self.kind, ScopeKind::Either(_) | ScopeKind::Object(_))
    }
}

/// A field of a value.
pub(super) fn member(base: &str, name: &str) -> String {
    if is_plain(name) {
        format!("{base}.{name}")
    } else {
        format!("{base}[{}]", literal(name))
    }
}

/// Text between quotes.
pub(super) fn literal(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\t', "\\t");
    format!("\"{escaped}\"")
}

/// Whether a template can use a name without quotes.
pub(super) fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name)
}

/// A name for one item of a list: `devices` has a `device`. It is none of `taken`.
pub(super) fn singular(list: &str, taken: &HashSet<String>) -> String {
    let one = if let Some(stem) = list.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        format!("{stem}y")
    } else if let Some(stem) = ["sses", "xes", "ches", "shes"]
        .iter()
        .find_map(|end| list.ends_with(end).then(|| &list[..list.len() - 2]))
    {
        stem.to_owned()
    } else if let Some(stem) = list
        .strip_suffix('s')
        .filter(|stem| stem.len() > 1 && !stem.ends_with(['s', 'u', 'i']))
    {
        stem.to_owned()
    } else {
        format!("{list}_item")
    };
    let one = if is_plain(&one) {
        one
    } else {
        "item".to_owned()
    };
    let mut candidate = one.clone();
    let mut number = 2;
    while taken.contains(&candidate) {
        candidate = format!("{one}_{number}");
        number += 1;
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_called_after_their_list() {
        let taken = HashSet::from(["row".to_owned()]);
        let check = |list, expected| assert_eq!(singular(list, &taken), expected, "{list}");
        check("devices", "device");
        check("entries", "entry");
        check("classes", "class");
        check("boxes", "box");
        check("status", "status_item");
        check("data", "data_item");
        check("rows", "row_2");
        check("größen", "item");
    }

    #[test]
    fn names_are_found_from_the_inside_out() {
        let list = |variable: &str, names: &[&str]| Scope {
            kind: ScopeKind::List(variable.into()),
            shape: None,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut scopes = Scopes {
            root: None,
            root_names: HashSet::from(["title".to_owned()]),
            stack: vec![list("customer", &["city"]), list("device", &[])],
        };
        let check = |scopes: &Scopes<'_>, name, expected: &str| {
            let found = scopes.resolve(name).map(|found| found.text);
            assert_eq!(found.unwrap_or_else(|error| error), expected);
        };
        check(&scopes, "host", "device.host");
        check(&scopes, "host name", "device[\"host name\"]");
        check(
            &scopes,
            "city",
            "device.city if device.city is defined else customer.city",
        );
        check(
            &scopes,
            "title",
            "device.title if device.title is defined else customer.title if customer.title is defined else title",
        );
        assert_eq!(scopes.this().unwrap().text, "device");
        scopes.stack.clear();
        check(&scopes, "host", "host");
        let refused =
            "\"in\" cannot be a name in a template: give the value a name of letters, digits and _";
        check(&scopes, "in", refused);
        assert!(scopes.this().is_err());
    }
}
