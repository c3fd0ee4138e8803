//! A template with what belongs to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use docx_jinja::Shape;
use ring::digest::{Context, SHA256, digest};
use spokegate_contract::hex;

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

    /// What its documents are made of, as SHA-256 in hexadecimal: of the Word file alone where there are no pictures; else
    /// of the file's SHA-256 and, for each picture in the order of their names, the name's length in bytes (8 bytes, the
    /// highest first), the name, and the picture's SHA-256.
    #[must_use]
    pub fn sha256(&self) -> String {
        let file = digest(&SHA256, &self.file);
        if self.pictures.is_empty() {
            return hex::encode(file.as_ref());
        }
        let mut whole = Context::new(&SHA256);
        whole.update(file.as_ref());
        for (name, picture) in &self.pictures {
            whole.update(&(name.len() as u64).to_be_bytes());
            whole.update(name.as_bytes());
            whole.update(digest(&SHA256, picture).as_ref());
        }
        hex::encode(whole.finish().as_ref())
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

#[cfg(test)]
mod tests {
    use super::Template;

    #[test]
    fn a_digest_is_of_the_file_and_its_pictures() {
        let plain = || Template::from(b"abc".to_vec());
        let with = |pictures: &[(&str, &[u8])]| {
            let template = pictures.iter().fold(plain(), |template, (name, picture)| {
                template.with_picture(*name, *picture)
            });
            template.sha256()
        };
        // SHA-256 of "abc", from the standard.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(with(&[]), abc);
        let one = with(&[("a", b"1"), ("b", b"2")]);
        assert_eq!(one, with(&[("b", b"2"), ("a", b"1")]), "in any order");
        let others: [&[(&str, &[u8])]; 5] = [
            &[],
            &[("a", b"1")],
            &[("a", b"1"), ("b", b"3")],
            &[("a", b"1"), ("c", b"2")],
            &[("a", b"2"), ("b", b"1")],
        ];
        for other in others {
            assert_ne!(one, with(other), "{other:?}");
        }
    }
}
