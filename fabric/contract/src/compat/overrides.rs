//! Tenants' own contracts: whether each only narrows.

use super::{Loss, narrows};
use crate::dataset::{Override, Registry};
use crate::ids::{DatasetId, TenantId};

/// A tenant's own contract that is not shown to be narrower than the dataset's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the contract of tenant {tenant} for {dataset} v{version} accepts what the dataset's own does not{}; \
     hint: a tenant's contract may only narrow: fewer members, shorter texts, smaller ranges, fewer values",
    told(.losses)
)]
pub struct Widens {
    /// Whose.
    pub tenant: TenantId,
    /// Of what.
    pub dataset: DatasetId,
    /// In which major version.
    pub version: u16,
    /// What it accepts beyond the dataset's.
    pub losses: Vec<Loss>,
}

fn told(losses: &[Loss]) -> String {
    let place = |loss: &Loss| match loss.pointer.as_str() {
        "" => ": as a whole".to_owned(),
        pointer => format!(": at {pointer}"),
    };
    losses.first().map(place).unwrap_or_default()
}

/// Checks that every tenant's own contract only narrows.
///
/// # Errors
/// The first that does not, or of which nothing shows it.
pub fn check_overrides(registry: &Registry) -> Result<(), Widens> {
    registry.overrides().try_for_each(check_override)
}

/// Checks that one tenant's own contract only narrows.
///
/// # Errors
/// When it does not, or nothing shows that it does.
pub fn check_override(narrowed: Override<'_>) -> Result<(), Widens> {
    let Override {
        tenant,
        dataset,
        schema,
    } = narrowed;
    narrows(&dataset.data_schema, schema).map_err(|losses| Widens {
        tenant: tenant.clone(),
        dataset: dataset.id.clone(),
        version: dataset.version,
        losses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::sha256_hex;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn row() -> Value {
        json!({
            "type": "object", "additionalProperties": false, "required": ["host"],
            "properties": {
                "host": {"type": "string", "maxLength": 63, "x-text": "ident"},
                "note": {"type": "string", "maxLength": 400, "x-text": "line"},
            },
        })
    }

    /// A folder with one dataset, and one contract of acme for it.
    fn folder(narrowed: &Value) -> Registry {
        let about = json!({
            "id": "devices", "title": "Devices", "description": "All of them.", "shape": "rows",
            "kinds": ["pull"], "max_age_s": 60, "personal_data": true,
        });
        let mut files: BTreeMap<&str, String> = BTreeMap::from([
            ("devices/dataset.json", about.to_string()),
            (
                "devices/v1/params.schema.json",
                r#"{"type":"object"}"#.to_owned(),
            ),
            ("devices/v1/row.schema.json", row().to_string()),
            (
                "tenants/acme/devices/v1/row.schema.json",
                narrowed.to_string(),
            ),
        ]);
        let digests: BTreeMap<_, _> = files
            .iter()
            .map(|(path, text)| (*path, sha256_hex(text.as_bytes())))
            .collect();
        let index = json!({"datasets": [{"id": "devices", "version": 1}], "files": digests});
        files.insert("registry.json", index.to_string());
        let read = |path: &str| {
            let text = files.get(path).ok_or(std::io::ErrorKind::NotFound)?;
            Ok(text.clone().into_bytes())
        };
        Registry::load(read).unwrap()
    }

    #[track_caller]
    fn check(edit: impl FnOnce(&mut Value), expected: Result<(), &str>) {
        let mut narrowed = row();
        edit(&mut narrowed);
        let registry = folder(&narrowed);
        assert_eq!(registry.overrides().count(), 1);
        match (check_overrides(&registry), expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, _) => panic!("{narrowed}: {found:?}"),
        }
    }

    #[test]
    fn a_tenants_contract_may_only_narrow() {
        check(|_| {}, Ok(()));
        check(
            |schema| schema["properties"]["host"]["maxLength"] = json!(20),
            Ok(()),
        );
        check(
            |schema| schema["required"] = json!(["host", "note"]),
            Ok(()),
        );
        check(
            |schema| schema["properties"]["host"]["enum"] = json!(["a", "b"]),
            Ok(()),
        );
        check(|schema| schema["properties"]["note"] = json!(false), Ok(()));
        check(
            |schema| schema["properties"]["note"]["x-text"] = json!("cell"),
            Ok(()),
        );
        let wider = Err(
            "the contract of tenant acme for devices v1 accepts what the dataset's own does not",
        );
        check(
            |schema| schema["properties"]["host"]["maxLength"] = json!(64),
            wider,
        );
        check(|schema| schema["required"] = json!([]), wider);
        check(|schema| schema["additionalProperties"] = json!(true), wider);
        check(
            |schema| schema["properties"]["note"]["x-text"] = json!("block"),
            wider,
        );
        check(
            |schema| schema["properties"]["owner"] = json!({"type": "string", "maxLength": 9}),
            wider,
        );
        check(|schema| *schema = json!(true), wider);
    }
}
