//! A report's form: made from its `params.schema.json`, read back into checked parameters.
//!
//! The schema is a small, closed part of JSON Schema 2020-12 (one object of scalar properties), so that every schema
//! that loads has a form and every fault of a definition is found at start.

mod control;
mod field;
mod options;
mod period;
mod read;
mod schema;
mod ui;

pub use control::{Choice, Control, Listing};
pub use field::{Field, FieldKind};
pub use options::OptionsFrom;
pub use period::{Days, OWN_DAYS, Period, Preset};
pub use read::FormFaults;

use serde_json::{Map, Value};

/// Most fields of one form.
pub const FIELDS_MAX: usize = 40;

/// What a person fills in to start a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    fields: Vec<Field>,
}

impl Form {
    /// The form of a parameter schema, or every fault of that schema in words.
    pub fn from_schema(schema: &Value) -> Result<Self, Vec<String>> {
        schema::fields(schema).map(|fields| Self { fields })
    }

    /// The form as `params.ui.json` has it: order, labels, help, placeholders, controls; or every fault of that file.
    pub fn dressed(self, ui: &Value) -> Result<Self, Vec<String>> {
        ui::dress(self.fields, ui).map(|fields| Self { fields })
    }

    /// The fields in their order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Reads what a browser sent. Names that are no field (the token, the customers) are left to their own readers.
    pub fn read(&self, pairs: &[(String, String)]) -> Result<Map<String, Value>, FormFaults> {
        read::read(&self.fields, pairs)
    }

    /// The same, where what is wrong with it is not asked yet: fields that can be read.
    pub fn filled(&self, pairs: &[(String, String)]) -> Map<String, Value> {
        let alone = |field: &Field| read::read(std::slice::from_ref(field), pairs).ok();
        self.fields.iter().filter_map(alone).flatten().collect()
    }

    /// Controls to draw: with defaults, or with what was sent and what is wrong with it.
    pub fn controls(&self, sent: Option<&[(String, String)]>, faults: &FormFaults) -> Vec<Control> {
        self.fields
            .iter()
            .map(|field| control::control(field, sent, faults))
            .collect()
    }
}

#[cfg(test)]
mod tests;
