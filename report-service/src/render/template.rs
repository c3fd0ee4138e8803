//! A template with what belongs to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use docx_jinja::Shape;

/// A Word template and the pictures that it may show. Its bytes, and those of the pictures, are read in the process that
/// fills it and nowhere else.
#[derive(Debug, Clone)]
pub struct Template {
    /// The Word file.
    pub file: Arc<[u8]>,
    /// PNG, JPEG and GIF files by the names that the template has for them.
    pub pictures: BTreeMap<String, Arc<[u8]>>,
    /// Whether Word brings a table of contents up to date when it opens the document; without one nothing changes.
    pub refresh_fields: bool,
    /// What its values have, where that is known: what may be left out, and is, counts as empty.
    pub supplied: Option<Arc<Shape>>,
}

impl Template {
    /// The same with a picture more; one of that name makes room for it.
    #[must_use]
    pub fn with_picture(mut self, name: impl Into<String>, file: impl Into<Arc<[u8]>>) -> Self {
        self.pictures.insert(name.into(), file.into());
        self
    }

    /// The same for values of this shape.
    #[must_use]
    pub fn with_shape(mut self, supplied: Shape) -> Self {
        self.supplied = Some(Arc::new(supplied));
        self
    }
}

impl From<Arc<[u8]>> for Template {
    fn from(file: Arc<[u8]>) -> Self {
        Self {
            file,
            pictures: BTreeMap::new(),
            refresh_fields: true,
            supplied: None,
        }
    }
}

impl From<Vec<u8>> for Template {
    fn from(file: Vec<u8>) -> Self {
        Self::from(Arc::from(file))
    }
}
