//! Pictures that the program gives a render beside its values.

use std::collections::BTreeMap;

use super::Picture;

/// Pictures by name. A picture in the template whose alternative text is `picture:` and such a name, or whose
/// alternative text, title or name is one, is replaced and keeps its frame; `{{ "name"|image }}` puts one into the text.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    pictures: BTreeMap<String, Picture>,
}

impl Assets {
    /// No pictures.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a picture.
    #[must_use]
    pub fn picture(mut self, name: impl Into<String>, picture: Picture) -> Self {
        self.pictures.insert(name.into(), picture);
        self
    }

    /// True when there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pictures.is_empty()
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Picture> {
        self.pictures.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pictures.keys().map(String::as_str)
    }
}
