//! The template's styles by their names, which stay the same in every language of Word (ECMA-376 part 1, §17.7.4.9).

use crate::xml::{self, Kind};

/// Styles in the order of the template.
#[derive(Debug, Default)]
pub(crate) struct Styles(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    id: String,
    /// `paragraph`, `character`, `table` or `numbering`.
    kind: String,
    /// In lower case.
    name: String,
}

impl Styles {
    pub(super) fn read(text: &str) -> Self {
        let tokens = xml::tokenize(text).unwrap_or_default();
        let mut styles = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            if token.name != "w:style" || token.kind != Kind::Open {
                continue;
            }
            let inner = &tokens[at..token.partner];
            let name = inner.iter().find(|token| token.name == "w:name");
            let value = |raw, name| xml::attribute(raw, name).map(std::borrow::Cow::into_owned);
            if let (Some(id), Some(name)) = (
                value(token.raw, "w:styleId"),
                name.and_then(|name| value(name.raw, "w:val")),
            ) {
                styles.push(Entry {
                    id,
                    kind: value(token.raw, "w:type").unwrap_or_default(),
                    name: name.to_lowercase(),
                });
            }
        }
        Self(styles)
    }

    /// The id of the first style that is there, by names in lower case.
    pub(crate) fn find(&self, kind: &str, names: &[&str]) -> Option<&str> {
        let mut names = names.iter();
        names.find_map(|name| {
            let mut styles = self.0.iter();
            let found = styles.find(|style| style.kind == kind && style.name == *name);
            found.map(|style| style.id.as_str())
        })
    }

    /// The id of the style that an author calls `name`: by name in any case, else by id.
    pub(crate) fn named(&self, kind: &str, name: &str) -> Option<&str> {
        let lower = name.to_lowercase();
        let by_name = self.find(kind, &[&lower]);
        by_name.or_else(|| {
            let found = self
                .0
                .iter()
                .find(|style| style.kind == kind && style.id == name);
            found.map(|style| style.id.as_str())
        })
    }

    /// Names of one kind, for messages.
    pub(crate) fn names(&self, kind: &str) -> impl Iterator<Item = &str> {
        let styles = self.0.iter().filter(move |style| style.kind == kind);
        styles.map(|style| style.name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Styles;

    #[test]
    fn styles_are_found_by_name_and_kind() {
        let styles = Styles::read(
            "<w:styles><w:style w:type=\"paragraph\" w:styleId=\"berschrift1\"><w:name w:val=\"heading 1\"/></w:style>\
             <w:style w:type=\"character\" w:styleId=\"Link\"><w:name w:val=\"Hyperlink\"/></w:style><w:style/></w:styles>",
        );
        assert_eq!(
            styles.find("paragraph", &["title", "heading 1"]),
            Some("berschrift1")
        );
        assert_eq!(styles.find("character", &["hyperlink"]), Some("Link"));
        assert_eq!(styles.find("paragraph", &["hyperlink"]), None);
        assert_eq!(styles.named("paragraph", "Heading 1"), Some("berschrift1"));
        assert_eq!(
            styles.named("paragraph", "berschrift1"),
            Some("berschrift1")
        );
        assert_eq!(styles.named("paragraph", "Link"), None);
        assert_eq!(styles.names("character").collect::<Vec<_>>(), ["hyperlink"]);
    }
}
