//! A tenant's own contracts: `tenants/<tenant>/<dataset>/v<N>/{row,document}.schema.json`, each narrower than the dataset's.

use crate::ids::{DatasetId, TenantId};

/// Where they lie.
pub(super) const FOLDER: &str = "tenants/";

/// Which contract a file narrows for whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) tenant: TenantId,
    pub(super) dataset: DatasetId,
    pub(super) version: u16,
}

/// Reads a path below the schema folder; `data_file` names the schema of a dataset's version, where there is one.
///
/// # Errors
/// What is wrong with the path.
pub(super) fn place(
    path: &str,
    data_file: impl Fn(&DatasetId, u16) -> Option<&'static str>,
) -> Result<Place, &'static str> {
    let steps: Vec<&str> = path.split('/').collect();
    let [_, tenant, dataset, version, file] = steps.as_slice() else {
        return Err("is not tenants/<tenant>/<dataset>/v<N>/<file>");
    };
    let tenant = tenant.parse().map_err(|_| "names no tenant")?;
    let dataset = dataset.parse().map_err(|_| "names no dataset")?;
    let version = version
        .strip_prefix('v')
        .filter(|digits| !digits.starts_with(['0', '+']))
        .and_then(|digits| digits.parse().ok())
        .ok_or("names no version")?;
    match data_file(&dataset, version) {
        None => Err("narrows a dataset or version that this folder does not have"),
        Some(name) if file.strip_suffix(".schema.json") != Some(name) => {
            Err("is not named as the dataset's own schema of a row or document")
        }
        Some(_) => Ok(Place {
            tenant,
            dataset,
            version,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<(&str, &str, u16), &str>) {
        let known = |dataset: &DatasetId, version| {
            (dataset.as_str() == "devices" && version <= 12).then_some("row")
        };
        let found = place(path, known);
        let found = found.as_ref().map(|place| {
            let Place {
                tenant,
                dataset,
                version,
            } = place;
            (tenant.as_str(), dataset.as_str(), *version)
        });
        assert_eq!(found.map_err(|problem| *problem), expected, "{path}");
    }

    #[test]
    fn a_path_says_what_is_narrowed_for_whom() {
        check(
            "tenants/acme/devices/v1/row.schema.json",
            Ok(("acme", "devices", 1)),
        );
        check(
            "tenants/acme/devices/v12/row.schema.json",
            Ok(("acme", "devices", 12)),
        );
        let unknown = Err("narrows a dataset or version that this folder does not have");
        check("tenants/acme/devices/v13/row.schema.json", unknown);
        check("tenants/acme/tickets/v1/row.schema.json", unknown);
        let named = Err("is not named as the dataset's own schema of a row or document");
        check("tenants/acme/devices/v1/document.schema.json", named);
        check("tenants/acme/devices/v1/params.schema.json", named);
        check("tenants/acme/devices/v1/row.json", named);
        check(
            "tenants/ACME/devices/v1/row.schema.json",
            Err("names no tenant"),
        );
        check(
            "tenants/acme/../v1/row.schema.json",
            Err("names no dataset"),
        );
        for version in ["1", "v", "v01", "v+1", "v-1", "v70000"] {
            check(
                &format!("tenants/acme/devices/{version}/row.schema.json"),
                Err("names no version"),
            );
        }
        check(
            "tenants/acme/devices.json",
            Err("is not tenants/<tenant>/<dataset>/v<N>/<file>"),
        );
    }
}
