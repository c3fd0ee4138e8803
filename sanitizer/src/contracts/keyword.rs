//! The keyword `x-text`.

use super::representation::Body;
use crate::body::{Item, Node, TextClass};
use jsonschema::{Keyword, ValidationError};

/// Its name in schemas.
pub(super) const X_TEXT: &str = "x-text";

/// Requires a class of every string.
pub(super) struct TextKeyword(pub(super) TextClass);

impl<'i> Keyword<'i, Body> for TextKeyword {
    fn validate(&self, instance: Node<'i>) -> Result<(), ValidationError<'i>> {
        if Keyword::<Body>::is_valid(self, instance) {
            Ok(())
        } else {
            Err(ValidationError::custom("text of another class"))
        }
    }

    fn is_valid(&self, instance: Node<'i>) -> bool {
        match instance.item() {
            Item::Text { text, traits } => self.0.allows(text, traits.breaks),
            _ => true,
        }
    }
}
